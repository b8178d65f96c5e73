"""``paramsurvey missing``: which parameter sets of a checkpoint have no result, and why."""

from __future__ import annotations

import sys
from typing import Any

import click

from paramsurvey.cli.checkpoints.run_state import is_alive
from paramsurvey.cli.checkpoints.saved_command import check_started, how_to_resume, saved_names
from paramsurvey.cli.errors import say
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.cli.tables.output_file import check_output, write_table
from paramsurvey.cli.tables.stdout import PREVIEW_ROWS, STDOUT, more_rows
from paramsurvey.cli.tables.table import Table
from paramsurvey.transport.safe_text import safe_line

EPILOG = """\b
Examples:
  paramsurvey missing out
  paramsurvey missing out -o failed.csv
"""


@click.command(epilog=EPILOG, short_help="Show which parameter sets have no result, and why.")
@checkpoint_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default=STDOUT,
    help="Write them to FILE: csv, tsv, json, jsonl, parquet, feather or sqlite.",
)
def missing(directory: str, output: str) -> None:
    """Show the parameter sets of the checkpoint DIR that failed, each with its reason."""
    from paramsurvey.checkpoint.opening import need_pyarrow

    need_pyarrow()
    from paramsurvey.results.load_checkpoint import load_without_unpickling

    check_output(output)
    check_started(directory)
    results = load_without_unpickling(directory)
    if output == STDOUT and sys.stdout.isatty():
        _print_reasons(results.missing)
    else:
        write_table(Table.of_frame(results.missing.to_df()).renamed(saved_names(directory)), output)
    not_run = results.progress.total - len(results) - len(results.missing)
    if not_run > 0:
        remedy = (
            "the run is still going" if is_alive(directory) else f"to run them: {how_to_resume(directory)}"
        )
        say(f"{not_run:,} more have not run yet; {remedy}")


def _print_reasons(missing: Any) -> None:
    """Print the first failures for people to read, one on each line."""
    for number, row in enumerate(missing.iterdicts()):
        if number == PREVIEW_ROWS:
            print(more_rows(len(missing) - number))
            return
        pset = ", ".join(f"{name}={value}" for name, value in row.items() if not name.startswith("_"))
        print(safe_line(f"{pset}: {row['_exception']}"))
