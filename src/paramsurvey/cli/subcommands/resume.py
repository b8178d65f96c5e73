"""``paramsurvey resume``: runs the command of a checkpoint again, for what has not finished."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from paramsurvey.cli.checkpoints.saved_command import load_command
from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.bare_options import BareCommand
from paramsurvey.cli.options.run_options import SavedConfig
from paramsurvey.cli.options.types import JOBS, refuse_no_jobs
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.cli.subcommands.run import run
from paramsurvey.cli.tables.stdout import STDOUT

EPILOG = """\b
Examples:
  paramsurvey resume out
  paramsurvey resume out --ncores 4 --retries 2 -o results.csv
"""


class ResumeCommand(BareCommand):
    """A click command that says where to give the options of ``paramsurvey run`` that it lacks."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name
            if not any(name in (*one.opts, *one.secondary_opts) for one in run.params):
                raise
            raise click.UsageError(
                f"resume has no option {name}, because it uses those of the run: leave it out, or "
                f"continue the run by typing its command again, with {name}",
                ctx,
            ) from None


@click.command(cls=ResumeCommand, epilog=EPILOG, short_help="Resume a run that was interrupted.")
@checkpoint_argument
@click.option("-o", "--output", metavar="FILE", multiple=True, help="Write the results to FILE, too.")
@click.option("--limit", metavar="N", help="Run only the first N parameter sets; 0: all.")
@click.option("--timeout", metavar="TIME", help="Stop a command that runs longer; it counts as failed.")
@click.option("--retries", metavar="N", help="Run what failed up to N more times.")
@click.option("--max-failures", metavar="N", help="End the run after N failures; 0: never.")
@click.option("--keep-failed", is_flag=True, help="Do not run again what failed before.")
@click.option("--on-change", metavar="ACTION", help="If the function has changed: error, warn, keep.")
@click.option("-j", "--ncores", metavar="N", help="Run N at once; -1: all cores but one.")
@click.option(
    "-v", "--verbose", metavar="0-3", help="0 errors only, 1, 2 (-v) failures as they come, 3 (-vv) all."
)
@click.pass_context
def resume(ctx: click.Context, /, directory: str, **given: Any) -> None:
    """Run the command of the checkpoint DIR again, for the parameter sets that have not finished.

    The command is the paramsurvey run that made the checkpoint, with all its options, such as --tag.
    Options that you give here win over its own.
    """
    if given["ncores"]:
        refuse_no_jobs(JOBS.convert(given["ncores"], None, ctx))
    saved = load_command(directory)
    given["output"] = [path if path == STDOUT else os.path.abspath(path) for path in given["output"]]
    arguments = saved.arguments([*_option_words(given), "--checkpoint", os.path.abspath(directory)])
    _return_to(saved.directory)
    sys.argv[1:] = ["run", *arguments]  # which the log and the checkpoint record as the command
    config = SavedConfig(saved.config, saved.stdin)
    ctx.exit(run.main(arguments, prog_name="paramsurvey run", standalone_mode=False, obj=config))


def _return_to(directory: str) -> None:
    """Enter the directory in which the run was started: its relative paths start there."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise BadUsage(
            f"the run was started in {directory}, which cannot be entered ({error.strerror}): "
            "make that directory available again"
        ) from None


def _option_words(given: dict[str, Any]) -> list[str]:
    """Return options as words of a command line."""
    words: list[str] = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        else:
            words += [
                word
                for one in (value if isinstance(value, list) else [value])
                if one
                for word in (option, one)
            ]
    return words
