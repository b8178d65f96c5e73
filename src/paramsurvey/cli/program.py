"""The program's commands, its errors and its exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from paramsurvey.cli.checkpoints.past_runs import export, missing, resume
from paramsurvey.cli.checkpoints.status import status, watch
from paramsurvey.cli.examples import examples
from paramsurvey.cli.problems import ALL_FINISHED, exit_code_of
from paramsurvey.cli.run import run

EPILOG = """\b
Begin with:  paramsurvey run -p a=1,2,3 -- echo {a}
More:        paramsurvey examples
Exit code:   0 all finished, 1 some failed, 2 bad usage, 130 interrupted
In .bashrc:  eval "$(_PARAMSURVEY_COMPLETE=bash_source paramsurvey)"
             completes commands and options; zsh and fish have theirs, too
"""


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        print("paramsurvey", version("paramsurvey"))
        ctx.exit()


class InOrder(click.Group):
    """Lists its commands as a person meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)


@click.group(cls=InOrder, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (run, resume, status, watch, missing, export, examples):
    paramsurvey.add_command(command)


def run_program(arguments: Sequence[str] | None = None) -> int:
    """Run the program, and return its exit code; errors are one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        code = paramsurvey.main(given, prog_name="paramsurvey", standalone_mode=False)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException as error:
        return exit_code_of(error)
    return code if isinstance(code, int) else ALL_FINISHED
