"""``paramsurvey status``: how far a run has got."""

from __future__ import annotations

import json

import click

from paramsurvey.cli.checkpoints.run_state import describe, read_state
from paramsurvey.cli.exit_codes import RUN_DIED
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument

EPILOG = """\b
Examples:
  paramsurvey status out
  paramsurvey status --json out | jq .counts
"""


@click.command(epilog=EPILOG, short_help="Show how far a run with a checkpoint has got.")
@checkpoint_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def status(ctx: click.Context, /, directory: str, as_json: bool) -> None:
    """Show how far the run with the checkpoint DIR has got, and whether it is alive.

    The run may be on another machine that has the same file system. Exit code: 4 if the run has died, else 0.
    """
    state = read_state(directory)
    print(json.dumps(state.to_json(), indent=2) if as_json else "\n".join(describe(state)))
    if state.status == "died":
        ctx.exit(RUN_DIED)
