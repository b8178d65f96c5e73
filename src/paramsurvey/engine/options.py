"""Every option once: its name, type, default, environment variable, place and documentation."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from paramsurvey.errors import OptionError, UnknownOption, suggestion
from paramsurvey.transport.messages import CaptureMode


class OptionScope(StrEnum):
    """Where an option may be given."""

    INIT = "init"
    MAP = "map"
    BOTH = "init, map"


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """What is known of an option beside its name and default.

    Parameters
    ----------
    parse : callable
        Turns a value or an environment variable's text into the option's type, or raises ValueError
        or TypeError.
    kind : str
        The type as the documentation calls it.
    doc : str
    place : OptionScope
    env : bool
        Whether ``PARAMSURVEY_<NAME>`` sets it.
    takes_none : bool
        Whether None is a value like others, and not the same as leaving the option out.
    """

    parse: Callable[[Any], Any]
    kind: str
    doc: str
    place: OptionScope = OptionScope.BOTH
    env: bool = False
    takes_none: bool = False


class ValueDoesNotFit(ValueError):
    """An option cannot have this value; the message goes on after "which is"."""


def variable(name: str) -> str:
    """Return the environment variable of an option."""
    return f"PARAMSURVEY_{name.upper()}"


def _integer(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueDoesNotFit("not a whole number")
    return int(value)


def _positive(value: Any) -> int:
    number = _integer(value)
    if number < 1:
        raise ValueDoesNotFit("not positive")
    return number


def _natural(value: Any) -> int:
    number = _integer(value)
    if number < 0:
        raise ValueDoesNotFit("negative")
    return number


def _seconds(value: Any) -> float:
    number = float(value)
    if not number >= 0 or math.isinf(number):
        raise ValueDoesNotFit("not a number of seconds")
    return number


def _positive_seconds(value: Any) -> float:
    number = _seconds(value)
    if number == 0:
        raise ValueDoesNotFit("not positive")
    return number


def _limit(value: Any) -> int | None:
    number = _integer(value)
    return number if number > 0 else None


def _count(value: Any) -> int | None:
    return _natural(value) or None


def _bytes(value: Any) -> int:
    """Read a number of bytes, or a text such as ``'2GB'``, ``'500 MiB'``."""
    if not isinstance(value, str):
        return _positive(value)
    found = re.fullmatch(r"\s*([0-9.]+)\s*(?:([kMGT]?)(i?)B)?\s*", value, re.IGNORECASE)
    if found is None:
        raise ValueDoesNotFit("not a number of bytes such as 2000000000, '2GB' or '500MiB'")
    number, unit, binary = found.groups()
    step = 1024 if binary else 1000
    return _positive(round(float(number) * step ** " kmgt".index((unit or " ").lower())))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueDoesNotFit("not a string")
    return value


def _boolean(value: Any) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    if value in (0, 1):  # True and False are these, too
        return bool(value)
    raise ValueDoesNotFit("neither true nor false")


def _anything(value: Any) -> Any:
    return value


def _path(value: Any) -> str:
    import os

    return os.fsdecode(os.fspath(value))


def _path_or_none(value: Any) -> str | None:
    return None if value is None else _path(value)


def _directory(value: Any) -> str:
    path = _path(value)
    if not path:
        raise ValueDoesNotFit("empty (give a directory, '.' for the current one)")
    return path


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueDoesNotFit("not a dict with strings as keys")
    return dict(value)


def _capture_mode(value: Any) -> CaptureMode:
    if value not in list(CaptureMode):
        raise ValueDoesNotFit("none of these")
    return CaptureMode(value)


def _function(value: Any) -> Any:
    if not callable(value):
        raise ValueDoesNotFit("not callable")
    return value


def _exceptions(value: Any) -> tuple[type[BaseException], ...]:
    classes = tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    if not all(isinstance(one, type) and issubclass(one, BaseException) for one in classes):
        raise ValueDoesNotFit("not a tuple of exception classes")
    return classes


def _signals(value: Any) -> tuple[str, ...]:
    import signal

    names = value.replace(",", " ").split() if isinstance(value, str) else value
    known = [name if isinstance(name, str) else signal.Signals(name).name for name in names]
    for name in known:
        if name not in signal.Signals.__members__ or name in ("SIGKILL", "SIGSTOP"):
            raise ValueDoesNotFit(f"not a signal that can be handled: {name}")
    return tuple(known)


def _on_change(value: Any) -> str:
    if value not in ("warn", "error", "ignore"):
        raise ValueDoesNotFit("not one of 'warn', 'error' and 'ignore'")
    return str(value)


def _pset_types(value: Any) -> str:
    if value not in ("given", "column"):
        raise ValueDoesNotFit("neither 'given' nor 'column'")
    return str(value)


def _stream(value: Any) -> Any:
    if not hasattr(value, "write"):
        raise ValueDoesNotFit("not an open text stream")
    return value


def option(
    default: Any,
    parse: Callable[[Any], Any],
    kind: str,
    doc: str,
    place: OptionScope = OptionScope.BOTH,
    env: bool = False,
    takes_none: bool = False,
) -> Any:
    """Declare an option: a dataclass field that carries its `OptionInfo`."""
    return field(default=default, metadata={"about": OptionInfo(parse, kind, doc, place, env, takes_none)})


@dataclass(frozen=True, slots=True)
class Options:
    """All options of one map, resolved."""

    backend: Any = option(
        "multiprocessing",
        _anything,
        "str or Executor",
        "What runs the psets: a backend's name, or any concurrent.futures.Executor.",
        OptionScope.INIT,
        env=True,
    )
    ncores: int | None = option(
        None,
        _integer,
        "int",
        "Workers to use; all that this process may use by default; negative: leave that many unused.",
        OptionScope.INIT,
        env=True,
    )
    max_tasks_per_child: int | None = option(
        None,
        _count,
        "int",
        "Psets that a worker runs before it is replaced; never by default.",
        OptionScope.INIT,
        env=True,
    )
    worker_init: Any = option(
        None,
        _function,
        "function",
        "Called without arguments, once in each worker; what it returns is system_kwargs['worker_state'].",
        OptionScope.INIT,
    )
    threads_per_worker: int = option(
        1,
        _positive,
        "int",
        "Threads that numerical libraries may use in each worker; without ncores, so many fewer workers.",
        OptionScope.INIT,
        env=True,
    )
    verbose: int = option(
        1,
        _natural,
        "int",
        "0: print nothing; 1: progress every 30 s; 2: every second; 3: every action.",
        env=True,
    )
    vstats: int = option(1, _natural, "int", "The same scale for the performance statistics.", env=True)
    capture_output: CaptureMode = option(
        CaptureMode.PASS,
        _capture_mode,
        "'pass', 'log' or 'store'",
        "What psets print: passed on, written to one log per worker, or kept for results.output_of().",
        env=True,
    )
    limit: int | None = option(None, _limit, "int", "Compute only the first so many psets; 0: all.", env=True)
    pset_types: str = option(
        "given",
        _pset_types,
        "'given' or 'column'",
        "What psets from a list of dicts hold: the values given, or the types of columns, as in release 0.4.",
    )
    timeout: float | None = option(
        None,
        _positive_seconds,
        "seconds",
        "Stop a pset that runs longer than this; it counts as a failure.",
        env=True,
    )
    retries: int = option(
        0, _natural, "int", "How often a pset that raised or ran out of time is tried again.", env=True
    )
    retry_on: tuple[type[BaseException], ...] | None = option(
        None, _exceptions, "exception classes", "Try again only after these; all by default."
    )
    max_failures: int | None = option(
        None, _count, "int", "End the map when so many psets have failed; 0: never.", env=True
    )
    max_worker_memory: int | None = option(
        None,
        _bytes,
        "bytes, or a text such as '2GB'",
        "Replace a worker that holds more than this after its pset; stop it when one pset makes it so large.",
        env=True,
    )
    carbon_server: str | None = option(None, _text, "str", "Push progress to this Carbon server.")
    carbon_port: int | None = option(None, _positive, "int", "Carbon's pickle port.")
    carbon_prefix: str | None = option(None, _text, "str", "What the names of the metrics begin with.")
    pslogger_prefix: str | None = option(
        ".paramsurvey-",
        _path_or_none,
        "str or None",
        "What the hidden log file's name begins with; None: no log file.",
        OptionScope.INIT,
        takes_none=True,
    )
    pslogger_fd: Any = option(
        None, _stream, "text stream", "An open stream to log to instead of a file.", OptionScope.INIT
    )
    stop_signals: tuple[str, ...] = option(
        ("SIGTERM",),
        _signals,
        "names of signals",
        "Signals that end a map as Ctrl-C does: what finished is kept, nothing is left behind.",
        env=True,
    )
    checkpoint: str | None = option(
        None,
        _directory,
        "path",
        "Keep what finished in this directory, and go on from there.",
        OptionScope.MAP,
        env=True,
    )
    retry_failed: bool = option(
        True,
        _boolean,
        "bool",
        "Run the psets again whose failures are in the checkpoint.",
        OptionScope.MAP,
        env=True,
    )
    on_change: str = option(
        "warn",
        _on_change,
        "'warn', 'error' or 'ignore'",
        "What to do when the function or user_kwargs are not those of the checkpoint.",
        OptionScope.MAP,
        env=True,
    )
    store_user_kwargs: bool = option(
        False,
        _boolean,
        "bool",
        "Write the text of user_kwargs, passwords too, into the checkpoint, to show what has changed.",
        OptionScope.MAP,
        env=True,
    )
    out_func: Any = option(
        None,
        _function,
        "function",
        "Called here as out_func(user_ret, system_kwargs, user_kwargs) for every pset that is done.",
        OptionScope.MAP,
    )
    system_kwargs: Mapping[str, Any] | None = option(
        None, _mapping, "dict", "Added to every worker's system_kwargs.", OptionScope.MAP
    )
    user_kwargs: Any = option(
        None, _anything, "anything", "Given to the worker function as it is.", OptionScope.MAP
    )
    chdir: str | None = option(
        None, _path, "path", "The workers' directory; by default the caller's.", OptionScope.MAP
    )
    out_subdirs: int | None = option(
        None,
        _count,
        "int",
        "Give every pset one of so many names in system_kwargs['out_subdir']; 0: none.",
        OptionScope.MAP,
    )
    progress_dt: float | None = option(
        None, _seconds, "seconds", "Time between progress reports; overrides verbose.", OptionScope.MAP
    )
    group_size: int | None = option(
        None, _positive, "int", "Psets that travel together; adapted by default.", OptionScope.MAP
    )
    name: str = option(
        "default", _text, "str", "Names the statistics and the lines of the log.", OptionScope.MAP
    )
    keep_results: bool = option(
        True,
        _boolean,
        "bool",
        "False: the results stay empty; out_func still sees everything.",
        OptionScope.MAP,
    )


ABOUT: dict[str, OptionInfo] = {one.name: one.metadata["about"] for one in fields(Options)}
DEFAULTS = Options()

Warn = Callable[[str], None]


def check_init(given: Mapping[str, Any], backends: tuple[str, ...]) -> None:
    """Refuse keywords that `init` does not take."""
    _check_names(given, "init()", OptionScope.MAP, "map()", backends)


def check_map(given: Mapping[str, Any], backends: tuple[str, ...]) -> None:
    """Refuse keywords that `map` does not take."""
    _check_names(given, "map()", OptionScope.INIT, "init()", backends)


def _check_names(
    given: Mapping[str, Any], here: str, elsewhere: OptionScope, there: str, backends: tuple[str, ...]
) -> None:
    for name in given:
        if name in backends:
            _parsed(name, name, {} if given[name] is None else given[name], _mapping, "dict")
        elif name not in ABOUT:
            known = [key for key, about in ABOUT.items() if about.place != elsewhere]
            raise UnknownOption(f"{here} has no option {name!r}{suggestion(name, [*known, *backends])}")
        elif ABOUT[name].place == elsewhere:
            raise OptionError(f"{name!r} is no option of {here}: give it to {there} instead")


def resolve(
    environ: Mapping[str, str],
    init: Mapping[str, Any],
    map: Mapping[str, Any] | None = None,
    warn: Warn = lambda text: None,
) -> Options:
    """Return every option's value: environment variable, then map, then init, then default.

    Parameters
    ----------
    environ, init, map : mapping
        Where values come from; None as a value counts as not given, but where an option takes it.
    warn : callable
        Told of an environment variable that is empty.

    Raises
    ------
    OptionError
        A ValueError that names the variable or the argument whose value is wrong.
    """
    given = {**init, **{key: value for key, value in (map or {}).items() if value is not None}}
    values = {
        name: _parsed(name, f"{name}=", given[name], about.parse, about.kind)
        for name, about in ABOUT.items()
        if given.get(name) is not None or (about.takes_none and name in given)
    }
    for name, about in ABOUT.items():
        text = environ.get(variable(name)) if about.env else None
        if text == "":
            warn(
                f"the environment variable {variable(name)} is empty and ignored: unset it or give it a value"
            )
        elif text is not None:
            values[name] = _parsed(name, variable(name), text, about.parse, about.kind)
    return Options(**values)


def _parsed(name: str, source: str, value: Any, parse: Callable[[Any], Any], kind: str) -> Any:
    try:
        return parse(value)
    except ValueDoesNotFit as error:
        reason = f", which is {error}"
    except (ValueError, TypeError):
        reason = ""  # Python's own words say little to a user
    raise OptionError(f"{source} has the value {value!r}{reason}: {name} must be of the type {kind}")


def table() -> str:
    """Return the options as a Markdown table, for the documentation."""
    rows = [
        "| option | environment variable | type | default | where | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for name, about in ABOUT.items():
        env = f"`{variable(name)}`" if about.env else ""
        default = getattr(DEFAULTS, name)
        plain = str(default) if isinstance(default, StrEnum) else default
        shown = "" if plain is None else f"`{plain!r}`"
        rows.append(f"| `{name}` | {env} | {about.kind} | {shown} | {about.place} | {about.doc} |")
    return "\n".join(rows)
