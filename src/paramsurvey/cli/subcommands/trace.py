"""``paramsurvey trace``: when and where psets ran, as a file for Perfetto."""

from __future__ import annotations

import click

from paramsurvey.cli.checkpoints.saved_command import check_started
from paramsurvey.cli.errors import say
from paramsurvey.cli.options.types import FilePath
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.cli.subcommands.file_beside import file_beside, writing
from paramsurvey.plurals import counted

EPILOG = """\b
Examples:
  paramsurvey trace out
  paramsurvey trace out -o run.json.gz
Open the file at https://ui.perfetto.dev, which keeps it in your browser, or in chrome://tracing.
"""


@click.command(epilog=EPILOG, short_help="Write a trace of a run, for Perfetto.")
@checkpoint_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FilePath(),
    help="Write it to FILE, compressed if its name ends with .gz; - is stdout; otherwise to a file beside "
    "DIR, named DIR.trace.json.gz.",
)
def trace(directory: str, output: str | None) -> None:
    """Write a trace of the checkpoint DIR, even while the run goes on.

    It is in Chrome's trace event format: a row for each worker, a block for each pset, marks where psets
    failed. In runs of more than 20,000 psets, tiny neighbours share a block. Nothing is unpickled.
    """
    from paramsurvey.results.tracing.checkpoint_trace import trace_of_checkpoint
    from paramsurvey.results.tracing.trace_file import write_trace

    target = file_beside(directory, output, ".trace.json.gz")
    check_started(directory)
    text, psets, complaints = trace_of_checkpoint(directory)
    for complaint in complaints:
        say(complaint)
    if target == "-":
        print(text)
        return
    with writing(target):
        write_trace(text, target)
    say(f"{target}: a trace of {counted(psets, 'pset')}; open it at https://ui.perfetto.dev")
