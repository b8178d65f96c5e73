"""``paramsurvey merge``: the checkpoints of ``--shard 1/4`` to ``4/4`` as one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from paramsurvey.cli.checkpoints.saved_command import SavedCommand, check_started, load_command, save_command
from paramsurvey.cli.errors import BadUsage, say
from paramsurvey.cli.options.run_options import RunOptions, SavedConfig
from paramsurvey.cli.options.types import FilePath
from paramsurvey.cli.plan import Plan, make_plan
from paramsurvey.cli.subcommands.run import COMMAND, run
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.reporting.console import warn

EPILOG = """\b
Examples:
  paramsurvey run -p a=1:100 --shard 1/2 --checkpoint one -- ./sim {a}
  paramsurvey run -p a=1:100 --shard 2/2 --checkpoint two -- ./sim {a}
  paramsurvey merge all one two && paramsurvey export all results.csv
"""


@click.command(epilog=EPILOG, short_help="Merge the checkpoints of several shards into one.")
@click.argument("out", metavar="OUT", type=FilePath())
@click.argument("directories", metavar="DIR...", nargs=-1, required=True, type=FilePath())
def merge(out: str, directories: tuple[str, ...]) -> None:
    """Merge checkpoints DIR of one run, made with --shard or --only, into a new one, OUT.

    paramsurvey resume OUT runs the psets that none of them has a result for. Until then, those that failed
    keep their failures.
    """
    if Path(out).exists():
        raise BadUsage(f"{out} exists: give a new directory")
    commands = [_command_of(directory) for directory in directories]
    if len({(command.text, command.directory) for command in commands}) > 1:
        raise BadUsage(
            "these checkpoints have results of different commands, or of different directories: "
            "compare them with paramsurvey status"
        )
    saved = _without_shard(commands[0])
    _merge(out, saved, _stored(directories), directories)


def _command_of(directory: str) -> SavedCommand:
    check_started(directory)
    return load_command(directory)


def _without_shard(saved: SavedCommand) -> SavedCommand:
    """Return the command for all psets: without --shard, --only and --checkpoint."""
    words, left = list(saved.options), list[str]()
    while words:
        word = words.pop(0)
        if word in ("--shard", "--only", "--checkpoint"):
            words.pop(0)
        elif not word.startswith(("--shard=", "--only=", "--checkpoint=")):
            left.append(word)
    return replace(saved, options=left)


@dataclass(frozen=True)
class StoredResult:
    """A worker function that knows the result of each pset: what the shards have stored."""

    results: Mapping[str, dict[Any, Any]]

    def __call__(
        self, pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any
    ) -> dict[Any, Any]:
        """Return the result of a pset.

        Raises
        ------
        LookupError
            No shard has it.
        """
        try:
            return self.results[_key(pset)]
        except KeyError:
            raise LookupError(
                "none of the merged checkpoints has its result: paramsurvey resume runs it"
            ) from None


def _key(pset: Mapping[Any, Any]) -> str:
    return repr(sorted(pset.items()))


def _stored(directories: Sequence[str]) -> dict[str, dict[Any, Any]]:
    """Return the result of each pset, by its key."""
    from paramsurvey.results.stored_rows import stored_rows

    return {_key(pset): result for directory in directories for pset, result in stored_rows(directory)}


def _plan_of(saved: SavedCommand) -> Plan:
    """Return the plan of a saved command, whose relative paths start in the directory where it was typed."""
    here = os.getcwd()
    os.chdir(saved.directory)
    try:
        config = SavedConfig(saved.config, saved.stdin)
        context = run.make_context("run", saved.arguments(), obj=config)
        given = {name: value for name, value in context.params.items() if name != "words"}
        words = context.params["words"]
        return make_plan(
            RunOptions(**given), words, context.meta.get(COMMAND), saved.config or {}, saved.stdin
        )
    finally:
        os.chdir(here)


def _merge(
    out: str, saved: SavedCommand, results: Mapping[str, dict[Any, Any]], directories: Sequence[str]
) -> None:
    from paramsurvey.checkpoint.copied_failures import copy_failures
    from paramsurvey.checkpoint.copied_times import copy_times
    from paramsurvey.cli.shell_session import ShellSession

    target = os.path.abspath(out)
    selection = _plan_of(saved).requested.selection
    with ShellSession(backend="serial", verbose=0) as session:
        assert isinstance(session, ShellSession)
        done = session.run(StoredResult(results), selection, checkpoint=target).survey.progress
    save_command(out, saved)
    sources = [Path(directory) for directory in directories]
    try:
        copy_times(Path(target), sources)
        copy_failures(Path(target), sources, tell=lambda message: None)  # loading has told of damage
    except FileNotFoundError:  # the parts of a shard that still runs are merged now and then
        warn(f"{out} lacks times and failures, because a shard still runs: merge again when all have ended")
    left = done.total - done.finished
    rest = f"; to run the other {left:,}: paramsurvey resume {shlex.quote(out)}" if left else ""
    say(f"{out}: {done.finished:,} of {done.total:,} psets{rest}")
