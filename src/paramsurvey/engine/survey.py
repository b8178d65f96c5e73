"""One map: from the psets to everything that became of them.

The loop knows contracts only. It has no processes, no pandas, and no clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from paramsurvey.engine.backend import Backend
from paramsurvey.engine.checkpoint import Checkpoint, NoCheckpoint
from paramsurvey.engine.collector import results_by_offset, unpickled_reply
from paramsurvey.engine.deadline import Deadline, with_output
from paramsurvey.engine.group_size import GroupSizer
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.progress import MapProgress
from paramsurvey.engine.queue import PsetQueue
from paramsurvey.engine.retry import RetryPolicy
from paramsurvey.errors import JobRefused
from paramsurvey.params.sources import make_psets
from paramsurvey.transport.columns import rows_at
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

MOST_READ = 1 << 16  # psets that are read at a time from a source whose end is not known
NOT_RUN = Failure(FailureKind.NOT_RUN, "not run: the map ended before its turn")


class Watcher(Protocol):
    """Is told what happens, while it happens."""

    def report(self, progress: MapProgress) -> None:
        """Look at the counters: called after every action, so it must be cheap. May raise to end the map."""
        ...

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """A pset will not get a result."""
        ...

    def retried(self, row: int, failure: Failure) -> None:
        """A pset failed and is tried again."""
        ...


class ResultReceiver(Protocol):
    """Hands what is done to the user's out_func."""

    def finished(self, pset: Pset, result: Mapping[Any, Any]) -> bool:
        """Return whether out_func accepted it without an exception."""
        ...

    def failed(self, pset: Pset, failure: Failure) -> bool:
        """Return whether out_func accepted it without an exception."""
        ...


@dataclass(slots=True)
class SentGroup:
    """A group that a worker has, and up to which offset it was answered."""

    group: Group
    answered: int = 0

    def rest(self) -> Rows:
        """Return the rows without an answer."""
        return self.group.rows[self.answered :]


@dataclass
class Survey:
    """Runs the psets of a map on `backend` until each of them is settled.

    A pset is settled once: by its result, or by a failure that is not tried again. `rounds` ends
    when all are; after an exception out of it, `give_up` settles the rest as "not run".
    """

    state: MapState
    backend: Backend
    queue: PsetQueue
    watcher: Watcher
    clock: Callable[[], float]
    sizer: GroupSizer = field(default_factory=GroupSizer)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    checkpoint: Checkpoint = field(default_factory=NoCheckpoint)
    out: ResultReceiver | None = None
    options: Sequence[Mapping[str, Any] | None] | None = None
    deadline: Deadline = field(default_factory=Deadline)
    max_failures: int | None = None

    def __post_init__(self) -> None:
        self.source, self.collector = self.state.source, self.state.collector
        self.progress, self.stats = self.state.progress, self.state.stats
        self._sent: dict[int, SentGroup] = {}
        self._attempts: dict[int, int] = {}  # of psets that failed before
        self._decoder = self.source.decoder()
        self._next_id = 0
        self._look_at = 0.0
        self._given_up = False

    def rounds(self) -> Iterator[None]:
        """Dispatch, wait, settle, expire, report, until nothing is left; yield after each round."""
        while self.queue or self._sent or self._read_more():
            self._dispatch()
            self._settle(self.backend.poll(self.deadline.longest_wait()))
            self._expire()
            self._fail_fast()
            self._report()
            yield

    def give_up(self, failure: Failure = NOT_RUN) -> None:
        """Stop what is running, and settle every pset that is not settled yet with `failure`."""
        self._given_up = True
        rows = self.queue.clear()
        for group_id in list(self._sent):
            self.backend.abort(group_id)
            rows.extend(int(row) for row in self._drop(group_id).rest())
        for row in rows:
            self.collector.fail(row, failure, self._attempts.get(row, 0))
        self.progress.failures += len(rows)

    def running(self) -> list[tuple[int, float]]:
        """Return (row, seconds) of every pset that is known to run now, the longest first."""
        known = [(sent, self.backend.running(id)) for id, sent in self._sent.items()]
        rows = [(int(one.group.rows[at[0]]), at[1]) for one, at in known if at and at[0] < len(one.group)]
        return sorted(rows, key=lambda one: -one[1])

    def pset(self, row: int) -> Pset:
        """Return one pset, as a worker sees it."""
        return make_psets(self.source, range(row, row + 1))[0]

    # dispatch

    def _dispatch(self) -> None:
        while self.backend.capacity() > 0 and (self.queue or self._read_more()):
            size = self.sizer.size(len(self.queue), self.backend.core_count())
            self._send(self.queue.take(min(size, self.backend.largest_group() or size)))

    def _read_more(self) -> bool:
        """Take more psets from a source that does not have them all yet; tell whether there were any."""
        if self._given_up:
            return False
        count = self.sizer.ahead(self.backend.core_count())
        while not self.queue:
            known = len(self.source)
            new = self.source.read(count)
            if new == 0:
                return False
            self.progress.total += new
            self.resume(range(known, known + new))
            count = min(2 * count, MOST_READ)  # an earlier run had them all: go on faster
        return True

    def resume(self, rows: range) -> None:
        """Take up rows that have become known; what an earlier run did with them is done."""
        resumed = self.checkpoint.resume(rows)
        for piece in reversed(resumed.rest):
            self.queue.put_back(piece)
        self.progress.finished += len(resumed.finished)
        self.progress.resumed += len(resumed.finished)
        self.progress.failures += len(resumed.failed)
        if not self.collector.keep_results:
            self.source.forget(resumed.finished)

    def _send(self, rows: Rows) -> None:
        self._next_id += 1
        options = self.options[rows[0]] if self.options is not None else None
        load = self._decoder.isolated(self.source.load(rows))
        self.sizer.weigh(len(rows), self._decoder.weight(load))
        group = Group(self._next_id, rows, load, options)
        self._sent[group.id] = SentGroup(group)
        self.progress.active += len(rows)
        self.backend.submit(group)
        self._report()

    # settle

    def _settle(self, answers: Answers) -> None:
        for answer in answers:
            self._settle_one(answer)
            self._report()

    def _settle_one(self, answer: Answer) -> None:
        if isinstance(answer, JobRejected):
            raise JobRefused(f"{answer.reason}\n{answer.traceback}".rstrip())
        if answer.group_id not in self._sent:
            return  # of a group that was given up: what it says was settled then
        if isinstance(answer, Reply):
            self._take(self._sent[answer.group_id], unpickled_reply(answer))
        else:
            self._lose(self._sent[answer.group_id], answer)

    def _take(self, sent: SentGroup, reply: Reply) -> None:
        group, sent.answered = sent.group, reply.stop
        count = reply.stop - reply.start
        self.collector.land(group, reply, len(self.source))
        self.checkpoint.land(group, reply)
        self._time(reply)
        self.progress.active -= count
        self.progress.finished += count - len(reply.failures)
        if self.out is not None:
            self._call_out(self.out, group, reply)
        for offset, failure in reply.failures.items():
            printed = reply.output.get(offset, failure.output)
            self._failed(int(group.rows[offset]), replace(failure, output=printed))
        if not self.collector.keep_results:
            finished = [row for row in range(reply.start, reply.stop) if row not in reply.failures]
            self.source.forget(rows_at(group.rows, np.array(finished, dtype=np.int64)))
        if reply.done:
            self.queue.put_back(self._drop(group.id).rest())

    def _time(self, reply: Reply) -> None:
        self.stats.peak_memory = max(self.stats.peak_memory, reply.peak_memory)
        self.stats.copying += reply.copying
        walls = np.asarray(reply.walls, dtype=np.float64)
        self.stats.add(f"{self.progress.name}_wallclock", walls)
        self.stats.add(f"{self.progress.name}_iowait", walls * _shares(reply.idle))
        for name, seconds in reply.timings.items():
            self.stats.add(name, np.asarray(seconds))
        self.sizer.observe(len(walls), float(walls.sum()))

    def _call_out(self, out: ResultReceiver, group: Group, reply: Reply) -> None:
        psets = make_psets(self.source, group.rows[reply.start : reply.stop])
        for offset, result in results_by_offset(reply).items():
            if not out.finished(psets[offset - reply.start], result):
                self.progress.exceptions += 1  # the pset has its result all the same

    def _lose(self, sent: SentGroup, loss: LostGroup) -> None:
        """Blame the pset that was running; the others of the group are innocent and run again."""
        rest = self._drop(sent.group.id).rest()
        culprit = 0 if len(rest) == 1 else None if loss.offset is None else loss.offset - sent.answered
        if culprit is None:
            self.queue.put_alone(rest)  # so that the culprit is found
            return
        self.queue.put_back(rest[culprit + 1 :])
        self.queue.put_back(rest[:culprit])
        self._failed(int(rest[culprit]), loss.failure)

    def _failed(self, row: int, failure: Failure) -> None:
        attempts = self._attempts[row] = self._attempts.get(row, 0) + 1
        if self.retry.again(failure, attempts):
            self.progress.retried += 1
            self.watcher.retried(row, failure)
            self.queue.put_alone(range(row, row + 1))
            return
        self.collector.fail(row, failure, attempts)
        self.checkpoint.fail(row, failure, attempts)
        self.progress.failures += 1
        raised = failure.kind in (FailureKind.RAISED, FailureKind.UNSENDABLE)
        self.progress.exceptions += raised
        self.watcher.failed(row, lambda: self.pset(row), failure, attempts)
        if self.out is not None and not self.out.failed(self.pset(row), failure):
            self.progress.exceptions += 1

    def _drop(self, group_id: int) -> SentGroup:
        sent = self._sent.pop(group_id)
        self.progress.active -= len(sent.rest())
        return sent

    def _report(self) -> None:
        self.watcher.report(self.progress)

    # expire

    def _expire(self) -> None:
        """Stop the psets that run for too long, where the backend can tell how long they do."""
        if self.deadline.timeout is None or self.clock() < self._look_at:
            return
        self._look_at = self.clock() + self.deadline.longest_wait()
        for group_id, sent in list(self._sent.items()):
            loss = self.deadline.overrun(group_id, self.backend.running(group_id))
            if loss is not None:
                self._lose(sent, with_output(loss, self.backend.abort(group_id)))

    def _fail_fast(self) -> None:
        if self.max_failures is not None and self.progress.failures >= self.max_failures:
            self.give_up(
                Failure(
                    FailureKind.NOT_RUN,
                    f"not run: max_failures={self.max_failures} was reached before its turn",
                )
            )


def _shares(idle: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """Return for every pset which share of its time went without CPU work; see `Reply`."""
    stops = np.array([stop for stop, _ in idle], dtype=np.int64)
    return np.repeat([share for _, share in idle], np.diff(stops, prepend=0))
