"""Making the function that workers call from the one that `map` was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.options import Options
from paramsurvey.errors import WorkerFunctionError
from paramsurvey.transport.messages import WorkerFunction
from paramsurvey.transport.pickling import check_function
from paramsurvey.worker.keywords import (
    EXTRAS,
    HintedWorker,
    KeywordFunction,
    KeywordWorker,
    check_keys_fit,
    keywords_hint,
    refuse_async_and_generators,
    takes,
    with_signature,
)

if TYPE_CHECKING:
    from paramsurvey.params.sources import PsetSource


def check_worker_function(func: Any) -> None:
    """Refuse what can be neither a worker function nor one for `keywords`.

    Raises
    ------
    WorkerFunctionError
    """
    if not isinstance(func, KeywordFunction):
        check_function(func)
        refuse_async_and_generators(func)


def as_worker_function(
    func: Any, source: PsetSource, options: Options, backend: str, say: Callable[[str], object]
) -> WorkerFunction:
    """Return the worker function; wrap a `KeywordFunction` if its parameters fit the psets.

    Parameters
    ----------
    func : callable
        Checked by `check_worker_function`.
    source : PsetSource
    options : Options
    backend : str
        The backend's name. A pset's key of this name has options for the backend.
    say : callable
        Called with a hint if a function looks like one for `keywords`.

    Raises
    ------
    WorkerFunctionError
        The psets' keys do not fit the function's parameters.
    """
    names = _keys(source)
    if isinstance(func, KeywordFunction):
        return _keyword_worker(func, names, options, backend)
    note = keywords_hint(func, names or ())
    if not note:
        return func  # type: ignore[no-any-return]  # it was checked
    say(note)
    return HintedWorker(func, note)


def _keys(source: PsetSource) -> tuple[str, ...] | None:
    """Return the psets' keys; None if there are no psets."""
    from paramsurvey.params.sources import PsetStream

    if isinstance(source, PsetStream):
        return source.first_keys()
    return source.names if len(source) else None


def _keyword_worker(
    func: KeywordFunction[..., Any], names: tuple[str, ...] | None, options: Options, backend: str
) -> KeywordWorker:
    if options.user_kwargs is not None and options.out_func is None and not takes(func, "user_kwargs"):
        raise WorkerFunctionError(
            f"user_kwargs= would not reach {with_signature(func.__wrapped__)}: give it a parameter "
            "user_kwargs, or give it constants with functools.partial"
        )
    dropped = () if takes(func, backend) else (backend,)
    if names is not None:
        has_state = options.worker_init is not None or "worker_state" in (options.system_kwargs or {})
        extras = [name for name in EXTRAS if name != "worker_state" or has_state]
        check_keys_fit(func, [name for name in names if name not in dropped], extras)
    return KeywordWorker(func, dropped, bool(options.batch))
