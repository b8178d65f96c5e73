"""Runs the plan of ``paramsurvey run``, and takes care that no result is lost, however the run ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.checkpoints.lost_results import count_lost, count_stored, why_unwritable
from paramsurvey.cli.checkpoints.saved_command import SavedCommand, discard_unstarted, save_command
from paramsurvey.cli.errors import RunFailed, say
from paramsurvey.cli.exit_codes import SOME_FAILED, of_error, of_survey
from paramsurvey.cli.output.viewer import ReaderGone
from paramsurvey.cli.plan import Plan
from paramsurvey.cli.run_files import RunFiles
from paramsurvey.cli.shell_next_steps import ShellNextSteps
from paramsurvey.cli.shell_session import ShellSession
from paramsurvey.cli.tables.output_file import rescue, write_table
from paramsurvey.cli.tables.stdout import STDOUT
from paramsurvey.cli.tables.survey_table import survey_table
from paramsurvey.cli.tables.table import Table
from paramsurvey.worker.machine import wanted_workers

if TYPE_CHECKING:
    from paramsurvey.cli.control.halt import Halting
    from paramsurvey.engine.survey import Survey
    from paramsurvey.session.map_run import MapRun

STOP_SIGNALS = tuple(  # the second comes when the terminal is closed; under nohup it does nothing
    name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
TIMEOUT_VARIABLE = "PARAMSURVEY_TIMEOUT"


def run_plan(plan: Plan, saved: SavedCommand | None, on_change: str) -> int:
    """Run the task for all psets, write the results, and return the exit code.

    Parameters
    ----------
    plan : Plan
    saved : SavedCommand, optional
        What the checkpoint saves for ``resume``; None when it is ``resume`` that runs.
    on_change : str
        What the engine does where the checkpoint has results of another function.
    """
    with ExitStack() as stack:
        session = ShellSession(**_session_options(plan))
        session.next_steps = ShellNextSteps(plan.requested.dotted)
        stack.enter_context(session)
        files = stack.enter_context(RunFiles(plan))
        halting = _halting(plan)
        arguments = _arguments(plan, files, halting) | {"on_change": on_change}
        stored_before = count_stored(plan.checkpoint) if plan.checkpoint else 0
        _save(plan, saved)
        files.announce()
        try:
            with files.viewer:
                run = session.run(**arguments)
        except BaseException as error:
            session.close()
            return _after_error(plan, files, session.last_run, saved, stored_before, error)
        _save(plan, saved)  # again: at the start, another run may have held the checkpoint
        _deliver(plan, files, run, stored_before)
        return of_survey(run.survey, halting)


def _session_options(plan: Plan) -> dict[str, Any]:
    """Return the session's options, with no more workers than psets: there is only one map."""
    given, resolved = plan.options.for_session(), plan.resolved
    given["stop_signals"] = STOP_SIGNALS
    if resolved.backend == "multiprocessing":
        wanted = wanted_workers(resolved.ncores, resolved.threads_per_worker)
        given["ncores"] = min(wanted, len(plan.requested.selection))
    return given


def _halting(plan: Plan) -> Halting | None:
    if plan.options.halt is None:
        return None
    from paramsurvey.cli.control.halt import Halting

    return Halting(plan.options.halt)


def _arguments(plan: Plan, files: RunFiles, halting: Halting | None) -> dict[str, Any]:
    own = plan.task.map_arguments(plan.requested, files.settings)
    if "timeout" in own:
        os.environ.pop(TIMEOUT_VARIABLE, None)  # it would win over the timeout that the task asks for
    after_round: list[Callable[[Survey], None]] = [] if halting is None else [halting]
    common = {
        "chdir": plan.common_chdir,
        "name": plan.options.name or plan.task.name,
        "after_round": [*after_round, *files.after_round],
        **({"out_func": files.out_func} if files.out_func else {}),
    }
    return plan.options.for_map() | common | own


def _after_error(
    plan: Plan,
    files: RunFiles,
    run: MapRun | None,
    saved: SavedCommand | None,
    stored_before: int,
    error: BaseException,
) -> int:
    """Deliver what had finished, and return the exit code; raise the error again if it needs words."""
    if plan.checkpoint and saved is not None:
        discard_unstarted(plan.checkpoint)
    _deliver_finished(plan, files, run, stored_before)
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        return of_error(error)
    if isinstance(error, ReaderGone):
        return SOME_FAILED
    _raise_with_directory(plan, error)
    raise error


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


def _table(plan: Plan, files: RunFiles, run: MapRun) -> Table:
    table = survey_table(run.survey.state, run.build, plan.requested.dotted, files.all_rows())
    return table.flat() if plan.options.flatten else table


def _deliver(plan: Plan, files: RunFiles, run: MapRun, stored_before: int) -> None:
    """Write the results where the user wants them; what a checkpoint did not store goes into a file."""
    if plan.options.output:
        table = _table(plan, files, run)
        for path in plan.options.output:
            write_table(table, path, is_told=plan.resolved.verbose > 0)
    elif plan.checkpoint:
        _rescue_lost(plan, files, run, stored_before)
    elif not files.shows_output:
        write_table(_table(plan, files, run), STDOUT)


def _rescue_lost(plan: Plan, files: RunFiles, run: MapRun, stored_before: int) -> None:
    checkpoint, finished = str(plan.checkpoint), run.survey.progress.finished
    lost = count_lost(checkpoint, finished - run.survey.progress.resumed, stored_before)
    if lost:
        reason = why_unwritable(checkpoint) or "for some time it could not be written"
        raise RunFailed(
            f"the checkpoint {checkpoint} did not store {lost:,} of {finished:,} results ({reason}): "
            f"{rescue(_table(plan, files, run), checkpoint)}; "
            "once there is room, the same command computes them again"
        )


def _deliver_finished(plan: Plan, files: RunFiles, run: MapRun | None, stored_before: int) -> None:
    """Write what had finished when the run ended early, and say how to resume it."""
    if run is None:
        return
    try:
        if run.survey.progress.finished:
            _deliver(plan, files, run, stored_before)
    except RunFailed as error:
        say(f"paramsurvey: {error}")
        if plan.checkpoint and not plan.options.output:
            return
    if plan.checkpoint:
        say(f"paramsurvey: finished results are saved; to go on, type: paramsurvey resume {plan.checkpoint}")
