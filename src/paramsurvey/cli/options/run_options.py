"""The values that the user gave for the options of ``paramsurvey run``."""

from __future__ import annotations

from typing import Any

from paramsurvey.cli.control.limits import Halt, Timeout
from paramsurvey.fast_dataclass import dataclass

METHODS = ("random", "sobol", "halton", "latin_hypercube")
ON_CHANGE = ("error", "warn", "keep", "ignore")
UNUSED = ("error", "ok")

SESSION_OPTIONS = ("backend", "ncores", "threads_per_worker", "verbose")
MAP_OPTIONS = ("retries", "max_failures", "limit", "checkpoint")
COMMAND_OPTIONS = (  # which do not apply to a Python function
    "parse",
    "ok_codes",
    "shell",
    "output_dir",
    "results",
    "joblog",
    "all_rows",
    "no_stdout",
    "tag",
    "follow",
    "keep_order",
    "env",
    "delay",
    "load",
    "memfree",
    "nice",
)


@dataclass(frozen=True)
class RunOptions:
    """The options of ``paramsurvey run`` that the user gave, on the command line or in a configuration.

    Each field is one option, and `declarations` has its meaning. An option that was not given is None,
    False or empty, so that an environment variable or the default of `paramsurvey.map` decides.
    """

    params: tuple[str, ...] = ()
    psets: str | None = None
    sweep: tuple[str, ...] = ()
    zipped: tuple[str, ...] = ()
    colsep: str | None = None
    null: bool = False
    delimiter: str | None = None
    together: int | None = None
    sample: int | None = None
    method: str = METHODS[0]
    seed: int = 0
    where: tuple[str, ...] = ()
    shuffle: int | None = None
    only: str | None = None
    shard: str | None = None
    limit: int | None = None
    dry_run: bool = False
    shell: bool = False
    chdir: str | None = None
    env: tuple[str, ...] = ()
    unused: str = UNUSED[0]
    ok_codes: str | None = None
    parse: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    all_rows: bool = False
    flatten: bool = False
    no_stdout: bool = False
    joblog: str | None = None
    results: str | None = None
    output_dir: str | None = None
    checkpoint: str | None = None
    keep_failed: bool = False
    on_change: str | None = None
    tag: str | None = None
    follow: bool = False
    keep_order: bool = False
    verbose: int | None = None
    name: str | None = None
    ncores: int | None = None
    threads_per_worker: int | None = None
    backend: str | None = None
    timeout: Timeout | None = None
    retries: int | None = None
    max_failures: int | None = None
    halt: Halt | None = None
    delay: float | None = None
    load: float | None = None
    memfree: int | None = None
    nice: int | None = None
    config: str | None = None

    def for_session(self) -> dict[str, Any]:
        """Return the options of `paramsurvey.init` that were given."""
        return self._given(SESSION_OPTIONS)

    def for_map(self) -> dict[str, Any]:
        """Return the options of `paramsurvey.map` that were given."""
        retry_failed = {"retry_failed": False} if self.keep_failed else {}
        seconds = self.timeout.seconds if self.timeout else None
        return self._given(MAP_OPTIONS) | retry_failed | ({} if seconds is None else {"timeout": seconds})

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class SavedConfig:
    """The configuration of an earlier run, which ``resume`` uses in place of today's file (click's ``obj``).

    Parameters
    ----------
    defaults : dict, optional
        As `load_config` returned them. None: the run did not save them, so the file is read again.
    stdin : str, optional
        What the run read from standard input.
    """

    defaults: dict[str, Any] | None
    stdin: str | None = None
