"""The options of ``paramsurvey run``: how they are typed, and the values that the user gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from paramsurvey.cli.config import load_config
from paramsurvey.errors import OptionError

METHODS = ("random", "sobol", "halton", "latin_hypercube")
ON_CHANGE = ("warn", "error", "ignore")

SESSION_OPTIONS = ("backend", "ncores", "threads_per_worker", "verbose")
MAP_OPTIONS = ("timeout", "retries", "max_failures", "limit", "checkpoint", "on_change")
COMMAND_OPTIONS = ("parse", "ok_codes", "shell", "output_dir")  # which a Python function does not have


def backend_name(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    """Return the name of a backend, one of ours or one that an installed package registers.

    Raises
    ------
    click.BadParameter
    """
    from paramsurvey.backends.registry import name_of

    if name == "futures":
        raise click.BadParameter("futures needs an Executor object, which only Python has: choose another")
    try:
        return name and name_of(name)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


@dataclass(frozen=True)
class RunOptions:
    """What the user gave of the options of ``paramsurvey run``, on the command line or in a configuration.

    Each field is one option, and `run_options` has its meaning. An option that was not given is None,
    False or empty, so that an environment variable or the default of `paramsurvey.map` decides.
    """

    params: tuple[str, ...] = ()
    psets: str | None = None
    sample: int | None = None
    method: str = METHODS[0]
    seed: int = 0
    zipped: bool = False
    limit: int | None = None
    dry_run: bool = False
    output: str | None = None
    checkpoint: str | None = None
    parse: tuple[str, ...] = ()
    ok_codes: str | None = None
    timeout: float | None = None
    retries: int | None = None
    max_failures: int | None = None
    ncores: int | None = None
    threads_per_worker: int | None = None
    backend: str | None = None
    shell: bool = False
    chdir: str | None = None
    keep_failed: bool = False
    on_change: str | None = None
    output_dir: str | None = None
    name: str | None = None
    verbose: int | None = None
    config: str | None = None

    def for_session(self) -> dict[str, Any]:
        """Return the options of `paramsurvey.init` that were given."""
        return self._given(SESSION_OPTIONS)

    def for_map(self) -> dict[str, Any]:
        """Return the options of `paramsurvey.map` that were given."""
        retry_failed = {"retry_failed": False} if self.keep_failed else {}
        return self._given(MAP_OPTIONS) | retry_failed

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
    """

    defaults: dict[str, Any] | None


def _use_config(ctx: click.Context, param: click.Parameter, path: str | None) -> str | None:
    """Make the configuration click's defaults, before any other option is looked at."""
    if ctx.resilient_parsing:  # shell completion: a broken file must not get in its way
        return path
    saved = ctx.obj.defaults if isinstance(ctx.obj, SavedConfig) else None
    ctx.default_map = load_config(ctx.command, path) if saved is None else saved
    return path


_DECLARATIONS = (
    # which psets
    click.option(
        "-p", "--param", "params", multiple=True, metavar="NAME=AXIS", help="A parameter and its values."
    ),
    click.option(
        "--psets",
        metavar="FILE",
        type=click.Path(),
        help="Read parameter sets: csv, tsv, parquet, feather, json, jsonl.",
    ),
    click.option(
        "--sample", type=click.IntRange(1), metavar="N", help="Draw N parameter sets from the axes."
    ),
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default=METHODS[0],
        metavar="METHOD",
        help="Draw by random, sobol, halton or latin_hypercube.",
    ),
    click.option(
        "--seed", type=click.IntRange(0), default=0, metavar="N", help="Seed of the sample; default 0."
    ),
    click.option(
        "--zip", "zipped", is_flag=True, help="Pair the values of the axes instead of combining them."
    ),
    click.option(
        "--limit", type=click.IntRange(0), metavar="N", help="Run only the first N parameter sets; 0: all."
    ),
    click.option("--dry-run", is_flag=True, help="Print the commands and run none of them."),
    # what becomes of the results
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        type=click.Path(),
        help="Write results: csv, parquet, feather, sqlite, nc; - is stdout.",
    ),
    click.option(
        "--checkpoint",
        metavar="DIR",
        type=click.Path(),
        help="Save results in DIR; the same command again resumes.",
    ),
    click.option(
        "--parse",
        multiple=True,
        metavar="json|REGEX",
        help="Make columns of stdout, e.g. 'loss=([0-9.]+)'.",
    ),
    click.option("--ok-codes", metavar="CODES", help="Exit codes that mean success, e.g. 0,3; default 0."),
    # failures
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Stop a command that runs longer; it counts as failed.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0),
        metavar="N",
        help="Run what failed up to N more times; default 0.",
    ),
    click.option(
        "--max-failures",
        type=click.IntRange(0),
        metavar="N",
        help="End the run after N failures; 0: never.",
    ),
    # how it runs
    click.option("-j", "--ncores", type=int, metavar="N", help="Run N at once; -1: all cores but one."),
    click.option(
        "--threads-per-worker",
        type=click.IntRange(1),
        metavar="N",
        help="Threads that each command may use; default 1.",
    ),
    click.option(
        "--backend",
        callback=backend_name,
        metavar="NAME",
        help="multiprocessing, serial or ray, or the name of one that a package registers.",
    ),
    click.option("--shell", is_flag=True, help="Give the command to sh as one text; values are quoted."),
    click.option("--chdir", metavar="DIR", type=click.Path(), help="Run the commands in DIR."),
    click.option("--keep-failed", is_flag=True, help="Do not run again what failed in an earlier run."),
    click.option(
        "--on-change",
        type=click.Choice(ON_CHANGE),
        metavar="ACTION",
        help="If the checkpoint has another command: warn, error or ignore.",
    ),
    click.option(
        "--output-dir",
        metavar="DIR",
        type=click.Path(),
        help="Save outputs over 64 kB, and those of failures, in DIR.",
    ),
    click.option("--name", metavar="NAME", help="Name of the run in the log and in messages."),
    click.option(
        "-v",
        "--verbose",
        type=click.IntRange(0, 3),
        metavar="0-3",
        help="How much to print: 0 errors only, 1 (default) to 3 everything.",
    ),
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(),
        is_eager=True,
        callback=_use_config,
        help="Take defaults from FILE, not survey.toml or pyproject.toml.",
    ),
)


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare all options of ``paramsurvey run`` on a function; it gets the fields of `RunOptions`."""
    for declare in reversed(_DECLARATIONS):
        function = declare(function)
    return function
