"""Notices when an executor is of no use any more: it is broken or gone, or all its workers are stuck."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import NoReturn

from paramsurvey.backends.futures.engines import WorkerCount, full_name, how_to_renew, why_gone
from paramsurvey.backends.futures.executorlib_threads import ExecutorlibThreads
from paramsurvey.backends.futures.submitted_groups import SubmittedGroups
from paramsurvey.errors import BackendLost, ParamsurveyWarning
from paramsurvey.transport.safe_repr import text_of

SILENT_SECONDS = 60.0  # without workers, before a warning that the map is waiting for them
MOST_LOSSES = 6  # how often the engine may lose a group of each worker before it counts as broken


class ExecutorHealth:
    """The state of an executor during one map.

    Parameters
    ----------
    executor : Executor
    count : WorkerCount
    submitted : SubmittedGroups

    Attributes
    ----------
    broken : BaseException or None
        The error with which the executor has refused a group, or lost one.
    gone : str
        Why nothing more will come back; empty until that is known.
    """

    def __init__(self, executor: Executor, count: WorkerCount, submitted: SubmittedGroups) -> None:
        self.broken: BaseException | None = None
        self.gone = ""
        self._executor = executor
        self._count = count
        self._submitted = submitted
        self._executorlib = ExecutorlibThreads(executor)
        self._losses, self._last_loss = 0, ""  # how many groups were lost one after the other
        self._has_warned = False  # that there are no workers

    def accepts_groups(self) -> bool:
        """Tell whether there is any use in submitting more."""
        return self.broken is None and not self.gone

    def lost(self, reason: str) -> None:
        """Take note that the executor has lost a group."""
        self._losses, self._last_loss = self._losses + 1, reason

    def answered(self) -> None:
        """Take note that a group has come back."""
        self._losses = 0

    def check(self, may_block: Callable[[], AbstractContextManager[None]], isolates: bool) -> None:
        """Raise BackendLost once the executor accepts nothing more, and everything that it had is back."""
        if self.broken is not None and not self._submitted:
            self._raise_lost(text_of(self.broken))
        with may_block():
            self.gone = self.gone or self._why_gone()
        if self.gone and not self._submitted.have_come_back():  # what has come back is taken first
            self._submitted.forget_all()  # no worker could give them back
            self._raise_lost(self.gone)
        if isolates and self._losses > MOST_LOSSES * self._count.now:
            self._raise_lost(f"it has lost {self._losses} groups one after the other: {self._last_loss}")

    def _why_gone(self) -> str:
        """Return why nothing more will come back; else an empty text."""
        if self._executorlib.have_ended(self._submitted.any_runs):
            self._executorlib.let_go()
            return "it was shut down while the map ran"
        return why_gone(self._executor)

    def _raise_lost(self, reason: str) -> NoReturn:
        raise BackendLost(
            f"the executor is broken ({reason}); what had finished "
            f"is in paramsurvey.last_results(): {how_to_renew(self._executor)}, or use the "
            "multiprocessing backend, which replaces workers that die"
        ) from self.broken

    def check_stuck(self, timeout: float | None) -> None:
        """Raise if all workers have been busy with psets that were given up for another timeout."""
        busy = self._submitted.given_up
        if timeout is None or len(busy) < self._count.now:
            return
        if time.perf_counter() - max(busy.values()) > timeout:
            raise BackendLost(
                f"all {self._count.now} workers of the executor run psets that took longer than timeout="
                f"{timeout:g} seconds and cannot be stopped: use the multiprocessing backend, which can"
            )

    def warn_without_workers(self) -> None:
        """Warn, once per map, if there are no workers to run what was handed over; some may still join."""
        seconds = self._count.seconds_without_workers()
        if seconds < SILENT_SECONDS or self._has_warned or not self._submitted:
            return
        self._has_warned = True
        warnings.warn(
            f"for {seconds:.0f} s {full_name(self._executor)} has had no workers, or its scheduler has "
            "not answered, and the map waits: start workers, or end it with Ctrl-C, which keeps what has "
            "finished",
            ParamsurveyWarning,
            stacklevel=2,
        )
