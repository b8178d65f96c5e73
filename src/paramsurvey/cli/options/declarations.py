"""How the options of ``paramsurvey run`` are typed, in the order and under the headings of its --help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from paramsurvey.cli.options.completion import complete_axis, complete_sweep
from paramsurvey.cli.options.config import load_config
from paramsurvey.cli.options.run_options import METHODS, ON_CHANGE, UNUSED, SavedConfig
from paramsurvey.cli.options.types import (
    DELAY,
    HALTING,
    JOBS,
    LOAD,
    SIZE_OF_MEMORY,
    TIMEOUT,
    FilePath,
    WholeNumber,
)
from paramsurvey.errors import OptionError

ALL_AXES = "*"  # --zip without names
NO_VALUE_IN_THE_COMMAND = "for a command without the value, leave it out and add --unused ok"
LIMIT_IS_A_COUNT = "--limit says how many sets run; --load and --memfree say when commands start"
DEFAULT_TAG = "*"  # --tag without a template: the values


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


def _use_config(ctx: click.Context, param: click.Parameter, path: str | None) -> str | None:
    """Make the configuration click's defaults, before any other option is processed."""
    if ctx.resilient_parsing:  # shell completion: a broken file must not get in its way
        return path
    saved = ctx.obj.defaults if isinstance(ctx.obj, SavedConfig) else None
    ctx.default_map = load_config(ctx.command, path) if saved is None else saved
    return path


FILE = FilePath()
PSETS = (
    click.option(
        *("-p", "--param", "params"),
        multiple=True,
        metavar="NAME=AXIS",
        shell_complete=complete_axis,
        help="A parameter and its values; see Axes below.",
    ),
    click.option(
        "--psets",
        metavar="FILE",
        type=FILE,
        help="A table, a row for each set: csv, tsv, parquet, feather, json, jsonl.",
    ),
    click.option(
        *("--sweep",),
        multiple=True,
        metavar="KEY=VALUES|FILE",
        shell_complete=complete_sweep,
        help="Like -p, in Hydra's syntax; or a sweep file of W&B or Hydra.",
    ),
    click.option(
        *("--zip", "zipped"),
        multiple=True,
        is_flag=False,
        flag_value=ALL_AXES,
        metavar="[A,B]",
        help="Pair the values of A and B, or of all, and cross the rest.",
    ),
    click.option("--colsep", metavar="REGEX", help="Split lines of files into columns, as in -p a,b=@file."),
    click.option("-0", "--null", is_flag=True, help="Items of @file and @- end with NUL, not newline."),
    click.option("-d", "--delimiter", metavar="TEXT", help="Items of @file and @- end with TEXT."),
    click.option(
        *("-N", "--together"),
        type=WholeNumber(1, foreign="0+", instead=NO_VALUE_IN_THE_COMMAND),
        metavar="N",
        help="Put N values of an axis into one set; {a:args} has them all.",
    ),
    click.option("--sample", type=WholeNumber(1), metavar="N", help="Draw N parameter sets from the axes."),
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default=METHODS[0],
        metavar="METHOD",
        help="How to draw: random, sobol, halton or latin_hypercube.",
    ),
    click.option("--seed", type=WholeNumber(0), default=0, metavar="N", help="Seed of --sample; default 0."),
    click.option(
        "--where", multiple=True, metavar="EXPR", help="Only sets for which EXPR is true, e.g. 'a < b'."
    ),
    click.option("--shuffle", type=WholeNumber(0), metavar="[SEED]", help="Run in a random order."),
    click.option("--only", metavar="N,M-K", help="Run only the sets with these numbers, from 1."),
    click.option("--shard", metavar="K/N", help="Run only the K-th of N parts; see paramsurvey merge."),
    click.option(
        "--limit",
        type=WholeNumber(0, foreign=r"(?s).*[^\d.+-].*", instead=LIMIT_IS_A_COUNT),
        metavar="N",
        help="Run only the first N sets; 0: all.",
    ),
    click.option("--dry-run", is_flag=True, help="Print the commands and run none of them."),
)
COMMANDS = (
    click.option("--shell", is_flag=True, help="Give the command to sh as one text; values are quoted."),
    click.option("--chdir", metavar="DIR", type=FILE, help="Run in DIR; 'runs/{a}' is made for each set."),
    click.option(
        "--env", multiple=True, metavar="NAME=TEXT", help="Set a variable for the command; {a} works in TEXT."
    ),
    click.option(
        "--unused",
        type=click.Choice(UNUSED),
        default=UNUSED[0],
        metavar="ok",
        help="Let the command ignore parameters.",
    ),
    click.option("--ok-codes", metavar="CODES", help="Exit codes that mean success, e.g. 0,3; default 0."),
)
RESULTS = (
    click.option(
        *("--parse",),
        multiple=True,
        metavar="json|REGEX",
        help="Take columns from stdout, e.g. 'loss=([0-9.]+)'.",
    ),
    click.option(
        *("-o", "--output"),
        multiple=True,
        metavar="FILE",
        type=FILE,
        help="Results as csv, tsv, json, jsonl, parquet, feather, sqlite or nc; - is stdout.",
    ),
    click.option("--all-rows", is_flag=True, help="Include failed sets; add signal, start, host, attempts."),
    click.option("--flatten", is_flag=True, help="Turn nested JSON into columns such as a.b."),
    click.option("--no-stdout", is_flag=True, help="Leave out the columns stdout and stderr."),
    click.option(
        "--joblog", metavar="FILE", type=FILE, help="Write a line for each run, as GNU parallel does."
    ),
    click.option(
        *("--results",),
        metavar="DIR",
        type=FILE,
        help="Keep each set's output in DIR/a/1/b/2/stdout, or in 'out/{a}'.",
    ),
    click.option(
        "--output-dir", metavar="DIR", type=FILE, help="Where outputs over 64 kB, and those of failures, go."
    ),
    click.option(
        "--checkpoint", metavar="DIR", type=FILE, help="Save results in DIR; the same command then resumes."
    ),
    click.option("--keep-failed", is_flag=True, help="Do not run again what failed in an earlier run."),
    click.option(
        "--on-change",
        type=click.Choice(ON_CHANGE),
        metavar="ACTION",
        help="If DIR has results of another command: error, warn, keep.",
    ),
)
TERMINAL = (
    click.option(
        *("--tag",),
        is_flag=False,
        flag_value=DEFAULT_TAG,
        metavar="[TEMPLATE]",
        help="Show what each command prints, each line after a tag.",
    ),
    click.option("--follow", is_flag=True, help="Show it line by line, while the commands run."),
    click.option("-k", "--keep-order", is_flag=True, help="With --tag: in the order of the sets."),
    click.option(
        *("-v", "--verbose"),
        type=WholeNumber(0, 3),
        metavar="0-3",
        help="0 errors only, 1 (default), 2 (-v) failures as they come, 3 (-vv) all.",
    ),
    click.option("--name", metavar="NAME", help="Name of the run in the log and in messages."),
)
CONTROL = (
    click.option(
        "-j", "--ncores", type=JOBS, metavar="N", help="Run N at once; -1, +1, 50%: relative to all cores."
    ),
    click.option(
        "--threads-per-worker",
        type=WholeNumber(1),
        metavar="N",
        help="Threads that each command may use; default 1.",
    ),
    click.option(
        "--backend",
        callback=backend_name,
        metavar="NAME",
        help="multiprocessing, serial, ray, or one of a package.",
    ),
    click.option(
        "--timeout", type=TIMEOUT, metavar="TIME", help="Stop what runs longer: 90, 5m, 200% of the median."
    ),
    click.option(
        "--retries",
        type=WholeNumber(0),
        metavar="N",
        help="Run what failed up to N more times; default 0.",
    ),
    click.option("--max-failures", type=WholeNumber(0), metavar="N", help="End after N failures; 0: never."),
    click.option(
        "--halt", type=HALTING, metavar="WHEN", help="End at now,fail=1 or soon,success=10%; never: go on."
    ),
    click.option("--delay", type=DELAY, metavar="TIME", help="Wait this long between two starts."),
    click.option(
        "--load", type=LOAD, metavar="MAX", help="Start nothing while the load is higher: 1.5 or 80%."
    ),
    click.option(
        "--memfree",
        type=SIZE_OF_MEMORY,
        metavar="SIZE",
        help="Start nothing with less free; below half, stop the youngest.",
    ),
    click.option("--nice", type=WholeNumber(-20, 19), metavar="N", help="The niceness of the commands."),
)
CONFIGURATION = (
    click.option(
        "--config",
        metavar="FILE",
        type=FILE,
        is_eager=True,
        callback=_use_config,
        help="Take defaults from FILE, not survey.toml or pyproject.toml.",
    ),
)
SECTIONS = {
    "Parameter sets": PSETS,
    "Commands": COMMANDS,
    "Results": RESULTS,
    "On the terminal": TERMINAL,
    "How it runs": CONTROL,
    "Other options": CONFIGURATION,
}


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare all options of ``paramsurvey run`` on a function; it gets the fields of `RunOptions`."""
    for declare in reversed([one for section in SECTIONS.values() for one in section]):
        function = declare(function)
    return function


def sections_of(options: list[click.Parameter]) -> dict[str, list[click.Parameter]]:
    """Return the options of ``paramsurvey run`` by the headings of its help; ``--help`` is the last."""
    left = list(options)
    found = {title: [left.pop(0) for _ in section] for title, section in SECTIONS.items()}
    found[list(SECTIONS)[-1]] += left
    return found
