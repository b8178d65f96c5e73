"""The options as keyword parameters, as type checkers, editors and `help` see them.

The types are here; everything else about the options is in `engine/options`. A test compares the two.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from enum import StrEnum
from inspect import Parameter, Signature, cleandoc, signature
from os import PathLike
from typing import Any, Literal, TextIO, TypedDict, TypeVar

from paramsurvey.engine.options import DEFAULTS, OPTION_INFO, OptionScope
from paramsurvey.transport.messages import OutFunction

Function = TypeVar("Function", bound=Callable[..., Any])
Path = str | PathLike[str]
PLACEHOLDER = "**options"  # the line of a docstring where the options are to be listed


class CommonOptions(TypedDict, total=False):
    """What both `init` and `map` take. None means "not given", unless it is a value of the option."""

    verbose: int | None
    vstats: int | None
    capture_output: Literal["pass", "log", "store"] | None
    limit: int | None
    pset_types: Literal["given", "column"] | None
    timeout: float | None
    retries: int | None
    retry_on: type[BaseException] | Iterable[type[BaseException]] | None
    view: bool | None
    max_failures: int | None
    max_worker_memory: int | str | None
    carbon_server: str | None
    carbon_port: int | None
    carbon_prefix: str | None
    metrics_port: int | str | None
    metrics_file: Path | None
    stop_signals: str | Iterable[str | int] | None
    multiprocessing: Mapping[str, Any] | None
    ray: Mapping[str, Any] | None
    serial: Mapping[str, Any] | None
    futures: Mapping[str, Any] | None


class InitOptions(CommonOptions, total=False):
    """What `init` and `Session` take."""

    backend: str | Executor | None
    ncores: int | None
    max_tasks_per_child: int | None
    isolate: bool | None
    worker_init: Callable[[], Any] | None
    start_timeout: float | None
    threads_per_worker: int | None
    pslogger_prefix: Path | None
    pslogger_fd: TextIO | None


class MapOptions(CommonOptions, total=False):
    """What `map` takes besides ``out_func``, which may also be a positional argument there."""

    checkpoint: Path | None
    retry_failed: bool | None
    on_change: Literal["warn", "error", "ignore"] | None
    store_user_kwargs: bool | None
    system_kwargs: Mapping[str, Any] | None
    user_kwargs: Any
    chdir: Path | None
    out_subdirs: int | None
    progress_dt: float | None
    group_size: int | None
    batch: bool | int | None
    order: Literal["given", "longest"] | None
    name: str | None
    keep_results: bool | None


class IterationOptions(MapOptions, total=False):
    """What `imap_unordered` takes."""

    out_func: OutFunction | None


def lists_options(options: type) -> Callable[[Function], Function]:
    """Decorate a function with ``**options`` so that `inspect.signature` and `help` show each option.

    In its docstring, the line ``**options`` and what is indented below it are replaced by an entry for each
    option.
    """

    def document(function: Function) -> Function:
        function.__signature__ = _signature(function, options)  # type: ignore[attr-defined]  # inspect reads it
        function.__doc__ = _with_entries(function.__doc__ or "", _entries(options))
        return function

    return document


def types_of(options: type) -> dict[str, Any]:
    """Return the type of each option, in the order of the documentation, with the backends at the end."""
    order = {name: at for at, name in enumerate(OPTION_INFO)}
    types: dict[str, Any] = options.__annotations__
    return {name: types[name] for name in sorted(types, key=lambda name: order.get(name, len(order)))}


def default_of(name: str, options: type) -> Any:
    """Return an option's default: for `map`, None if an option that is left out is the one of `init`."""
    info = OPTION_INFO.get(name)
    if info is None or (info.scope is OptionScope.BOTH and options is not InitOptions):
        return None
    default = getattr(DEFAULTS, name)
    return str(default) if isinstance(default, StrEnum) else default


def _signature(function: Callable[..., Any], options: type) -> Signature:
    own = signature(function)
    named = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default_of(name, options), annotation=hint)
        for name, hint in types_of(options).items()
    ]
    before = [each for each in own.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    return own.replace(parameters=[*before, *named])


def _entries(options: type) -> list[str]:
    """Return the options' entries for the section "Parameters" of a docstring."""
    lines = []
    for name in types_of(options):
        info, default = OPTION_INFO.get(name), default_of(name, options)
        said = "optional" if default is None else f"default {default!r}"
        if info is None:
            kind, doc = "dict", f"Options for the backend {name!r}, which others ignore."
        else:
            kind, doc = info.kind, info.doc
        lines += [f"{name} : {kind}, {said}", f"    {doc}"]
    return lines


def _with_entries(doc: str, entries: list[str]) -> str:
    lines = cleandoc(doc).splitlines()
    begin = lines.index(PLACEHOLDER)
    end = next((at for at in range(begin + 1, len(lines)) if not lines[at].startswith("    ")), len(lines))
    return "\n".join([*lines[:begin], *entries, *lines[end:]])
