"""``paramsurvey report``: a checkpoint as one HTML file."""

from __future__ import annotations

import click

from paramsurvey.cli.checkpoints.saved_command import check_started
from paramsurvey.cli.errors import say
from paramsurvey.cli.options.types import FilePath
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.cli.subcommands.file_beside import file_beside, writing
from paramsurvey.transport.safe_text import safe_line

EPILOG = """\b
Examples:
  paramsurvey report out
  paramsurvey report out -o today.html --against yesterday
"""


@click.command(epilog=EPILOG, short_help="Write an HTML report of a run.")
@checkpoint_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FilePath(),
    help="Write it to FILE; otherwise to a file beside DIR, named DIR.html.",
)
@click.option(
    "--against",
    metavar="DIR",
    type=FilePath(exists=True, file_okay=False),
    help="Compare with the checkpoint of an earlier run, pset by pset.",
)
def report(directory: str, output: str | None, against: str | None) -> None:
    """Write a report of the checkpoint DIR, even while the run goes on.

    It is one file that needs nothing but a browser: slices, importance, distributions, cost, failures,
    timeline and provenance. Nothing in the checkpoint is unpickled.
    """
    from paramsurvey.plurals import counted
    from paramsurvey.results.report_subjects import checkpoint_subject, write_report

    target = file_beside(directory, output, ".html")
    check_started(directory)
    subject = checkpoint_subject(directory)
    with writing(target):
        write_report(subject, target, against)
    for complaint in subject.complaints:
        say(complaint)
    say(f"{safe_line(str(target))}: a report of {counted(len(subject.data), 'pset')}")
