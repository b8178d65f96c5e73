"""The program ``paramsurvey``: its subcommands, and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

import click

from paramsurvey.cli.errors import CommandLineError, report_error
from paramsurvey.cli.exit_codes import ALL_FINISHED, SOME_FAILED, of_error
from paramsurvey.cli.interrupts import noted_interrupts
from paramsurvey.errors import suggestion
from paramsurvey.fast_import import garbage_collection_off

SUBCOMMANDS = (  # as in --help; each has a file of its name in subcommands/
    "run",
    "resume",
    "status",
    "watch",
    "view",
    "tail",
    "missing",
    "export",
    "merge",
    "report",
    "trace",
    "examples",
)

NEVER_FROM_CTRL_C = (CommandLineError, OSError, MemoryError)  # errors that Ctrl-C cannot have turned into

COMPLETION = "_PARAMSURVEY_COMPLETE"  # the variable that is set where a shell asks for completions

EPILOG = """\b
Begin with:  paramsurvey run -p a=1,2,3 -- echo {a}
"""


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        print("paramsurvey", version("paramsurvey"))
        ctx.exit()


class Subcommands(click.Group):
    """The subcommands in the order in which a user needs them; each is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, None if there is none and a shell is completing words."""
        if cmd_name not in SUBCOMMANDS:
            if ctx.resilient_parsing:
                return None
            raise click.UsageError(f"there is no subcommand {cmd_name!r}{suggestion(cmd_name, SUBCOMMANDS)}")
        with garbage_collection_off():
            module = import_module(f"paramsurvey.cli.subcommands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=Subcommands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
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


def _naming_stdout(error: BaseException, arguments: Sequence[str]) -> BaseException:
    """Return an error, which names stdout if the system stopped --help, as that writes nowhere else."""
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
    if COMPLETION in os.environ:
        from paramsurvey.cli.options.bash_completion import install_bash_completion
        from paramsurvey.cli.options.zsh_completion import install_zsh_completion

        install_bash_completion()
        install_zsh_completion()
    with noted_interrupts() as was_interrupted:
        return _exit_code(given, was_interrupted)


def _exit_code(given: Sequence[str], was_interrupted: Callable[[], bool]) -> int:
    """Run the program; `was_interrupted` tells of a Ctrl-C, which may have turned into any error."""
    try:
        code = paramsurvey.main(list(given), prog_name="paramsurvey", standalone_mode=False)
        sys.stdout.flush()  # here, a full disk is an error that we can report
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:  # the reader of stdout, such as head, has ended: click, too, exits with 1
        return SOME_FAILED
    except BaseException as error:
        told = _naming_stdout(error, given)
        if was_interrupted() and not isinstance(error, NEVER_FROM_CTRL_C):
            told = KeyboardInterrupt()
            told.__cause__ = error
        report_error(told)
        return of_error(told)
    return code if isinstance(code, int) else ALL_FINISHED
