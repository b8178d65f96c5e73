"""Ordinary functions as worker functions: `paramsurvey.keywords`."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, overload

from paramsurvey.errors import WorkerFunctionError
from paramsurvey.transport.pickling import clipped_signature

EXTRAS = ("user_kwargs", "system_kwargs", "worker_state")
"""What a function gets besides the pset, if it has parameters with these names."""

DEFAULT_RESULT = "result"
WITHOUT_DEFAULT = inspect.Parameter.empty
GIVEN_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
P = ParamSpec("P")
R = TypeVar("R")


class KeywordFunction(Generic[P, R]):
    """A function that `paramsurvey.map` calls with the psets' keys as keywords. Other calls work as before.

    Parameters
    ----------
    function : callable
    result : str
        The column for a result that is neither None, a dict, a named tuple nor a dataclass.
    """

    __wrapped__: Callable[P, R]

    def __init__(self, function: Callable[P, R], result: str = DEFAULT_RESULT) -> None:
        # without the __dict__ of a class or an object, which may hold what cannot be sent to workers
        updated = functools.WRAPPER_UPDATES if inspect.isroutine(function) else ()
        functools.update_wrapper(self, function, updated=updated)
        self.result = result

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<keywords({name_of(self.__wrapped__)})>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by name what a decorator has put into a module, as a plain function would be."""
        module = getattr(self, "__module__", None)
        if module in _pickled_by_value() or not self._is_found_in(module):
            return super().__reduce_ex__(protocol)
        return found, (module, self.__qualname__)  # type: ignore[attr-defined]  # of the function

    def _is_found_in(self, module: Any) -> bool:
        try:
            return found(module, self.__qualname__) is self  # type: ignore[attr-defined]  # of the function
        except (AttributeError, ImportError, TypeError, ValueError):
            return False


def found(module: str, name: str) -> Any:
    """Return what a module has under a dotted name. Pickles call this function, so it keeps its name."""
    import importlib

    return operator.attrgetter(name)(importlib.import_module(module))


def _pickled_by_value() -> set[str]:
    import cloudpickle

    return {"__main__", "__mp_main__", *cloudpickle.list_registry_pickle_by_value()}


@overload
def keywords(function: Callable[P, R], /, *, result: str = DEFAULT_RESULT) -> KeywordFunction[P, R]: ...


@overload
def keywords(*, result: str = DEFAULT_RESULT) -> Callable[[Callable[P, R]], KeywordFunction[P, R]]: ...


def keywords(function: Any = None, /, *, result: str = DEFAULT_RESULT) -> Any:
    """Let `map` call a function with the psets' keys as keyword arguments.

    ``paramsurvey.map(paramsurvey.keywords(model), params.grid(x=[1, 2], y=[3]))`` calls ``model(x=1, y=3)``
    and ``model(x=2, y=3)``. The psets' keys are compared with the function's parameters before any work.

    Parameters
    ----------
    function : callable, optional
        Any function, method or `functools.partial`. A partial carries constants; its large arrays are shared
        by the workers of a machine. If the function changes them, the next psets of that worker see it,
        whereas each pset gets its own copy of `user_kwargs`. Without a function, `keywords` returns a
        decorator. A decorated function can still be called as before.
        If the function has parameters called ``user_kwargs``, ``system_kwargs`` or ``worker_state``, and the
        psets have no such keys, it gets what a worker function gets under these names.
    result : str
        The result column of a function that returns one value: a number, a string, an array or any other
        object. A dict becomes a column for each key; a named tuple or a dataclass, a column for each field;
        None, no column.

    Returns
    -------
    KeywordFunction
        For `map`, `imap_unordered` and `missing.reproduce`.

    Raises
    ------
    WorkerFunctionError
        A TypeError and ValueError: this is not a function, it has parameters that cannot be given by name, or
        it is ``async`` or a generator function. `map` raises it if the psets' keys do not fit the function's
        parameters.
    ValueError
        `result` cannot be the name of a column.

    Examples
    --------
    >>> import paramsurvey
    >>> def area(width, height=2):
    ...     return width * height
    >>> paramsurvey.map(paramsurvey.keywords(area), [{"width": 3}], verbose=0)  # doctest: +SKIP
       width  result
    0      3       6
    >>> @paramsurvey.keywords(result="loss")
    ... def train(rate):
    ...     return rate**2
    >>> train(rate=3)
    9
    """
    if not isinstance(result, str) or not result.isidentifier() or result.startswith("_"):
        raise ValueError(
            f"result={result!r} cannot be the name of a column: "
            "give a name such as 'loss', without spaces, that does not begin with '_'"
        )
    if function is None:
        return functools.partial(_keywords, result=result)
    return _keywords(function, result)


def _keywords(function: Any, result: str) -> KeywordFunction[Any, Any]:
    if isinstance(function, KeywordFunction):
        function = function.__wrapped__
    if not callable(function):
        raise WorkerFunctionError(
            f"keywords() takes a function, not {function!r:.100}: write keywords(model), or @keywords above"
        )
    refuse_async_and_generators(function)
    for parameter in _parameters(function) or ():
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is WITHOUT_DEFAULT:
            raise WorkerFunctionError(
                f"{with_signature(function)} takes {parameter.name!r} by position only, but psets are "
                "given by name: wrap it in a function with named parameters"
            )
    return KeywordFunction(function, result)


class KeywordWorker:
    """The worker function that calls a `KeywordFunction`.

    Parameters
    ----------
    function : KeywordFunction
    dropped : collection of str
        Keys of psets that the function does not take: the options for a backend.
    in_batches : bool
        Whether the function takes columns. A DataFrame that it returns then has the columns of the result.
    """

    def __init__(
        self, function: KeywordFunction[..., Any], dropped: Collection[str] = (), in_batches: bool = False
    ) -> None:
        self.__wrapped__ = function
        self.result = function.result
        self._dropped = tuple(dropped)
        self._in_batches = in_batches
        taken = {parameter.name for parameter in _parameters(function.__wrapped__) or ()}
        self._extras = tuple(name for name in EXTRAS if name in taken)

    def __call__(self, pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> Any:
        """Return what the function returns as a dict, or None."""
        for name in self._dropped:
            pset.pop(name, None)
        if self._extras:
            pset = {**self._extra_values(system_kwargs, user_kwargs), **pset}
        value = self.__wrapped__(**pset)
        if self._in_batches and is_table(value):
            return value
        columns = columns_of(value, self.result)
        if self.result in pset and columns is not value and columns.get(self.result) is value:
            name = name_of(self.__wrapped__.__wrapped__)
            raise ValueError(
                f"the value that {name} returned would replace the psets' own {self.result!r}: "
                f"name its column: keywords({name}, result='...')"
            )
        return columns

    def _extra_values(self, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        values = {"user_kwargs": user_kwargs, "system_kwargs": system_kwargs}
        if "worker_state" in system_kwargs:
            values["worker_state"] = system_kwargs["worker_state"]
        return {name: values[name] for name in self._extras if name in values}


def is_table(value: Any) -> bool:
    """Tell whether a value is a DataFrame, of pandas or another library."""
    return hasattr(type(value), "columns") and hasattr(type(value), "__getitem__")


def columns_of(value: Any, name: str) -> Any:
    """Return what an ordinary function returned as result columns; None if it returned nothing.

    Examples
    --------
    >>> columns_of(3, "loss")
    {'loss': 3}
    >>> columns_of({"a": 1}, "loss")
    {'a': 1}
    """
    if value is None or isinstance(value, dict):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(type(value), "__dataclass_fields__"):
        from dataclasses import fields

        return {field.name: getattr(value, field.name) for field in fields(value)}
    if inspect.isgenerator(value) or inspect.isasyncgen(value) or inspect.iscoroutine(value):
        return value  # to be refused, as from any worker function
    return {name: value}


class HintedWorker:
    """A worker function that seems meant for `keywords`: a note on its exceptions says how it is called.

    Parameters
    ----------
    function : callable
    note : str
        Added to its exceptions.
    """

    def __init__(self, function: Callable[..., Any], note: str) -> None:
        self.__wrapped__ = function
        self._note = note

    def __call__(self, pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> Any:
        """Return what the function returns."""
        try:
            return self.__wrapped__(pset, system_kwargs, user_kwargs)
        except Exception as error:
            error.add_note(self._note)
            raise


def keywords_hint(function: Any, names: Collection[str]) -> str:
    """Return a hint about a worker function whose parameters are keys of the psets; else an empty text."""
    parameters = _parameters(function) or []
    required = [parameter.name for parameter in parameters if parameter.default is WITHOUT_DEFAULT][:3]
    if not required or len(parameters) < 3 or not set(required) <= set(names):
        return ""
    name = name_of(function)
    return (
        f"{with_signature(function)} is called as {name}(pset, system_kwargs, user_kwargs), where pset is a "
        f"dict; to call it with the psets' keys, give paramsurvey.keywords({name})"
    )


# ---- checking, before any work


def refuse_async_and_generators(function: Any) -> None:
    """Refuse a function that returns a coroutine or a generator instead of a result.

    Raises
    ------
    WorkerFunctionError
    """
    call = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    call = function if isinstance(function, functools.partial) else call
    if inspect.iscoroutinefunction(call):
        kind, remedy = "async", "call it with asyncio.run() in a plain function, and give that"
    elif inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        kind, remedy = "a generator function", "replace its yield by a return"
    else:
        return
    raise WorkerFunctionError(
        f"{with_signature(function)} is {kind}: calling it would compute nothing for a pset; {remedy}"
    )


def check_keys_fit(
    function: KeywordFunction[..., Any], names: Collection[str], extras: Collection[str]
) -> None:
    """Refuse psets whose keys the function does not take, or that lack what it needs.

    Parameters
    ----------
    function : KeywordFunction
    names : collection of str
        The psets' keys.
    extras : collection of str
        Those of `EXTRAS` that this map has.

    Raises
    ------
    WorkerFunctionError
        Says what is missing and what is unknown, or that the name of the result is a key of the psets.
    """
    if function.result in names and function.result != DEFAULT_RESULT:
        raise WorkerFunctionError(
            f"result={function.result!r} is a key of the psets, which the value would replace: "
            "give the result another name"
        )
    parameters = _parameters(function.__wrapped__)
    if parameters is None:  # a C function that does not tell
        return
    by_name = {parameter.name: parameter for parameter in parameters if parameter.kind in GIVEN_BY_NAME}
    taken, known = list(by_name), {*names, *extras}
    required = [name for name, parameter in by_name.items() if parameter.default is WITHOUT_DEFAULT]
    missing = [name for name in required if name not in known]
    unknown = [name for name in names if name not in taken]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        unknown = []
    if missing:
        raise WorkerFunctionError(
            f"{with_signature(function.__wrapped__)} needs {quoted(missing)}, which the psets do not have"
            f"{_mismatch(names, unknown)}: {_remedy(missing, unknown)}"
        )
    if unknown:
        from difflib import get_close_matches  # here, because only an error needs it

        close = get_close_matches(unknown[0], [name for name in taken if name not in names], n=1)
        raise WorkerFunctionError(
            f"{with_signature(function.__wrapped__)} has no parameter {quoted(unknown)}, which the psets have"
            f"{f' (did you mean {close[0]!r}?)' if close else ''}: "
            "add it to the function, or drop it from the psets"
        )


def takes(function: KeywordFunction[..., Any], name: str) -> bool:
    """Tell whether a function has a parameter with this name; True if that is not known."""
    parameters = _parameters(function.__wrapped__)
    return parameters is None or any(parameter.name == name for parameter in parameters)


def _mismatch(names: Collection[str], unknown: list[str]) -> str:
    if unknown:
        return f", and does not take {quoted(unknown)}, which they have"
    return f" (their keys are {quoted(names)})" if names else " (they have no keys)"


def _remedy(missing: list[str], unknown: list[str]) -> str:
    if missing == ["worker_state"]:
        return "give init() a worker_init, whose value it is"
    if unknown:
        return "give both the same names"
    return "add it to the psets, give it a default, or set it with functools.partial"


def quoted(names: Collection[str]) -> str:
    """Return names, quoted, for a sentence."""
    return ", ".join(map(repr, names))


def with_signature(function: Any) -> str:
    """Return a function's name and signature, for a sentence."""
    parameters = [parameter.replace(annotation=WITHOUT_DEFAULT) for parameter in _parameters(function) or ()]
    return f"{name_of(function)}{clipped_signature(inspect.Signature(parameters))}"


def name_of(function: Any) -> str:
    """Return a function's name; of a partial, that of its function."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _parameters(function: Any) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
