"""``paramsurvey run``: survey a command or a Python function."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import click

from paramsurvey.cli.checkpoints.saved_command import SavedCommand
from paramsurvey.cli.errors import say
from paramsurvey.cli.exit_codes import ALL_FINISHED
from paramsurvey.cli.options.bare_options import BareCommand
from paramsurvey.cli.options.completion import complete_words
from paramsurvey.cli.options.declarations import run_options, sections_of
from paramsurvey.cli.options.other_words import words_for
from paramsurvey.cli.options.run_options import RunOptions, SavedConfig
from paramsurvey.cli.options.types import refuse_no_jobs
from paramsurvey.cli.plan import make_plan
from paramsurvey.cli.psets.unexpanded import operator_warnings, pattern_warnings
from paramsurvey.cli.worker_ahead import worker_ahead
from paramsurvey.fast_import import garbage_collection_off

COMMAND = "paramsurvey.command"  # in click's meta: the words after --
OPTIONS = "paramsurvey.options"  # in click's meta: the words before it


class RunCommand(BareCommand):
    """A click command that does not interpret what stands after ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the words after ``--`` aside, and parse those before it."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[COMMAND] = args[at + 1 :]
            args = args[:at]
        ctx.meta[OPTIONS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            remedy = words_for(error.option_name)
            if not remedy:
                raise
            raise click.UsageError(f"there is no option {error.option_name}: {remedy}", ctx) from None
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # else the message would name the help of the whole program
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under headings, in the order in which a user thinks of them."""
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        for title, section in sections_of(list(options)).items():
            records = [one.get_help_record(ctx) for one in section]
            with formatter.section(title):
                formatter.write_dl([record for record in records if record])


EPILOG = """\b
Axes:
  1,2,3  "a,b",c           values; what looks like a number is one, unless quoted
  0:1:0.25  1..3           start:stop:step, including stop
  range(1,4)               without stop, as in Python and Hydra
  glob(in/*.txt)           the files that match; ** is any directories
  linspace(0,1,11)  logspace(-3,0,4)  geomspace(1,100,3)
  @file  @list.json        the lines of a file; a JSON list
  ["a, b", 1]              a JSON list
  uniform(0,1)  loguniform(1e-3,10)  integers(1,9)  choice(a,b)
                           with --sample, which also draws from lists

\b
Placeholders:
  {a}  {model.lr}  {}      a parameter; the only one
  {f.name}  {f.stem}  {f.suffix}  {f.parent}
                           parts of a path
  {i:03d}  {x:.3g}         with a Python format
  {a:args}                 each item of a list as an argument of its own
  {#}  {job}               the number of the set; that of its worker
  {{  }}                   literal braces

\b
Examples:
  paramsurvey run -p a=1,2 -p b=0:1:0.25 --checkpoint out -- ./sim {a} {b}
  paramsurvey run --psets t.csv --parse json -o r.csv -- python fit.py {rate}
  paramsurvey run --sample 1000 --method sobol -p 'x=uniform(0,1)' mod:func

\b
Exit code: 0 all finished, 1 some failed, 2 bad usage or a changed command,
  3 checkpoint in use, 4 the run has died (status, watch),
  129 terminal closed, 130 interrupted (Ctrl-C), 143 terminated (SIGTERM).
Completion: eval "$(_PARAMSURVEY_COMPLETE=bash_source paramsurvey)"
"""


@click.command(
    cls=RunCommand, epilog=EPILOG, short_help="Run a command or a function for every parameter set."
)
@run_options
@click.argument("words", nargs=-1, metavar="[MODULE:FUNCTION | -- COMMAND...]", shell_complete=complete_words)
@click.pass_context
def run(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> None:
    """Run a command, or a Python function, once for every combination of parameters.

    {name} in the command is replaced by the value of that parameter; see Placeholders below.
    No shell is involved, unless you give --shell.
    """
    options = RunOptions(**given)
    if not isinstance(ctx.obj, SavedConfig):
        refuse_no_jobs(options.ncores)
    with worker_ahead(options) if COMMAND in ctx.meta else nullcontext():
        _load()
        ctx.exit(_run(ctx, options, words))


def _load() -> None:
    """Import what plans need, including numpy, while the first worker starts."""
    with garbage_collection_off():
        import paramsurvey.cli.command.tasks
        import paramsurvey.cli.psets.requested  # noqa: F401  (loaded ahead of its use)


def _run(ctx: click.Context, options: RunOptions, words: tuple[str, ...]) -> int:
    config = ctx.default_map or {}
    again = ctx.obj if isinstance(ctx.obj, SavedConfig) else None
    plan = make_plan(options, words, ctx.meta.get(COMMAND), config, again.stdin if again else None)
    plan.check_values()
    if plan.resolved.verbose > 0:
        about_words = () if plan.options.shell else operator_warnings(ctx.meta.get(COMMAND) or ())
        for warning in (*pattern_warnings(plan.options.params), *about_words):
            say(f"paramsurvey: {warning}")
    if plan.options.dry_run:
        plan.print_commands()
        return ALL_FINISHED
    plan.check()
    with garbage_collection_off():
        from paramsurvey.cli.checkpoints.changed_command import check_command
        from paramsurvey.cli.run_plan import run_plan

    saved = None
    if again is None:  # options that are given to resume apply only that time
        requested = plan.requested
        saved = SavedCommand(
            ctx.meta[OPTIONS],
            ctx.meta.get(COMMAND),
            os.getcwd(),
            dict(config),
            requested.stdin,
            plan.task.text,
            dict(requested.dotted),
        )
    return run_plan(plan, saved, check_command(plan))
