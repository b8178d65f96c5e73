"""All options: the name, type, default, environment variable and documentation of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from enum import StrEnum
from typing import Any

from paramsurvey.engine import option_values
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import CaptureMode


class OptionScope(StrEnum):
    """Where an option may be given."""

    INIT = "init"
    MAP = "map"
    BOTH = "init, map"


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """Everything about an option but its name and default.

    Parameters
    ----------
    parse : callable
        Converts a value, or an environment variable's text, to the option's type, or raises ValueError or
        TypeError: a function of `option_values`.
    kind : str
        What the documentation calls the type.
    doc : str
        What the option does, for the documentation.
    scope : OptionScope
        Where the option may be given.
    env : bool
        Whether the environment variable ``PARAMSURVEY_<NAME>`` sets it.
    takes_none : bool
        Whether None is a value of its own. If not, None means that the option is omitted.
    """

    parse: Callable[[Any], Any]
    kind: str
    doc: str
    scope: OptionScope = OptionScope.BOTH
    env: bool = False
    takes_none: bool = False


def variable(name: str) -> str:
    """Return the name of an option's environment variable."""
    return f"PARAMSURVEY_{name.upper()}"


def option(
    default: Any,
    parse: Callable[[Any], Any],
    kind: str,
    doc: str,
    scope: OptionScope = OptionScope.BOTH,
    env: bool = False,
    takes_none: bool = False,
) -> Any:
    """Declare an option: a dataclass field that carries its `OptionInfo`."""
    return field(default=default, metadata={"info": OptionInfo(parse, kind, doc, scope, env, takes_none)})


@dataclass(frozen=True, slots=True)
class Options:
    """The values of all options for one map."""

    backend: Any = option(
        "multiprocessing",
        option_values.anything,
        "str or Executor",
        "What runs the psets: a backend's name, or any concurrent.futures.Executor.",
        OptionScope.INIT,
        env=True,
    )
    ncores: int | None = option(
        None,
        option_values.integer,
        "int",
        "Number of workers; by default one per core; negative: leave that many cores unused.",
        OptionScope.INIT,
        env=True,
    )
    max_tasks_per_child: int | None = option(
        None,
        option_values.positive_or_none,
        "int",
        "Psets that a worker runs before it is replaced; never by default.",
        OptionScope.INIT,
        env=True,
    )
    isolate: bool = option(
        True,
        option_values.boolean,
        "bool",
        "Have each process of an executor run psets in a worker process of its own; False: in itself.",
        OptionScope.INIT,
        env=True,
    )
    worker_init: Any = option(
        None,
        option_values.function,
        "function",
        "Called without arguments, once in each worker; what it returns is system_kwargs['worker_state'].",
        OptionScope.INIT,
    )
    start_timeout: float = option(
        300.0,
        option_values.positive_seconds,
        "seconds",
        "How long a worker may take to start, to import what the function needs, and to run worker_init.",
        OptionScope.INIT,
        env=True,
    )
    threads_per_worker: int = option(
        1,
        option_values.positive,
        "int",
        "Threads of numerical libraries in each worker; without ncores, fewer workers make up for them.",
        OptionScope.INIT,
        env=True,
    )
    verbose: int = option(
        1,
        option_values.natural,
        "int",
        "0: print nothing; 1: progress every 30 s; 2: every second, and each failure; 3: every action, too.",
        env=True,
    )
    vstats: int = option(
        1,
        option_values.natural,
        "int",
        "Statistics on stderr. 0: none; 1: at the end, if psets have timers of their own; 2: in any case.",
        env=True,
    )
    capture_output: CaptureMode = option(
        CaptureMode.PASS,
        option_values.capture_mode,
        "'pass', 'log' or 'store'",
        "What psets print: passed on, written to one log per worker, or kept for results.output_of().",
        env=True,
    )
    limit: int | None = option(
        None,
        option_values.limit,
        "int or None",
        "Compute only the first N psets; 0 and None: all.",
        env=True,
        takes_none=True,
    )
    pset_types: str = option(
        "given",
        option_values.pset_types,
        "'given' or 'column'",
        "Types of values in psets from dicts: as given, or those of DataFrame columns, as in release 0.4.",
    )
    timeout: float | None = option(
        None,
        option_values.positive_seconds,
        "seconds",
        "Stop a pset that runs longer than this; it counts as a failure.",
        env=True,
    )
    retries: int = option(
        0,
        option_values.natural,
        "int",
        "How often to run a pset again that raised an exception or exceeded the timeout.",
        env=True,
    )
    retry_on: tuple[type[BaseException], ...] | None = option(
        None,
        option_values.exception_classes,
        "exception classes",
        "Run a pset again only after these exceptions; after all by default.",
    )
    view: bool = option(
        False,
        option_values.boolean,
        "bool",
        "Show each map with a checkpoint on a live page in the browser, whose address is printed.",
        env=True,
    )
    max_failures: int | None = option(
        None,
        option_values.positive_or_none,
        "int",
        "End the map when this many psets have failed; 0: never.",
        env=True,
    )
    max_worker_memory: int | None = option(
        None,
        option_values.byte_count,
        "bytes, or a text such as '2GB'",
        "Replace a worker that holds more memory than this after a pset; stop it if one pset needs more.",
        env=True,
    )
    carbon_server: str | None = option(
        None,
        option_values.text_or_none,
        "str or None",
        "Push progress to this Carbon server; None: to none.",
        takes_none=True,
    )
    carbon_port: int | None = option(None, option_values.positive, "int", "Carbon's pickle port.")
    carbon_prefix: str | None = option(
        None, option_values.text, "str", "What the names of the metrics begin with."
    )
    metrics_port: tuple[str, int] | None = option(
        None,
        option_values.address,
        "int, or 'host:port'",
        "Serve progress to Prometheus at this port of 127.0.0.1, or at this address; 0: at any free port.",
        env=True,
    )
    metrics_file: str | None = option(
        None,
        option_values.directory,
        "path",
        "Write progress to this file for Prometheus' node_exporter, whose files end with .prom.",
        env=True,
    )
    pslogger_prefix: str | None = option(
        ".paramsurvey-",
        option_values.path_or_none,
        "str or None",
        "What the hidden log file's name begins with, its directory included; None: no log file.",
        OptionScope.INIT,
        takes_none=True,
    )
    pslogger_fd: Any = option(
        None,
        option_values.text_stream,
        "text stream",
        "An open stream to log to instead of a file.",
        OptionScope.INIT,
    )
    stop_signals: tuple[str, ...] = option(
        ("SIGTERM",),
        option_values.signal_names,
        "names of signals",
        "Signals that end a map as Ctrl-C does: what finished is kept, nothing is left behind.",
        env=True,
    )
    checkpoint: str | None = option(
        None,
        option_values.directory,
        "path",
        "Store results in this directory; if it has some, continue where the survey stopped.",
        OptionScope.MAP,
        env=True,
    )
    retry_failed: bool = option(
        True,
        option_values.boolean,
        "bool",
        "Run psets again that failed in an earlier run of this checkpoint.",
        OptionScope.MAP,
        env=True,
    )
    on_change: str = option(
        "warn",
        option_values.on_change,
        "'warn', 'error' or 'ignore'",
        "What to do when the function or user_kwargs are not those of the checkpoint.",
        OptionScope.MAP,
        env=True,
    )
    store_user_kwargs: bool = option(
        False,
        option_values.boolean,
        "bool",
        "Write user_kwargs as text, passwords included, into the checkpoint, to show later what has changed.",
        OptionScope.MAP,
        env=True,
    )
    out_func: Any = option(
        None,
        option_values.function,
        "function",
        "Called in the caller's process as out_func(user_ret, system_kwargs, user_kwargs) after each pset.",
        OptionScope.MAP,
    )
    system_kwargs: Mapping[str, Any] | None = option(
        None, option_values.mapping, "dict", "Added to the system_kwargs of every pset.", OptionScope.MAP
    )
    user_kwargs: Any = option(
        None, option_values.anything, "anything", "Given to the worker function as it is.", OptionScope.MAP
    )
    chdir: str | None = option(
        None, option_values.path, "path", "The workers' directory; by default the caller's.", OptionScope.MAP
    )
    out_subdirs: int | None = option(
        None,
        option_values.positive_or_none,
        "int",
        "Give every pset one of this many directory names in system_kwargs['out_subdir']; 0: none.",
        OptionScope.MAP,
    )
    progress_dt: float | None = option(
        None,
        option_values.seconds,
        "seconds",
        "Time between progress reports; overrides verbose.",
        OptionScope.MAP,
    )
    group_size: int | None = option(
        None,
        option_values.positive,
        "int",
        "How many psets are sent to a worker together; chosen by measured times by default.",
        OptionScope.MAP,
    )
    batch: bool | int = option(
        False,
        option_values.batch,
        "bool or int",
        "Call the function with columns of many psets, as numpy arrays; a number: of so many at most.",
        OptionScope.MAP,
    )
    order: str = option(
        "given",
        option_values.order,
        "'given' or 'longest'",
        "'longest': psets that will probably take longest, by those that have run, begin first.",
        OptionScope.MAP,
        env=True,
    )
    name: str = option(
        "default",
        option_values.text,
        "str",
        "Names the statistics and the lines of the log.",
        OptionScope.MAP,
    )
    keep_results: bool = option(
        True,
        option_values.boolean,
        "bool",
        "False: the results stay empty; out_func still sees everything.",
        OptionScope.MAP,
    )


OPTION_INFO: dict[str, OptionInfo] = {item.name: item.metadata["info"] for item in fields(Options)}
DEFAULTS = Options()


def table() -> str:
    """Return the options as a Markdown table, for the documentation."""
    rows = [
        "| option | environment variable | type | default | where | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for name, info in OPTION_INFO.items():
        env = f"`{variable(name)}`" if info.env else ""
        default = getattr(DEFAULTS, name)
        plain = str(default) if isinstance(default, StrEnum) else default
        shown = "" if plain is None else f"`{plain!r}`"
        rows.append(f"| `{name}` | {env} | {info.kind} | {shown} | {info.scope} | {info.doc} |")
    return "\n".join(rows)
