"""``paramsurvey run``: survey a command or a Python function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from paramsurvey.cli.config import load_config
from paramsurvey.cli.plan import SESSION_OPTIONS, Plan
from paramsurvey.cli.problems import BadUsage
from paramsurvey.cli.saved_command import STDIN, Remembered

if TYPE_CHECKING:
    from paramsurvey.cli.command.template import Template
    from paramsurvey.cli.tables.axes_text import Axis
    from paramsurvey.params.spaces import Space

COMMAND = "paramsurvey.command"  # in click's meta: what stands after --
OPTIONS = "paramsurvey.options"  # what stands before it
READ = "paramsurvey.read"  # in click's meta: the values that came from standard input
CONFIG = "paramsurvey.config"  # in click's meta: what a configuration has that is no option

BACKENDS = ("multiprocessing", "serial", "ray")  # futures needs an Executor, which only Python has
METHODS = ("random", "sobol", "halton", "latin_hypercube")
ENGINE_OPTIONS = (*SESSION_OPTIONS, "timeout", "retries", "max_failures", "limit", "checkpoint", "on_change")


@dataclass(frozen=True)
class Resumed:
    """Click's obj where remembered arguments run again.

    Parameters
    ----------
    config : dict, optional
        The configuration of then. None: it was not kept.
    """

    config: dict[str, Any] | None


class RunCommand(click.Command):
    """A click command that leaves alone whatever stands after ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command aside, and parse the options before it."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[COMMAND] = args[at + 1 :]
            args = args[:at]
        ctx.meta[OPTIONS] = list(args)
        return super().parse_args(ctx, args)


def _configure(ctx: click.Context, param: click.Parameter, path: str | None) -> str | None:
    if ctx.resilient_parsing:  # shell completion
        return path
    kept = ctx.obj.config if isinstance(ctx.obj, Resumed) else None
    config = load_config(ctx.command, path) if kept is None else kept
    ctx.meta[CONFIG] = config
    ctx.default_map = config
    return path


EPILOG = """\b
Axes:
  1,2,3  "a,b",c           values; numbers are numbers, "" keep text as it is
  0:1:0.25                 start:stop:step, with the stop
  linspace(0,1,11)  logspace(-3,0,4)  geomspace(1,100,3)
  @file  @list.json        a value in each line; a JSON list
  ["a, b", 1]              a JSON list
  uniform(0,1)  loguniform(1e-3,10)  integers(1,9)  choice(a,b)
                           with --sample, which draws from lists, too

\b
Examples:
  paramsurvey run -p a=1,2 -p b=0:1:0.25 --checkpoint out -- ./sim {a} {b}
  paramsurvey run --psets t.csv --parse json -o r.csv -- python fit.py {rate}
  paramsurvey run --sample 1000 --method sobol -p 'x=uniform(0,1)' mod:func

\b
Exit code: 0 all finished, 1 some failed, 2 bad usage, 130 interrupted.
"""


@click.command(
    cls=RunCommand, epilog=EPILOG, short_help="Run a command or a function for every parameter set."
)
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=AXIS", help="A parameter and its values."
)
@click.option(
    "--psets",
    metavar="FILE",
    type=click.Path(),
    help="Parameter sets: a csv, tsv, parquet, feather, json or jsonl.",
)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Draw N parameter sets from the axes.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="random",
    metavar="METHOD",
    help="How: random, sobol, halton or latin_hypercube.",
)
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Another seed: another sample.")
@click.option("--zip", "zipped", is_flag=True, help="Axes side by side instead of every combination.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Only the first N; 0: all.")
@click.option("--dry-run", is_flag=True, help="Print the commands, run none.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Results: csv, parquet, feather, sqlite; - is stdout.",
)
@click.option(
    "--checkpoint", metavar="DIR", type=click.Path(), help="Keep results there; the same again goes on."
)
@click.option(
    "--parse", multiple=True, metavar="json|REGEX", help="Columns from stdout, e.g. 'loss=([0-9.]+)'."
)
@click.option("--ok-codes", metavar="CODES", help="Exit codes of success, e.g. 0,3.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop longer ones."
)
@click.option("--retries", type=click.IntRange(0), metavar="N", help="Try a failed one so often again.")
@click.option("--max-failures", type=click.IntRange(0), metavar="N", help="Give up after so many failed.")
@click.option("-j", "--ncores", type=int, metavar="N", help="Run so many at once; -1: all cores but one.")
@click.option(
    "--threads-per-worker", type=click.IntRange(1), metavar="N", help="Threads that each may use; 1."
)
@click.option(
    "--backend", type=click.Choice(BACKENDS), metavar="NAME", help="multiprocessing, serial or ray."
)
@click.option("--shell", is_flag=True, help="The command is a text for sh; values are quoted.")
@click.option("--chdir", metavar="DIR", type=click.Path(), help="Run the commands there.")
@click.option("--keep-failed", is_flag=True, help="From a checkpoint, do not try failed ones again.")
@click.option(
    "--on-change",
    type=click.Choice(["warn", "error", "ignore"]),
    metavar="WHAT",
    help="Another command on the same checkpoint: warn, error or ignore.",
)
@click.option(
    "--output-dir", metavar="DIR", type=click.Path(), help="Outputs beyond the last 64 kB go there."
)
@click.option("--name", metavar="NAME", help="Names the run in the log.")
@click.option(
    "-v", "--verbose", type=click.IntRange(0, 3), metavar="0-3", help="How much to say; 1 by default."
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(),
    is_eager=True,
    callback=_configure,
    help="Defaults; else survey.toml or [tool.paramsurvey] in pyproject.toml.",
)
@click.argument("target", nargs=-1, metavar="[MODULE:FUNCTION | -- COMMAND...]")
@click.pass_context
def run(ctx: click.Context, /, target: tuple[str, ...], **given: Any) -> None:
    """Run a command, or a Python function, once for every combination of parameters.

    {name} in the command stands for a value, {{ and }} for braces. No shell is in between.
    """
    plan = make_plan(ctx, target, given)
    if given["dry_run"]:
        plan.show()
        return
    plan.check()
    if not isinstance(ctx.obj, Resumed):  # whose options are for this once
        config = ctx.meta.get(CONFIG, {})
        remembered = Remembered(ctx.meta[OPTIONS], ctx.meta.get(COMMAND), os.getcwd(), config)
        plan.remembered = remembered.with_values(ctx.meta[READ])
    ctx.exit(plan.run())


# ---- from the arguments to a plan


def make_plan(ctx: click.Context, target: tuple[str, ...], given: dict[str, Any]) -> Plan:
    """Return what the arguments ask for; nothing has been done yet."""
    from paramsurvey.engine.options import resolve

    config = ctx.meta.get(CONFIG, {})
    axes = _axes(given, config.get("params_config", {}), ctx)
    space = _space(given, axes)
    engine = {name: given[name] for name in ENGINE_OPTIONS if given.get(name) is not None}
    if given["keep_failed"]:
        engine["retry_failed"] = False
    options = resolve(os.environ, {}, engine)
    work = _work(ctx.meta.get(COMMAND), target, config.get("command_config"), given["shell"])
    plan = Plan(space, work, engine, options, given)
    plan.check_names()
    return plan


def _axes(given: dict[str, Any], configured: dict[str, str], ctx: click.Context) -> dict[str, Axis]:
    """Return the axes, and note what came from standard input."""
    from paramsurvey.cli.tables.axes_text import parse_axes

    typed = {text.partition("=")[0].strip() for text in given["params"]}
    texts = [f"{name}={axis}" for name, axis in configured.items() if name not in typed]
    texts += given["params"]
    axes = parse_axes(texts)
    parts = (text.partition("=") for text in texts)
    ctx.meta[READ] = {name: axes[name.strip()] for name, _, axis in parts if axis == STDIN}
    return axes


def _space(given: dict[str, Any], axes: dict[str, Axis]) -> Space:
    from paramsurvey.cli.tables.axes_text import Sampling, make_space
    from paramsurvey.cli.tables.pset_files import read_table

    table = read_table(given["psets"]) if given["psets"] else None
    sampling = Sampling(given["sample"], given["method"], given["seed"]) if given["sample"] else None
    return make_space(axes, table, given["zipped"], sampling)


def _work(
    command: Sequence[str] | None, target: tuple[str, ...], configured: Sequence[str] | None, shell: bool
) -> Template | str:
    """Return the command, or the text module:function."""
    from paramsurvey.cli.command.functions import is_target
    from paramsurvey.cli.command.template import template_of

    if target and command is not None:
        raise BadUsage(f"{target[0]!r} stands before --, and a command after it: leave one of them out")
    if target:
        if is_target(target[0]):
            if len(target) > 1:
                raise BadUsage(
                    f"{target[1]!r} after {target[0]} is too much: a function gets its parameters by -p"
                )
            return target[0]
        raise BadUsage(f"{target[0]!r} is no module:function: for a command, write -- before it")
    if command is None:
        if configured and len(configured) == 1 and not shell and is_target(configured[0]):
            return configured[0]
        command = configured
    return template_of(command or (), shell)
