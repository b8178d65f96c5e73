"""The program ``paramsurvey``: its subcommands, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from paramsurvey.cli.errors import report_error
from paramsurvey.cli.exit_codes import ALL_FINISHED, SOME_FAILED, of_error
from paramsurvey.cli.subcommands.examples import examples
from paramsurvey.cli.subcommands.export import export
from paramsurvey.cli.subcommands.merge import merge
from paramsurvey.cli.subcommands.missing import missing
from paramsurvey.cli.subcommands.report import report
from paramsurvey.cli.subcommands.resume import resume
from paramsurvey.cli.subcommands.run import run
from paramsurvey.cli.subcommands.status import status
from paramsurvey.cli.subcommands.tail import tail
from paramsurvey.cli.subcommands.trace import trace
from paramsurvey.cli.subcommands.view import view
from paramsurvey.cli.subcommands.watch import watch

SUBCOMMANDS = (
    run,
    resume,
    status,
    watch,
    view,
    tail,
    missing,
    export,
    merge,
    report,
    trace,
    examples,
)  # as in --help

EPILOG = """\b
Begin with:  paramsurvey run -p a=1,2,3 -- echo {a}
"""


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        print("paramsurvey", version("paramsurvey"))
        ctx.exit()


class OrderedGroup(click.Group):
    """Lists its subcommands in the order in which a user needs them; click sorts them by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)


@click.group(cls=OrderedGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def paramsurvey() -> None:
    """Run a command or a Python function over many parameter sets."""


for subcommand in SUBCOMMANDS:
    paramsurvey.add_command(subcommand)


def _of_stdout(error: BaseException, arguments: Sequence[str]) -> BaseException:
    """Return an error of the system that ended --help as one of stdout: it writes nothing else."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    is_help = not {"-h", "--help"}.isdisjoint(own)
    if is_help and isinstance(error, OSError) and error.filename is None:
        return OSError(error.errno, error.strerror, "stdout")
    return error


def run_program(arguments: Sequence[str] | None = None) -> int:
    """Run the program, and return its exit code; an error is one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        code = paramsurvey.main(given, prog_name="paramsurvey", standalone_mode=False)
        sys.stdout.flush()  # here, a full disk is an error that we can report
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:  # the reader of stdout, such as head, has ended: click, too, exits with 1
        return SOME_FAILED
    except BaseException as error:
        told = _of_stdout(error, given)
        report_error(told)
        return of_error(told)
    return code if isinstance(code, int) else ALL_FINISHED
