"""The groups that the executor has, and those that were given up but that its workers still run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from paramsurvey.backends.futures.engines import outcome_of
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Group

Outcome = tuple[Any, BaseException | None]  # what came back, or why nothing did


@dataclass(slots=True, eq=False)
class SubmittedGroup:
    """A group in the executor's hands, and since when it was seen to run."""

    group: Group
    future: Future[list[bytes]]
    with_job: bool
    begun: float | None = None

    def seconds(self) -> float | None:
        """Return for how many seconds it has been seen to run; None if it has not."""
        return None if self.begun is None else time.perf_counter() - self.begun


class SubmittedGroups:
    """The groups that were submitted and have not come back.

    What came of a group is read where the executor calls a future's callbacks, usually in a thread of its
    own. If it calls them in the survey's thread, because it has work done while it takes more, another thread
    reads. So the survey never waits for a future whose result takes long to read, or blocks.

    Attributes
    ----------
    given_up : dict of SubmittedGroup to float
        The groups that were given up and whose futures are not done, so that each keeps a worker busy; and
        when they were given up.
    """

    def __init__(self) -> None:
        self.given_up: dict[SubmittedGroup, float] = {}
        self._in_hand: dict[int, SubmittedGroup] = {}  # by group
        self._by_future: dict[Future[list[bytes]], SubmittedGroup] = {}  # including those given up
        self._being_read: set[Future[list[bytes]]] = set()  # including those given up
        self._survey_thread = threading.get_ident()
        self._outcomes: SimpleQueue[tuple[Future[list[bytes]], Outcome]] = SimpleQueue()

    def __len__(self) -> int:
        """Return how many there are, without those that were given up."""
        return len(self._in_hand)

    def __iter__(self) -> Iterator[SubmittedGroup]:
        """Yield all but those that were given up."""
        return iter(list(self._in_hand.values()))

    def __contains__(self, future: object) -> bool:
        """Tell whether a future stands for one of them, or for one that was given up."""
        return future in self._by_future

    def get(self, group_id: int) -> SubmittedGroup | None:
        """Return a group, unless it was given up or has come back."""
        return self._in_hand.get(group_id)

    def add(self, submitted: SubmittedGroup) -> None:
        """Keep a group until its future is done."""
        self._survey_thread = threading.get_ident()  # another map may run in another one
        submitted.future.add_done_callback(self._come_back)
        self._by_future[submitted.future] = submitted
        self._in_hand[submitted.group.id] = submitted

    def _come_back(self, future: Future[list[bytes]]) -> None:
        """Read what came of a group: here, unless this is the survey's thread."""
        self._being_read.add(future)
        if self._survey_thread == threading.get_ident():
            thread = threading.Thread(
                target=self._read_outcome, args=(future,), daemon=True, name="paramsurvey-reads"
            )
            with suppress(RuntimeError):  # no thread can be started
                thread.start()
                return
        self._read_outcome(future)

    def _read_outcome(self, future: Future[list[bytes]]) -> None:
        try:
            self._outcomes.put((future, outcome_of(future)))
        finally:
            self._being_read.discard(future)

    def are_being_read(self) -> bool:
        """Tell whether the outcome of any is being read just now; those that were given up do not count."""
        return any(submitted.future in self._being_read for submitted in self)

    def have_come_back(self) -> bool:
        """Tell whether there are any that `come_back` would yield at once, or soon."""
        return self.are_being_read() or not self._outcomes.empty()

    def any_runs(self) -> bool:
        """Tell whether any of them is running, also one that was given up."""
        return any(future.running() for future in list(self._by_future))

    def come_back(self, timeout: float) -> Iterator[tuple[SubmittedGroup, Outcome]]:
        """Wait until a group comes back, and yield all that have, except those given up.

        Those that the caller does not take, because it is interrupted, come back the next time.
        """
        with suppress(Empty):
            future, outcome = self._outcomes.get(timeout=timeout)
            while True:
                submitted = self._by_future.pop(future, None)  # None: of an engine that is gone
                if submitted is not None:
                    self.given_up.pop(submitted, None)
                    if self._in_hand.get(submitted.group.id) is submitted:
                        del self._in_hand[submitted.group.id]
                        yield submitted, outcome
                future, outcome = self._outcomes.get_nowait()

    def note_begun(self) -> None:
        """Note which groups have begun to run, since executors do not say when they did.

        While an outcome is being read, the executor may be unable to tell that others are done, so that none
        counts as running all that time.
        """
        now, are_being_read = time.perf_counter(), self.are_being_read()
        for submitted in self._in_hand.values():
            if are_being_read:
                submitted.begun = None
            if submitted.begun is None and submitted.future.running():
                submitted.begun = now

    def give_up(self, submitted: SubmittedGroup) -> None:
        """Stop waiting for a group; a worker that runs it cannot be stopped, and is busy until it is done."""
        del self._in_hand[submitted.group.id]
        self.given_up[submitted] = time.perf_counter()

    def count_from_now(self) -> None:
        """Count the time since groups were given up from now on, because another map begins."""
        self.given_up = dict.fromkeys(self.given_up, time.perf_counter())

    def forget_all(self) -> None:
        """Stop waiting for anything, because the engine that has the groups is gone."""
        self._by_future.clear()
        self._in_hand.clear()
        self.given_up.clear()
