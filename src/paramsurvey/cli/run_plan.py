"""Runs the plan of ``paramsurvey run``, and takes care that no result is lost, however the run ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.checkpoints.lost_results import why_unwritable
from paramsurvey.cli.checkpoints.saved_command import SavedCommand, discard_unstarted, save_command
from paramsurvey.cli.delivery import Delivery
from paramsurvey.cli.errors import RunFailed
from paramsurvey.cli.exit_codes import SOME_FAILED, of_error, of_survey
from paramsurvey.cli.output.viewer import ReaderGone
from paramsurvey.cli.plan import Plan
from paramsurvey.cli.run_files import RunFiles
from paramsurvey.cli.shell_next_steps import ShellNextSteps
from paramsurvey.cli.shell_session import ShellSession
from paramsurvey.reporting.signals import DeferredSignals
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
        What the engine does if the checkpoint has results of another function.
    """
    with ExitStack() as stack:
        session = ShellSession(**_session_options(plan))
        requested = plan.requested
        session.next_steps = ShellNextSteps(requested.dotted, requested.selection.numbers)
        stack.enter_context(session)
        files = stack.enter_context(RunFiles(plan))
        halting = _halting(plan)
        arguments = _arguments(plan, files, halting) | {"on_change": on_change}
        delivery = Delivery(plan, files)
        _save(plan, saved)
        files.announce()
        try:
            with ExitStack() as ending, files.viewer:
                try:
                    run = session.run(**arguments)
                except BaseException:
                    delivery.write_finished(session.last_run)  # before the viewer waits for its reader
                    raise
                _save(plan, saved)  # again: at the start, another run may have held the checkpoint
                if files.shows_output:
                    _write_before_waiting(delivery, run, ending)
        except BaseException as error:
            session.close()
            return _after_error(plan, delivery, session.last_run, saved, error)
        delivery.finish(run)
        return of_survey(run.survey, halting)


def _write_before_waiting(delivery: Delivery, run: MapRun, ending: ExitStack) -> None:
    """Write the files, and let a signal that ends the program be an exception from now on.

    The viewer waits for its reader, for hours perhaps; a connection that breaks meanwhile (SIGHUP) must cost
    no result, and leave nothing behind. Until `ending` is closed, one signal ends the wait; while the files
    are written, the second one ends that.
    """
    signals = ending.enter_context(DeferredSignals(stop_signals=STOP_SIGNALS))
    signals.check()
    delivery.write_files(run)
    ending.enter_context(signals.raised_at_once())


def _session_options(plan: Plan) -> dict[str, Any]:
    """Return the session's options, with no more workers than psets: there is only one map."""
    given, resolved = plan.options.for_session(), plan.resolved
    given["stop_signals"] = STOP_SIGNALS
    if resolved.backend == "multiprocessing":
        wanted = wanted_workers(resolved.ncores, resolved.threads_per_worker)
        given["ncores"] = min(wanted, len(plan.requested.selection))
    return given


def _halting(plan: Plan) -> Halting | None:
    from paramsurvey.cli.control.limits import NEVER

    if plan.options.halt in (None, NEVER):
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
    delivery: Delivery,
    run: MapRun | None,
    saved: SavedCommand | None,
    error: BaseException,
) -> int:
    """Deliver what had finished, and return the exit code; raise the error again if it needs a message."""
    if plan.checkpoint and saved is not None:
        discard_unstarted(plan.checkpoint)
    delivery.finish_early(run)
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
    """Name the checkpoint if its disk is full and the system's error does not say which disk is."""
    if not isinstance(error, OSError) or error.filename or not plan.checkpoint:
        return
    reason = os.path.isdir(plan.checkpoint) and why_unwritable(plan.checkpoint)
    if reason:
        raise RunFailed(
            f"the checkpoint {plan.checkpoint} cannot be written ({reason}): "
            "make room on its disk, or give another directory"
        ) from error
