"""Runs the plan of ``paramsurvey run``, and takes care that no result is lost, however the run ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from paramsurvey.cli.checkpoints.lost_results import count_lost, count_stored, why_unwritable
from paramsurvey.cli.checkpoints.saved_command import SavedCommand, discard_unstarted, save_command
from paramsurvey.cli.errors import ALL_FINISHED, INTERRUPTED, SOME_FAILED, RunFailed, say
from paramsurvey.cli.plan import Plan
from paramsurvey.cli.shell_next_steps import ShellSession
from paramsurvey.cli.tables.output_file import rescue, write_table
from paramsurvey.cli.tables.stdout import STDOUT

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

TIMEOUT_VARIABLE = "PARAMSURVEY_TIMEOUT"


def run_plan(plan: Plan, saved: SavedCommand | None) -> int:
    """Run the task for all psets, write the results, and return the exit code.

    Parameters
    ----------
    plan : Plan
    saved : SavedCommand, optional
        What the checkpoint saves for ``resume``; None when it is ``resume`` that runs.
    """
    arguments = plan.task.map_arguments(plan.psets.names, plan.output_dir, plan.resolved.timeout)
    if "timeout" in arguments:
        os.environ.pop(TIMEOUT_VARIABLE, None)  # it would win over the timeout that the task asks for
    with ShellSession(**plan.options.for_session()) as session:
        stored_before = count_stored(plan.checkpoint) if plan.checkpoint else 0
        _save(plan, saved)
        try:
            results = session.map(
                psets=plan.psets,
                chdir=plan.options.chdir,
                name=plan.options.name or plan.task.name,
                **plan.options.for_map() | arguments,
            )
        except BaseException as error:
            session.close()
            if plan.checkpoint and saved is not None:
                discard_unstarted(plan.checkpoint)
            _deliver_finished(plan, session.last_results(), stored_before)
            if isinstance(error, SystemExit):  # a signal, from a batch system for example
                return int(str(error.code))
            if isinstance(error, KeyboardInterrupt):
                return INTERRUPTED
            _raise_with_directory(plan, error)
            raise
    _save(plan, saved)  # again: at the start, another run may have held the checkpoint
    _deliver(plan, results, stored_before)
    return SOME_FAILED if len(results.missing) else ALL_FINISHED


def _save(plan: Plan, saved: SavedCommand | None) -> None:
    if plan.checkpoint and saved is not None:
        save_command(plan.checkpoint, saved)


def _raise_with_directory(plan: Plan, error: BaseException) -> None:
    """Name the checkpoint where its disk is full and the system's error does not say which disk it is."""
    if not isinstance(error, OSError) or error.filename or not plan.checkpoint:
        return
    reason = os.path.isdir(plan.checkpoint) and why_unwritable(plan.checkpoint)
    if reason:
        raise RunFailed(
            f"the checkpoint {plan.checkpoint} cannot be written ({reason}): "
            "make room on its disk, or give another directory"
        ) from error


# ---- the results


def _deliver(plan: Plan, results: MapResults, stored_before: int) -> None:
    """Write the results where the user wants them; what a checkpoint did not store goes into a file."""
    if plan.options.output:
        write_table(results, plan.options.output)
    elif plan.checkpoint:
        _rescue_lost(plan.checkpoint, results, stored_before)
    else:
        write_table(results, STDOUT)


def _rescue_lost(checkpoint: str, results: MapResults, stored_before: int) -> None:
    lost = count_lost(checkpoint, results, stored_before)
    if lost:
        reason = why_unwritable(checkpoint) or "for some time it could not be written"
        raise RunFailed(
            f"the checkpoint {checkpoint} did not store {lost:,} of {len(results):,} results ({reason}): "
            f"{rescue(results, checkpoint)}; once there is room, the same command computes them again"
        )


def _deliver_finished(plan: Plan, results: MapResults | None, stored_before: int) -> None:
    """Write what had finished when the run ended early, and say how to resume it."""
    if results is None:
        return
    try:
        if len(results):
            _deliver(plan, results, stored_before)
    except RunFailed as error:
        say(f"paramsurvey: {error.format_message()}")
        if plan.checkpoint and not plan.options.output:
            return
    if plan.checkpoint:
        say(f"paramsurvey: finished results are saved; to go on, type: paramsurvey resume {plan.checkpoint}")
