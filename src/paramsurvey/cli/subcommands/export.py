"""``paramsurvey export``: the results of a checkpoint into a file."""

from __future__ import annotations

import click

from paramsurvey.cli.checkpoints.saved_command import check_started
from paramsurvey.cli.options.types import FilePath
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.cli.tables.output_file import check_output, write_table
from paramsurvey.cli.tables.table import Table

EPILOG = """\b
Examples:
  paramsurvey export out results.csv
  paramsurvey export out results.parquet
  paramsurvey export out - | head
"""


@click.command(epilog=EPILOG, short_help="Write the results of a run to a file.")
@checkpoint_argument
@click.argument("file", metavar="FILE", type=FilePath())
@click.option("--flatten", is_flag=True, help="Turn nested JSON into columns such as a.b.")
def export(directory: str, file: str, flatten: bool) -> None:
    """Write the results of the checkpoint DIR to FILE, even while the run goes on.

    The suffix decides the format: csv, tsv, json, jsonl, parquet, feather, nc (netCDF, a grid as an
    array) or sqlite; - is stdout.
    """
    from paramsurvey.cli.checkpoints.saved_command import saved_names
    from paramsurvey.results.loading import load

    check_output(file)
    check_started(directory)
    table = Table.of_frame(load(directory)).renamed(saved_names(directory))
    write_table(table.flat() if flatten else table, file)
