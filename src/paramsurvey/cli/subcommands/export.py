"""``paramsurvey export``: the results of a checkpoint into a file."""

from __future__ import annotations

import click

from paramsurvey.cli.checkpoints.saved_command import check_started
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.cli.tables.output_file import check_output, write_table

EPILOG = """\b
Examples:
  paramsurvey export out results.csv
  paramsurvey export out results.parquet
  paramsurvey export out - | head
"""


@click.command(epilog=EPILOG, short_help="Write the results of a run into a file.")
@checkpoint_argument
@click.argument("file", metavar="FILE")
def export(directory: str, file: str) -> None:
    """Write the results of the checkpoint DIR to FILE, even while the run goes on.

    The suffix decides the format: csv, parquet, feather, nc (netCDF, a grid as an array) or sqlite;
    - is stdout.
    """
    from paramsurvey.results.loading import load

    check_output(file)
    check_started(directory)
    write_table(load(directory), file)
