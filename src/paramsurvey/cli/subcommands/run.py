"""``paramsurvey run``: survey a command or a Python function."""

from __future__ import annotations

import os
from typing import Any

import click

from paramsurvey.cli.checkpoints.saved_command import SavedCommand
from paramsurvey.cli.plan import make_plan
from paramsurvey.cli.run_options import RunOptions, SavedConfig, run_options

COMMAND = "paramsurvey.command"  # in click's meta: the words after --
OPTIONS = "paramsurvey.options"  # in click's meta: the words before it


class RunCommand(click.Command):
    """A click command that does not interpret what stands after ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the words after ``--`` aside, and parse those before it."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[COMMAND] = args[at + 1 :]
            args = args[:at]
        ctx.meta[OPTIONS] = list(args)
        return super().parse_args(ctx, args)


EPILOG = """\b
Axes:
  1,2,3  "a,b",c           values; numbers are numbers, "" keep text as it is
  0:1:0.25                 start:stop:step, including stop
  linspace(0,1,11)  logspace(-3,0,4)  geomspace(1,100,3)
  @file  @list.json        the lines of a file; a JSON list
  ["a, b", 1]              a JSON list
  uniform(0,1)  loguniform(1e-3,10)  integers(1,9)  choice(a,b)
                           with --sample, which also draws from lists

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
@run_options
@click.argument("words", nargs=-1, metavar="[MODULE:FUNCTION | -- COMMAND...]")
@click.pass_context
def run(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> None:
    """Run a command, or a Python function, once for every combination of parameters.

    {name} in the command is replaced by the value of that parameter; {{ and }} are literal braces.
    No shell is involved, unless you give --shell.
    """
    config = ctx.default_map or {}
    plan = make_plan(RunOptions(**given), words, ctx.meta.get(COMMAND), config)
    if plan.options.dry_run:
        plan.print_commands()
        return
    plan.check()
    from paramsurvey.cli.run_plan import run_plan

    saved = None
    if not isinstance(ctx.obj, SavedConfig):  # options that are given to resume hold for that time only
        command = SavedCommand(ctx.meta[OPTIONS], ctx.meta.get(COMMAND), os.getcwd(), dict(config))
        saved = command.with_stdin_values(plan.stdin_values)
    ctx.exit(run_plan(plan, saved))
