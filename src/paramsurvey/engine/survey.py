"""The loop of a map: it sends psets to the backend until each of them has a result or a failure.

It depends on protocols only: the backend, the checkpoint and the clock are arguments. It never loads pandas.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from paramsurvey.engine.backend import Backend, last_answers, places_of
from paramsurvey.engine.checkpoint import Checkpoint, NoCheckpoint
from paramsurvey.engine.collecting.collector import results_by_offset, unpickled_reply
from paramsurvey.engine.collecting.finished_rows import finished_rows
from paramsurvey.engine.collecting.pset_times import timed_failures
from paramsurvey.engine.cost_model import CostModel
from paramsurvey.engine.deadline import Deadline, with_output
from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.longest_first import LongestFirst
from paramsurvey.engine.dispatch.lost_groups import LostGroups
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.engine.dispatch.recall import Recalls
from paramsurvey.engine.dispatch.retry import RetryPolicy
from paramsurvey.engine.dispatch.sent_group import FORGED_REPLY, SentGroup
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.receivers import ResultReceiver, Watcher
from paramsurvey.errors import JobRefused
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import make_psets
from paramsurvey.stats.worker_times import add_times
from paramsurvey.transport.messages import (
    Answer,
    Answers,
    Failure,
    FailureKind,
    Group,
    JobRejected,
    LostGroup,
    Pset,
    Reply,
    Rows,
)
from paramsurvey.worker.forked_children import children_end_here

MOST_READ = 1 << 16  # psets to read at a time from an iterator whose results the checkpoint has
READ_AGAIN_SECONDS = 0.01  # to wait after an iterator had no pset yet
NOT_RUN = Failure(FailureKind.NOT_RUN, "not run: the map ended before its turn")


@dataclass
class Survey:
    """Runs the psets of a map on `backend` until each of them is settled.

    A pset is settled exactly once: by a reply with its result, or by a failure after which it is not run
    again. `rounds` ends when all psets are settled. If it raises an exception, from wherever, `give_up`
    settles every pset that has neither a result nor a failure as "not run".

    Parameters
    ----------
    state : MapState
    backend : Backend
    queue : PsetQueue
        The rows to run.
    watcher : Watcher
    clock : callable
        Returns the time in seconds.
    pause : callable
        Waits for a number of seconds.
    sizer : GroupSizer
    retry : RetryPolicy
    checkpoint : Checkpoint
    out : ResultReceiver or None
        Calls the user's out_func.
    options : sequence or None
        The backend options of each row.
    deadline : Deadline
    max_failures : int or None
        End the map when this many psets have failed in this run.
    longest_first : bool
        Whether psets that will probably take longest go first.
    in_batches : bool
        Whether each group is a batch, for which the user's function is called once.

    Attributes
    ----------
    sent : dict
        The groups that workers have, by id.
    failed_before : int
        How many psets failed in earlier runs, and are not tried again.
    more_may_come : bool
        Whether psets come from an iterator that has none at the moment, but has not ended.
    """

    state: MapState
    backend: Backend
    queue: PsetQueue
    watcher: Watcher
    clock: Callable[[], float]
    pause: Callable[[float], None] = time.sleep
    sizer: GroupSizer = field(default_factory=GroupSizer)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    checkpoint: Checkpoint = field(default_factory=NoCheckpoint)
    out: ResultReceiver | None = None
    options: Sequence[Mapping[str, Any] | None] | None = None
    deadline: Deadline = field(default_factory=Deadline)
    max_failures: int | None = None
    longest_first: bool = False
    in_batches: bool = False

    def __post_init__(self) -> None:
        self.source = self.state.source
        self.collector = self.state.collector
        self.progress = self.state.progress
        self.stats = self.state.stats
        self.costs = CostModel(self.source)
        self.sent: dict[int, SentGroup] = {}
        self.failed_before = 0
        self.more_may_come = False
        self._order = LongestFirst(self.costs, self.clock) if self.longest_first else None
        self._lost_groups = LostGroups(self.queue, self.in_batches)
        self._recalls = Recalls(self.sizer, self.clock)
        self._decoder = self.source.decoder()
        self._last_id = 0  # of a group
        self._arrived: deque[Answer] = deque()  # answers not settled yet
        self._attempts: dict[int, int] = {}  # by row, of psets that failed and will run again
        self._check_at = 0.0  # when to look again for psets that exceed the timeout
        self._given_up = False  # then no more psets are read

    def rounds(self) -> Iterator[None]:
        """Dispatch, wait, settle, expire and report until nothing is left; yield after each round."""
        while self.queue or self.sent or self._read_more() or self.more_may_come:
            self._dispatch()
            self._recall()
            self._settle(self._answers())
            self._expire()
            self._stop_at_max_failures()
            self.watcher.report(self.progress)
            yield

    def give_up(self, failure: Failure = NOT_RUN) -> None:
        """Abort all groups, and settle every pset that is not settled yet with `failure`.

        This may be called again, even after an exception has interrupted it: the counters are computed anew.
        """
        self._given_up = True
        self.queue.clear()
        sent, self.sent = self.sent, {}
        for row in self.collector.unsettled_rows(len(self.source)):
            self.collector.add_failure(row, failure, self._attempts.get(row, 0))
        self._recount()
        for group_id in sent:  # last, because a backend that is lost may raise
            self.backend.abort(group_id)

    def drop_queue(self, failure: Failure = NOT_RUN) -> None:
        """Settle every pset that has not been sent to a worker with `failure`; what was sent goes on."""
        self._given_up = True
        rows = self.queue.clear()
        for row in rows:
            self.collector.add_failure(row, failure, self._attempts.get(row, 0))
        self.progress.failures += len(rows)

    def _recount(self) -> None:
        """Compute the counters from results and failures: an exception may have interrupted the counting."""
        self.progress.total = len(self.source)
        self.progress.active = 0
        self.progress.finished = len(self.collector.finished)
        self.progress.failures = len(self.collector.failed)

    def pset(self, row: int) -> Pset:
        """Return one pset, as a worker gets it."""
        return make_psets(self.source, range(row, row + 1))[0]

    # dispatch

    def _dispatch(self) -> None:
        if self._order is not None and self.queue:
            self._order.arrange(self.queue, self.backend.core_count())
        while self.backend.capacity() > 0 and (self.queue or self._read_more()):
            self._send(self._next_rows())
        while self.sizer.psets_are_short() and self.backend.reserve() > 0 and self._has_for_reserve():
            self._send(self._next_rows())

    def _has_for_reserve(self) -> bool:
        """Tell whether there are psets to hold in reserve; it reads an iterator only if psets are tiny."""
        return bool(self.queue) or (self.sizer.psets_are_tiny() and self._read_more())

    def _next_rows(self) -> Rows:
        if self.sizer.needs_payload_size():
            self._payload(self.queue.waiting(1))  # tells the sizer how large it is
        size = self.sizer.size(len(self.queue), self.backend.core_count())
        return self.queue.take(min(size, self.backend.largest_group() or size))

    def _recall(self) -> None:
        """Have workers give back what they have not begun, if others are idle or a long pset holds it up."""
        idle = 0 if self.queue else self.backend.capacity()
        for sent in self._recalls.due(self.sent.values(), idle, self.backend.running):
            sent.recalled = True
            self.backend.recall(sent.group.id)

    def _read_more(self) -> bool:
        """Read more psets from an iterator until the queue has some; tell whether there were any."""
        self.more_may_come = False
        if self._given_up:
            return False
        count = self.sizer.read_ahead(self.backend.core_count())
        while not self.queue:
            with self.watcher.interruptible(), children_end_here():
                new = self.source.read(count)
            if not new:
                self.more_may_come = new is None
                return False
            self.progress.total += new
            self.resume(range(len(self.source) - new, len(self.source)))
            count = min(2 * count, MOST_READ)  # if the checkpoint had all of them, read more next time
        return True

    def resume(self, rows: range) -> None:
        """Put rows that were just read into the queue, except those that an earlier run has settled."""
        resumed = self.checkpoint.resume(rows)
        for left in reversed(resumed.left):
            self.queue.put_first(left)
        self.collector.finished.add(resumed.finished)
        self.progress.finished += len(resumed.finished)
        self.progress.resumed += len(resumed.finished)
        self.progress.failures += len(resumed.failed)
        self.failed_before += len(resumed.failed)
        if not self.collector.keep_results:
            self.source.forget(resumed.finished)

    def _send(self, rows: Rows) -> None:
        self._last_id += 1
        options = self.options[rows[0]] if self.options is not None else None
        payload = self._payload(rows)
        self.sent[self._last_id] = SentGroup(Group(self._last_id, rows, None, options))  # payloads are large
        self.progress.active += len(rows)
        self.backend.submit(Group(self._last_id, rows, payload, options))
        self.watcher.acted("sent", lambda: rows)
        self.watcher.report(self.progress)

    def _payload(self, rows: Rows) -> Any:
        """Return what a worker makes these psets from, and tell the sizer how large they are."""
        payload = self._decoder.isolated(self.source.payload(rows))
        self.sizer.observe_bytes(len(rows), self._decoder.pickled_bytes(payload))
        return payload

    # settle

    def _answers(self) -> Answers:
        """Return what workers have answered; nothing while too much waits to be stored in the checkpoint."""
        longest = self.deadline.longest_wait()
        if self.more_may_come and self.backend.capacity() > 0:
            longest = min(longest, READ_AGAIN_SECONDS)
            if not self.sent:
                self.pause(longest)  # `poll` would have nothing to wait for
        if not self.checkpoint.wait_for_room(longest):
            return ()
        return self.backend.poll(min(longest, max(self._recalls.wake_at - self.clock(), 0.0)))

    def _settle(self, answers: Answers) -> None:
        self._arrived.extend(answers)
        while self._arrived:
            self._settle_one(self._arrived.popleft())
            self.watcher.report(self.progress)

    def settle_arrived(self) -> None:
        """Settle what workers have answered already, before an interrupted map gives up.

        This must not run psets, so a backend that runs them inside `poll` is not asked.
        """
        if not self.backend.runs_here:
            self._arrived.extend(last_answers(self.backend))
        while self._arrived:
            self._settle_one(self._arrived.popleft())

    def _settle_one(self, answer: Answer) -> None:
        if isinstance(answer, JobRejected):
            raise JobRefused(f"{answer.reason}\n{answer.traceback}".rstrip())
        if answer.group_id not in self.sent:
            return  # the group was given up, and its psets have been settled
        sent = self.sent[answer.group_id]
        if isinstance(answer, LostGroup):
            self._settle_loss(sent, answer)
        elif sent.is_continued_by(answer):
            self.sizer.observe_results(answer)
            self._settle_reply(sent, unpickled_reply(answer))
        else:
            printed = self.backend.abort(answer.group_id)
            self._settle_loss(sent, with_output(LostGroup(answer.group_id, FORGED_REPLY), printed))

    def _settle_reply(self, sent: SentGroup, reply: Reply) -> None:
        group, count = sent.group, reply.stop - reply.start
        sent.answered += count
        if self._attempts or reply.failures:
            reply = replace(reply, attempts=self._take_attempts(group, reply), failures=timed_failures(reply))
        self.checkpoint.add_reply(group, reply)  # first: what an interruption finds finished is then stored
        self.collector.add_reply(group, reply, len(self.source))
        self._add_times(group, reply)
        self.progress.active -= count
        self.progress.finished += count - len(reply.failures)
        self.watcher.acted("finished", lambda: finished_rows(group, reply))
        if self.out is not None:
            self._call_out(self.out, group, reply)
        for offset, failure in reply.failures.items():
            printed = reply.output.get(offset, failure.output)
            self._settle_failure(int(group.rows[offset]), replace(failure, output=printed))
        if not self.collector.keep_results:
            self.source.forget(finished_rows(group, reply))
        if reply.given_back is not None:
            rest = sent.give_back(reply.given_back)
            self.progress.active -= len(rest)
            self.watcher.acted("given back", lambda: rest)
            self.queue.put_first(rest)
        if reply.done:
            self.queue.put_first(self._remove_sent(group.id).unanswered())

    def _take_attempts(self, group: Group, reply: Reply) -> dict[int, int]:
        """Return, by offset, how often each pset was tried that had failed before and now has a result."""
        if not self._attempts:
            return {}
        return {
            offset: self._attempts.pop(row) + 1
            for offset, row in enumerate(group.rows[reply.start : reply.stop], reply.start)
            if row in self._attempts and offset not in reply.failures
        }

    def _add_times(self, group: Group, reply: Reply) -> None:
        self.stats.peak_memory = max(self.stats.peak_memory, reply.peak_memory)
        if reply.early:
            return
        seconds = add_times(self.stats, self.progress.name, reply)
        self.sizer.observe_seconds(len(reply.walls), seconds)
        self.costs.observe(group.rows[reply.stop - len(reply.walls) : reply.stop], reply.walls)

    def _call_out(self, out: ResultReceiver, group: Group, reply: Reply) -> None:
        psets = make_psets(self.source, group.rows[reply.start : reply.stop])
        for offset, result in results_by_offset(reply).items():
            if not out.finished(psets[offset - reply.start], result):
                self.progress.exceptions += 1  # only out_func failed, so the pset keeps its result

    def _settle_loss(self, sent: SentGroup, loss: LostGroup) -> None:
        """Queue the psets of a lost group again, except the one that is to blame, which has failed."""
        running = sent.place_of(loss.offset)
        blamed = self._lost_groups.put_back(self._remove_sent(sent.group.id).unanswered(), running, loss)
        if blamed is not None:
            self._settle_failure(blamed, loss.failure)

    def _settle_failure(self, row: int, failure: Failure) -> None:
        attempts = self._attempts[row] = self._attempts.get(row, 0) + 1
        if self.retry.should_retry(failure, attempts):
            self.progress.retried += 1
            self.watcher.retried(row, failure)
            self.queue.put_alone(range(row, row + 1))
            return
        del self._attempts[row]
        self.checkpoint.add_failure(row, failure, attempts)
        self.collector.add_failure(row, failure, attempts)
        self.progress.failures += 1
        raised = failure.kind in (FailureKind.RAISED, FailureKind.UNSENDABLE)
        self.progress.exceptions += raised
        self.watcher.failed(row, lambda: self.pset(row), failure, attempts)
        if self.out is not None and not self.out.failed(self.pset(row), failure):
            self.progress.exceptions += 1

    def _remove_sent(self, group_id: int) -> SentGroup:
        sent = self.sent.pop(group_id)
        self.progress.active -= len(sent.unanswered())
        return sent

    # expire

    def _expire(self) -> None:
        """Abort groups whose running pset exceeds the timeout, if the backend knows how long it has run."""
        if self.deadline.timeout is None or self.clock() < self._check_at:
            return
        self._check_at = self.clock() + self.deadline.longest_wait()
        for group_id, sent in list(self.sent.items()):
            running = self.backend.running(group_id)
            loss = self.deadline.overrun(group_id, running, lambda: places_of(self.backend))
            if loss is not None:
                self._settle_loss(sent, with_output(loss, self.backend.abort(group_id)))

    def _stop_at_max_failures(self) -> None:
        failed = self.progress.failures - self.failed_before
        if self.max_failures is not None and failed >= self.max_failures and not self._given_up:
            reached = f"not run: max_failures={self.max_failures} was reached before its turn"
            self.give_up(Failure(FailureKind.NOT_RUN, reached))
