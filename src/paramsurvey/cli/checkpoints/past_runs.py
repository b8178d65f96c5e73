"""``paramsurvey resume``, ``missing`` and ``export``: what is done with a checkpoint later."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from paramsurvey.cli.checkpoints.status import directory_argument, is_alive
from paramsurvey.cli.problems import BadUsage, say
from paramsurvey.cli.run import Resumed, run
from paramsurvey.cli.saved_command import check_begun, recall
from paramsurvey.cli.tables.export import SHOWN_ROWS, STDOUT, check_target, deliver

RESUME_EPILOG = """\b
Examples:
  paramsurvey resume out
  paramsurvey resume out --ncores 4 --retries 2 -o results.csv
"""

MISSING_EPILOG = """\b
Examples:
  paramsurvey missing out
  paramsurvey missing out -o failed.csv
"""

EXPORT_EPILOG = """\b
Examples:
  paramsurvey export out results.csv
  paramsurvey export out results.parquet
  paramsurvey export out - | head
"""


@click.command(epilog=RESUME_EPILOG, short_help="Go on with a run that was interrupted.")
@directory_argument
@click.option("-o", "--output", metavar="FILE", help="Write the results there, too.")
@click.option("--limit", metavar="N", help="Only the first N.")
@click.option("--timeout", metavar="SECONDS", help="Stop longer ones.")
@click.option("--retries", metavar="N", help="Try a failed one so often again.")
@click.option("--max-failures", metavar="N", help="Give up after so many failed.")
@click.option("--keep-failed", is_flag=True, help="Do not try those again that failed before.")
@click.option("-j", "--ncores", metavar="N", help="Run so many at once; -1: all cores but one.")
@click.option("-v", "--verbose", metavar="0-3", help="How much to say.")
@click.pass_context
def resume(ctx: click.Context, /, directory: str, **given: Any) -> None:
    """Run the command of the checkpoint DIR again, for what has not finished.

    It is the paramsurvey run that made the checkpoint; options given here win over its own.
    """
    remembered = recall(directory)
    if given["output"] and given["output"] != STDOUT:
        given["output"] = os.path.abspath(given["output"])
    arguments = remembered.arguments([*_options(given), "--checkpoint", os.path.abspath(directory)])
    _return_to(remembered.directory)
    sys.argv[1:] = ["run", *arguments]  # what the log and the checkpoint note as the command
    ctx.exit(
        run.main(
            arguments, prog_name="paramsurvey run", standalone_mode=False, obj=Resumed(remembered.config)
        )
    )


def _return_to(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise BadUsage(
            f"the run was started in {directory}, which cannot be entered ({error.strerror}): "
            "make it available again"
        ) from None


def _options(given: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value:
            words += [option, value]
    return words


@click.command(epilog=MISSING_EPILOG, short_help="Show which parameter sets have no result, and why.")
@directory_argument
@click.option("-o", "--output", metavar="FILE", default=STDOUT, help="A csv, parquet, feather or sqlite.")
def missing(directory: str, output: str) -> None:
    """Show the parameter sets of the checkpoint DIR that failed, with the reason of each."""
    check_target(output)
    results = _load(directory)
    if output == STDOUT and sys.stdout.isatty():
        _print_reasons(results.missing)
    else:
        deliver(results.missing.to_df(), output)
    unsettled = results.progress.total - len(results) - len(results.missing)
    if unsettled > 0:
        then = "it is still running" if is_alive(directory) else f"paramsurvey resume {directory}"
        say(f"{unsettled:,} more have not run yet: {then}")


def _print_reasons(missing: Any) -> None:
    """Show a person the first failures, a line for each."""
    for number, row in enumerate(missing.iterdicts()):
        if number == SHOWN_ROWS:
            print(f"... and {len(missing) - number:,} more: write them all into a file with -o FILE")
            return
        pset = ", ".join(f"{name}={value}" for name, value in row.items() if not name.startswith("_"))
        print(f"{pset}: {row['_exception']}")


@click.command(epilog=EXPORT_EPILOG, short_help="Write the results of a run into a file.")
@directory_argument
@click.argument("file", metavar="FILE")
def export(directory: str, file: str) -> None:
    """Write the results of the checkpoint DIR into FILE, also while it runs.

    The suffix says how: csv, parquet, feather, nc (netCDF, a grid as an array), sqlite; - is stdout.
    """
    check_target(file)
    deliver(_load(directory), file)


def _load(directory: str) -> Any:
    from paramsurvey.results.loading import load

    check_begun(directory)
    return load(directory)
