"""The loop, with a backend that does what the test says and a clock that only the test moves."""

from __future__ import annotations

import itertools
import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FakeClock
from paramsurvey.engine.checkpoint import NoCheckpoint, Resumed
from paramsurvey.engine.collecting.collector import Collector, FailedPset
from paramsurvey.engine.deadline import LONGEST_WAIT, Deadline
from paramsurvey.engine.dispatch.batch_size import LARGEST_RESULTS, BatchSizer
from paramsurvey.engine.dispatch.group_size import HELD_UP_SECONDS, STREAM_PSETS, GroupSizer
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.engine.dispatch.recall import SCAN_SECONDS
from paramsurvey.engine.dispatch.retry import RetryPolicy
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.progress import MapProgress
from paramsurvey.engine.survey import NOT_RUN, READ_AGAIN_SECONDS, Survey
from paramsurvey.errors import JobRefused
from paramsurvey.params import NOT_YET
from paramsurvey.params.sources import PsetList, PsetStream
from paramsurvey.results.map_results import MapResults
from paramsurvey.results.table_building import build
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import (
    Answer,
    Failure,
    FailureKind,
    Group,
    JobRejected,
    LostGroup,
    Pset,
    Reply,
    ResultColumn,
)

RAISED = Failure(FailureKind.RAISED, "ValueError('no')", "Traceback ...")
CRASHED = Failure(FailureKind.CRASHED, "WorkerDied('SIGKILL')")
NODE_LOST = Failure(FailureKind.NODE_LOST, "NodeLost('it was switched off')")


@dataclass
class Seat:
    """A group that a fake worker has in hand."""

    group: Group
    answered: int = 0
    end: int | None = None  # where it was given back

    def rows(self) -> list[int]:
        return [int(row) for row in self.group.rows]

    def left(self) -> int:
        """Return how many of its psets are not answered."""
        return (len(self.group) if self.end is None else self.end) - self.answered

    def reply(self, count: int | None = None, done: bool = True, failing: tuple[int, ...] = ()) -> Reply:
        """Answer the next `count` psets (default: the rest); those whose row is in `failing` have raised."""
        start = self.answered
        end = len(self.group) if self.end is None else self.end
        stop = end if count is None else min(start + count, end)
        self.answered = stop
        rows = self.rows()
        good = [i for i in range(start, stop) if rows[i] not in failing]
        values = np.array([rows[i] * 10 for i in good], dtype=np.int64)
        return Reply(
            self.group.id,
            start,
            stop,
            columns={"r": (ResultColumn(np.array(good, dtype=np.int64), values),)} if good else {},
            failures={i: RAISED for i in range(start, stop) if rows[i] in failing},
            walls=array("d", [1e-6]) * (stop - start),
            idle=((stop - start, 0.0),),
            done=done or stop == end,
        )

    def lost(self, offset: int | None, failure: Failure = CRASHED) -> LostGroup:
        return LostGroup(self.group.id, failure, offset)


@dataclass
class FakeBackend:
    """Answers as `script` says, which sees the groups in hand, oldest first; by default all are answered."""

    workers: int = 2
    script: Callable[[list[Seat]], list[Answer]] = lambda seats: [seat.reply() for seat in seats]
    largest: int | None = None
    places_in_reserve: int = 0
    recalled: list[int] = field(default_factory=list)
    name: str = "fake"
    runs_here: bool = False
    captures: frozenset[Any] = frozenset()
    seats: dict[int, Seat] = field(default_factory=dict)
    submitted: list[list[int]] = field(default_factory=list)
    aborted: list[int] = field(default_factory=list)
    busy: dict[int, tuple[int, float]] = field(default_factory=dict)  # what `running` tells
    waits: list[float] = field(default_factory=list)

    def capacity(self) -> int:
        return max(self.workers - len(self.seats), 0)

    def reserve(self) -> int:
        return self.workers + self.places_in_reserve - max(len(self.seats), self.workers)

    def recall(self, group_id: int) -> None:
        self.recalled.append(group_id)

    def largest_group(self) -> int | None:
        return self.largest

    def submit(self, group: Group) -> None:
        assert self.capacity() or self.reserve(), "nobody may submit more than there is room for"
        assert group.id not in self.seats
        self.seats[group.id] = Seat(group)
        self.submitted.append([int(row) for row in group.rows])

    def poll(self, timeout: float) -> list[Answer]:
        self.waits.append(timeout)
        answers = self.script(list(self.seats.values()))
        for answer in answers:
            if isinstance(answer, LostGroup) or (isinstance(answer, Reply) and answer.done):
                self.seats.pop(answer.group_id, None)
        return answers

    def running(self, group_id: int) -> tuple[int, float] | None:
        return self.busy.get(group_id)

    def abort(self, group_id: int) -> str | None:
        self.aborted.append(group_id)
        self.seats.pop(group_id, None)
        return None

    def core_count(self) -> int:
        return self.workers

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return options

    def open(self, job: Any, options: Mapping[str, Any]) -> None: ...

    def end_job(self) -> None:
        self.seats.clear()

    def resources(self) -> list[dict[str, float]]:
        return []

    def close(self) -> None: ...


class Books:
    """A watcher and out_func that checks the counters whenever it is told of something."""

    def __init__(self) -> None:
        self.settled: Counter[int] = Counter()
        self.failures: dict[int, tuple[Failure, int]] = {}
        self.retries: list[int] = []
        self.actions: list[tuple[str, list[int]]] = []
        self.results: dict[int, int] = {}

    def report(self, progress: MapProgress) -> None:
        assert progress.active >= 0
        assert progress.finished >= 0
        assert progress.active + progress.finished + progress.failures <= progress.total

    def failed(self, row: int | Pset, pset: Any, failure: Any = None, attempts: int = 0) -> None:
        assert isinstance(row, int)
        self.settled[row] += 1
        self.failures[row] = failure, attempts
        assert pset() == {"a": row}

    def retried(self, row: int, failure: Failure) -> None:
        self.retries.append(row)

    def acted(self, what: str, rows: Any) -> None:
        self.actions.append((what, [int(row) for row in rows()]))

    def interruptible(self) -> AbstractContextManager[None]:
        return nullcontext()


class Out:
    """An out_func that notes what it sees."""

    def __init__(self, books: Books, accepts: bool = True) -> None:
        self.books = books
        self.accepts = accepts
        self.failed_rows: list[int] = []

    def finished(self, pset: Pset, result: Mapping[Any, Any]) -> bool:
        self.books.settled[pset["a"]] += 1
        self.books.results[pset["a"]] = result["r"]
        return self.accepts

    def failed(self, pset: Pset, failure: Failure) -> bool:
        self.failed_rows.append(pset["a"])
        return self.accepts


@dataclass
class Run:
    """A survey with everything around it."""

    survey: Survey
    backend: FakeBackend
    books: Books
    clock: FakeClock

    def run(self, rounds: int = 10_000) -> Run:
        """Run to the end, and check that every pset was settled once."""
        for _ in self.survey.rounds():
            rounds -= 1
            assert rounds > 0, f"no end: {self.survey.progress}"
        return self

    @property
    def progress(self) -> MapProgress:
        return self.survey.progress

    def missing_rows(self) -> list[int]:
        return sorted(self.survey.collector.failed)

    def results(self) -> MapResults:
        return build(self.survey.state, verbose=0)

    def check(self) -> None:
        """Check that nothing is lost and nothing is counted twice."""
        total = len(self.survey.source)
        assert (self.progress.total, self.progress.active) == (total, 0)
        assert self.progress.finished + self.progress.failures == total
        assert len(self.missing_rows()) == self.progress.failures
        results = self.results()
        assert sorted([*results["a"], *self.missing_rows()]) == list(range(total))
        if self.progress.finished:
            assert results["r"].tolist() == [10 * row for row in results["a"]]


def make(psets: int = 16, backend: FakeBackend | None = None, source: Any = None, **options: Any) -> Run:
    """Return a survey of psets ``{'a': row}``, not started yet."""
    books = Books()
    clock = options.pop("clock", None) or FakeClock()
    source = PsetList([{"a": row} for row in range(psets)]) if source is None else source
    group_size = options.pop("group_size", None)
    if options.pop("out", True):
        options["out"] = Out(books)
    backend = backend or FakeBackend()
    options["deadline"] = Deadline(options.pop("timeout", None))
    survey = Survey(
        state=MapState(source, Collector(), MapProgress("fit", total=len(source)), PerfStats()),
        backend=backend,  # type: ignore[arg-type]  # what mypy does not see: the default of a callable field
        queue=PsetQueue(range(len(source)), options.get("options")),
        watcher=books,
        clock=clock,
        sizer=GroupSizer(group_size),
        **options,
    )
    return Run(survey, backend, books, clock)


def scripted(*steps: Callable[[list[Seat]], list[Answer]]) -> Callable[[list[Seat]], list[Answer]]:
    """Return a script of one step per poll; then everything is answered."""
    remaining = list(steps)

    def script(seats: list[Seat]) -> list[Answer]:
        return remaining.pop(0)(seats) if remaining else [seat.reply() for seat in seats]

    return script


# batches


def dying_with(*bad: int, running: Callable[[Seat], int | None] = lambda seat: seat.answered) -> Any:
    """Return a script: a group with one of these rows is lost, and the others are answered."""

    def script(seats: list[Seat]) -> list[Answer]:
        seat = seats[0]
        return [seat.lost(running(seat)) if set(bad) & set(seat.rows()) else seat.reply()]

    return script


def test_the_halves_of_a_lost_batch_run_as_batches_until_the_pset_to_blame_runs_alone() -> None:
    run = make(psets=8, group_size=8, in_batches=True, retry=RetryPolicy(crash_retries=0))
    run.backend.script = dying_with(5)
    run.backend.workers = 1
    run.run().check()
    assert run.missing_rows() == [5]
    assert run.backend.submitted == [list(range(8)), [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]
    assert run.books.failures[5] == (CRASHED, 1), "the losses of its batches are no attempts"


def test_no_group_has_psets_of_two_halves() -> None:
    run = make(psets=10, group_size=4, in_batches=True, backend=FakeBackend(workers=1))
    run.backend.script = scripted(lambda seats: [seats[0].lost(0)])
    run.run().check()
    assert run.backend.submitted == [[0, 1, 2, 3], [0, 1], [2, 3], [4, 5, 6, 7], [8, 9]]


def test_psets_before_the_lost_batch_are_not_to_blame() -> None:
    run = make(psets=8, group_size=8, in_batches=True, backend=FakeBackend(workers=1))
    run.backend.script = scripted(
        lambda seats: [seats[0].reply(count=2, done=False)], lambda seats: [seats[0].lost(4)]
    )
    run.run().check()
    assert run.backend.submitted == [list(range(8)), [2, 3], [4, 5], [6, 7]]


def test_of_a_batch_of_which_one_pset_is_left_that_one_is_to_blame() -> None:
    run = make(psets=3, group_size=3, in_batches=True, retry=RetryPolicy(crash_retries=0))
    run.backend.script = scripted(lambda seats: [seats[0].lost(2)])
    run.run().check()
    assert run.missing_rows() == [2]
    assert run.backend.submitted == [[0, 1, 2], [0, 1]]


def test_when_nothing_says_what_ran_all_psets_of_a_batch_may_be_to_blame() -> None:
    run = make(psets=6, group_size=6, in_batches=True, retry=RetryPolicy(crash_retries=0))
    run.backend.script = dying_with(1, running=lambda seat: None)
    run.run().check()
    assert run.missing_rows() == [1]


def test_batches_with_large_results_become_small() -> None:
    def large(seats: list[Seat]) -> list[Answer]:
        replies = [seat.reply() for seat in seats]
        images = [np.zeros((len(seat.group), 10**6)) for seat in seats]  # 8 MB each
        return [
            replace(reply, columns={"r": (ResultColumn(reply.columns["r"][0].offsets, image),)})
            for reply, image in zip(replies, images, strict=True)
        ]

    run = make(psets=60, in_batches=True, backend=FakeBackend(workers=1, script=large), out=False)
    run.survey.sizer = BatchSizer()
    rounds = run.survey.rounds()
    next(rounds)
    next(rounds)
    first, second = map(len, run.backend.submitted)
    assert second < first
    assert second * 8e6 <= LARGEST_RESULTS


def test_a_batch_that_takes_too_long_is_halved() -> None:
    run = make(psets=4, group_size=4, in_batches=True, timeout=1.0, backend=FakeBackend(workers=1))

    def stuck_with_2(seats: list[Seat]) -> list[Answer]:
        run.clock.now += 1.0
        run.backend.busy.clear()
        if 2 in seats[0].rows():
            run.backend.busy[seats[0].group.id] = (0, 5.0)
            return []
        return [seats[0].reply()]

    run.backend.script = stuck_with_2
    run.run().check()
    assert run.missing_rows() == [2]
    assert run.books.failures[2][0].kind is FailureKind.TIMED_OUT


def test_a_batch_whose_node_is_lost_three_times_is_halved() -> None:
    run = make(psets=4, group_size=4, in_batches=True, backend=FakeBackend(workers=1, script=losing_nodes(3)))
    run.run().check()
    assert run.missing_rows() == []
    assert run.backend.submitted == [[0, 1, 2, 3]] * 3 + [[0, 1], [2, 3]]


# dispatch


def test_every_pset_is_run_once_in_groups_of_the_given_size() -> None:
    run = make(psets=10, group_size=4).run()
    run.check()
    assert run.backend.submitted == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert run.books.settled == Counter(range(10))


def test_no_more_groups_are_in_hand_than_there_is_room_for() -> None:
    seen = []
    run = make(psets=10, group_size=1, backend=FakeBackend(workers=3))
    run.backend.script = lambda seats: [seen.append(len(seats)), seats[0].reply()][1:]  # type: ignore[func-returns-value, list-item]
    run.run().check()
    assert max(seen) == 3


def test_a_backend_without_room_is_asked_again_until_it_has_some() -> None:
    backend = FakeBackend(workers=0)

    def grow(seats: list[Seat]) -> list[Answer]:
        backend.workers = 2  # a node has joined
        return [seat.reply() for seat in seats]

    backend.script = grow
    make(psets=4, backend=backend).run().check()


def test_groups_start_small_and_grow_with_what_was_learned() -> None:
    run = make(psets=50_000).run()
    run.check()
    sizes = [len(rows) for rows in run.backend.submitted]
    assert sizes[0] == 1
    assert max(sizes) > 100
    assert sizes[-1] < max(sizes)


def test_a_backend_may_limit_the_size_of_a_group() -> None:
    run = make(psets=20, group_size=10, backend=FakeBackend(largest=3)).run()
    run.check()
    assert {len(rows) for rows in run.backend.submitted} == {3, 2}


@pytest.mark.parametrize("stream", [False, True])
def test_large_objects_travel_in_small_groups(stream: bool) -> None:
    psets = [{"a": row, "o": np.zeros(10**6)} for row in range(100)]  # 8 MB each
    run = make(source=PsetStream(iter(psets)) if stream else PsetList(psets), out=False)
    run.books.failed = pytest.fail  # type: ignore[method-assign]
    run.run().check()
    assert {len(rows) for rows in run.backend.submitted} <= {1, 2}


def test_psets_with_different_options_never_share_a_group() -> None:
    options = [{"num_cpus": 1}, {"num_cpus": 1}, None, None, {"num_cpus": 2}, None]
    run = make(psets=6, group_size=6, options=options).run()
    run.check()
    assert run.backend.submitted == [[0, 1], [2, 3], [4], [5]]


def test_a_source_whose_end_is_not_known_is_read_as_it_is_needed() -> None:
    read: list[int] = []

    def psets() -> Iterator[dict[str, int]]:
        for row in range(1000):
            read.append(row)
            yield {"a": row}

    run = make(source=PsetStream(psets()), group_size=5)
    rounds = run.survey.rounds()
    next(rounds)
    assert len(read) < 100
    for _ in rounds:
        assert len(read) - run.progress.finished < 100
    run.check()
    assert run.progress.total == 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("end", ["goes on", "raises", "ends the program"])
def test_a_process_that_an_iterator_forks_is_no_second_driver(end: str, in_tmp: Path) -> None:
    codes = {"goes on": 0, "raises": 0, "ends the program": 3}  # what it raised is for the next reading

    def psets() -> Iterator[Pset]:
        yield {"a": 0}
        child = os.fork()
        if child == 0:
            Path("forked").touch()
            if end == "raises":
                raise ValueError
            if end == "ends the program":
                raise SystemExit(3)
        else:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            yield {"a": 1, "code": code}

    source = PsetStream(psets())
    list(make(source=source, out=False).survey.rounds())
    assert Path("forked").exists()
    assert source.frame()["code"].tolist()[1] == codes[end]


def test_what_an_iterator_raises_ends_the_map_as_it_is() -> None:
    def psets() -> Iterator[Pset]:
        yield {"a": 0}
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(make(source=PsetStream(psets()), group_size=1).survey.rounds())


def slower_and_slower(seats: list[Seat]) -> list[Answer]:
    """Each pset takes a second longer than the one before it in the survey."""
    return [replace(seat.reply(), walls=array("d", [1.0 + row for row in seat.rows()])) for seat in seats]


def test_from_psets_that_have_run_it_is_learned_how_long_the_others_will_take() -> None:
    run = make(psets=40, backend=FakeBackend(script=slower_and_slower), group_size=4)
    rounds = run.survey.rounds()
    for _ in range(3):
        next(rounds)
    expected = run.survey.costs.expected_seconds(range(40))
    assert expected[39] > 2 * expected[0]


def test_the_longest_go_first_where_that_is_asked_for() -> None:
    backend = FakeBackend(script=slower_and_slower)
    make(psets=100, backend=backend, group_size=1, longest_first=True).run().check()
    order = [row for rows in backend.submitted for row in rows]
    assert order[:4] != [0, 1, 2, 3], "the first are from all over the survey"
    assert np.mean(order[20:40]) > 2 * np.mean(order[-20:])


class EarlierRun(NoCheckpoint):
    """A checkpoint in which the even rows have finished, and row 1 has failed for good."""

    collector: Collector

    def resume(self, rows: range) -> Resumed:
        finished = np.array([row for row in rows if row % 2 == 0], dtype=np.int64)
        failed = np.array([row for row in rows if row == 1], dtype=np.int64)
        self.collector.failed.update({1: FailedPset(RAISED, 1)} if len(failed) else {})
        return Resumed([range(row, row + 1) for row in rows if row % 2 and row != 1], finished, failed)


def test_what_an_earlier_run_has_settled_counts_and_does_not_run() -> None:
    checkpoint = EarlierRun()
    run = make(source=PsetStream({"a": row} for row in range(9)), checkpoint=checkpoint, group_size=1)
    checkpoint.collector = run.survey.collector
    run.run()
    assert run.books.settled == Counter([3, 5, 7])
    counts = run.progress
    assert (counts.total, counts.finished, counts.failures, counts.resumed) == (9, 8, 1, 5)


class FullCheckpoint(NoCheckpoint):
    """A checkpoint that has no room the first times that it is asked."""

    def __init__(self, times: int) -> None:
        self.times_left = times
        self.waits: list[float] = []

    def wait_for_room(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.times_left -= 1
        return self.times_left < 0


def test_no_answers_are_read_while_the_checkpoint_has_no_room() -> None:
    checkpoint = FullCheckpoint(times=3)
    run = make(psets=4, backend=FakeBackend(workers=2), group_size=1, checkpoint=checkpoint)
    rounds = run.survey.rounds()
    for _ in range(3):
        next(rounds)
        assert run.backend.waits == []
        assert run.progress.active == 2  # workers have what to do meanwhile
    assert checkpoint.waits == [LONGEST_WAIT] * 3
    list(rounds)
    assert run.progress.finished == 4


def test_psets_run_out_of_time_also_while_the_checkpoint_has_no_room() -> None:
    run = make(psets=1, checkpoint=FullCheckpoint(times=1), timeout=1.0)
    run.backend.busy[1] = (0, 1.5)
    next(run.survey.rounds())
    assert run.backend.aborted == [1]
    assert run.progress.failures == 1


class Notebook(NoCheckpoint):
    """Notes what is to be kept."""

    def __init__(self) -> None:
        self.results: list[int] = []
        self.failures: list[tuple[int, Failure, int]] = []

    def add_reply(self, group: Group, reply: Reply) -> None:
        done = range(reply.start, reply.stop)
        self.results += [int(group.rows[at]) for at in done if at not in reply.failures]

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        self.failures.append((row, failure, attempts))


def test_a_checkpoint_gets_every_result_and_every_failure_once() -> None:
    backend = FakeBackend(script=lambda seats: [seat.reply(failing=(3,)) for seat in seats])
    checkpoint = Notebook()
    make(psets=6, backend=backend, checkpoint=checkpoint, retry=RetryPolicy(retries=1)).run()
    assert sorted(checkpoint.results) == [0, 1, 2, 4, 5]
    ((row, failure, attempts),) = checkpoint.failures
    assert (row, failure.exception, attempts) == (3, RAISED.exception, 2)


def test_polling_waits_a_quarter_of_a_second_at_most() -> None:
    run = make(psets=3).run()
    assert 0 < max(run.backend.waits) <= LONGEST_WAIT <= 0.25


# groups in reserve, and what is recalled


def test_short_psets_wait_in_reserve_behind_those_that_run() -> None:
    backend = FakeBackend(workers=2, places_in_reserve=2)
    run = make(40, backend, group_size=4).run()
    in_hand = backend.submitted[:2], backend.submitted[2:6]
    assert [len(groups) for groups in in_hand] == [2, 4]  # first nothing is known of the psets' seconds
    run.check()


def test_tiny_psets_of_an_iterator_are_read_for_the_reserve_too() -> None:
    backend = FakeBackend(workers=2, places_in_reserve=2)
    in_hand: list[int] = []
    backend.script = lambda seats: [in_hand.append(len(seats)), seats[0].reply()][1:]  # type: ignore[func-returns-value, list-item]
    count = 8 * STREAM_PSETS
    run = make(source=PsetStream({"a": row} for row in range(count)), backend=backend, out=False)
    run.run().check()
    assert in_hand[-6:] == [4, 4, 4, 3, 2, 1]
    assert max(map(len, backend.submitted)) <= STREAM_PSETS


def test_long_psets_do_not_wait_in_reserve() -> None:
    def slowly(seats: list[Seat]) -> list[Answer]:
        seat = seats[0]
        return [replace(seat.reply(), walls=array("d", [1.0]) * len(seat.group))]

    backend = FakeBackend(workers=2, script=slowly, places_in_reserve=2)
    run = make(12, backend, group_size=1)
    for _ in run.survey.rounds():
        assert len(backend.seats) <= 2
    run.check()


def test_a_group_that_no_worker_has_begun_comes_back_as_it_was() -> None:
    def none_begun(seats: list[Seat]) -> list[Answer]:
        return [seat.reply(0) for seat in seats]

    backend = FakeBackend(script=scripted(none_begun))
    run = make(8, backend, group_size=2).run()
    run.check()
    assert run.progress.failures == 0
    assert sorted(itertools.chain(*backend.submitted[2:])) == list(range(8))


def test_what_was_not_begun_is_recalled_for_workers_that_have_nothing_to_do() -> None:
    """One worker has nothing to do; the other has run pset 0 of 5 and is at pset 1."""

    def one_of_two(seats: list[Seat]) -> list[Answer]:
        backend.busy[1] = (1, 5.0)
        return [replace(seats[1].reply(), walls=array("d", [0.01]) * 5)]

    def gives_back(seats: list[Seat]) -> list[Answer]:
        assert backend.recalled == [1]
        seats[0].end = 2
        return [replace(seats[0].reply(1, done=False), given_back=2)]

    backend = FakeBackend(workers=2, script=scripted(one_of_two, gives_back))
    run = make(10, backend, group_size=5)
    rounds = run.survey.rounds()
    for _ in range(2):
        next(rounds)
    assert run.progress.active == 1
    assert backend.submitted == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    next(rounds)
    assert backend.submitted[2:] == [[2, 3, 4]]
    for _ in rounds:
        pass


def test_psets_that_are_held_up_are_looked_for_when_there_may_be_some() -> None:
    def second_is_long(seats: list[Seat]) -> list[Answer]:
        backend.busy = {2: (0, 0.5)}
        return [replace(seats[0].reply(), walls=array("d", [0.01]) * 5)]

    backend = FakeBackend(workers=2, script=scripted(second_is_long, lambda seats: [], lambda seats: []))
    run = make(30, backend, group_size=5)
    rounds = run.survey.rounds()
    next(rounds)
    next(rounds)
    assert backend.recalled == []
    run.clock.now += SCAN_SECONDS
    next(rounds)
    assert backend.recalled == [2]


@pytest.mark.parametrize(
    ("has_run", "waits"),
    [(0.02, HELD_UP_SECONDS - 0.02), (0.001, SCAN_SECONDS)],
    ids=["it has run for most of that time", "it may end long before"],
)
def test_the_loop_wakes_when_the_pset_that_runs_may_begin_to_hold_up_others(
    has_run: float, waits: float
) -> None:
    def second_runs(seats: list[Seat]) -> list[Answer]:
        backend.busy = {2: (0, has_run)}
        return [replace(seats[0].reply(), walls=array("d", [0.001]) * 5)]

    backend = FakeBackend(workers=2, script=scripted(second_runs, lambda seats: []))
    run = make(30, backend, group_size=5)
    rounds = run.survey.rounds()
    next(rounds)
    run.clock.now += SCAN_SECONDS
    next(rounds)
    assert backend.recalled == []
    assert backend.waits[1] == pytest.approx(waits)


def test_a_group_is_recalled_once_and_not_for_work_that_is_sooner_done_than_moved() -> None:
    def one_of_two(seats: list[Seat]) -> list[Answer]:
        return [replace(seats[1].reply(), walls=array("d", [1e-5]) * 5)]

    backend = FakeBackend(workers=2, script=scripted(one_of_two, lambda seats: [], lambda seats: []))
    make(10, backend, group_size=5).run().check()
    assert backend.recalled == []


@pytest.mark.parametrize(("seconds", "held_up"), [(0.5, True), (0.05, False)])
def test_psets_do_not_wait_behind_one_that_runs_for_long_though_others_are_in_the_queue(
    seconds: float, held_up: bool
) -> None:
    """Psets take 10 ms; the first of the second group runs for longer."""

    def second_is_long(seats: list[Seat]) -> list[Answer]:
        backend.busy = {2: (0, seconds)}
        run.clock.now += seconds
        return [replace(seats[0].reply(), walls=array("d", [0.01]) * 5)]

    def gives_back(seats: list[Seat]) -> list[Answer]:
        assert backend.recalled == ([2] if held_up else [])
        seats[0].end = 1
        return [replace(seats[0].reply(0, done=False), given_back=1)]

    backend = FakeBackend(workers=2, script=scripted(second_is_long, gives_back))
    run = make(30, backend, group_size=5)
    run.run().check()
    assert backend.submitted[:4] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14], [6, 7, 8, 9]]


# settle


def test_a_group_that_is_given_back_half_way_goes_to_whoever_is_next() -> None:
    run = make(psets=10, group_size=10)
    run.backend.script = scripted(lambda seats: [seats[0].reply(count=4)])
    run.run().check()
    assert run.backend.submitted == [list(range(10)), [4, 5, 6, 7, 8, 9]]
    assert run.books.settled == Counter(range(10))


def test_a_group_that_is_answered_in_parts_stays_in_hand() -> None:
    run = make(psets=10, group_size=10)
    part = lambda seats: [seats[0].reply(count=3, done=False)]  # noqa: E731
    run.backend.script = scripted(part, part, part)
    run.run().check()
    assert run.backend.submitted == [list(range(10))]


def test_an_exception_is_a_failure_with_its_attempts() -> None:
    run = make(psets=5, group_size=5)
    run.backend.script = scripted(lambda seats: [seats[0].reply(failing=(1, 3))])
    run.run().check()
    assert run.missing_rows() == [1, 3]
    assert run.books.failures == {1: (RAISED, 1), 3: (RAISED, 1)}
    assert run.progress.exceptions == 2


def test_a_refusal_ends_the_map_with_its_reason() -> None:
    run = make()
    run.backend.script = lambda seats: [JobRejected("no such module", "Traceback ...")]
    with pytest.raises(JobRefused, match=r"no such module\nTraceback \.\.\."):
        run.run()


def test_after_an_exception_give_up_settles_the_rest_as_not_run() -> None:
    run = make(psets=10, group_size=2)
    run.backend.script = scripted(lambda seats: [seats[0].reply(count=1, done=False)], lambda seats: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        run.run()
    run.survey.give_up()
    run.check()
    assert run.progress.finished == 1
    assert sorted(run.backend.aborted) == [1, 2]
    assert {one.failure.kind for one in run.survey.collector.failed.values()} == {FailureKind.NOT_RUN}
    assert {one.attempts for one in run.survey.collector.failed.values()} == {0}


def test_giving_up_when_all_is_done_changes_nothing() -> None:
    run = make(psets=3).run()
    run.survey.give_up()
    run.check()
    assert run.progress.failures == 0


def test_after_giving_up_an_iterator_is_read_no_further() -> None:
    run = make(source=PsetStream({"a": row} for row in range(100)), group_size=1)
    rounds = run.survey.rounds()
    next(rounds)
    run.survey.give_up()
    read = len(run.survey.source)
    assert next(rounds, None) is None
    assert len(run.survey.source) == read < 100
    run.check()


def test_what_had_failed_before_the_map_was_given_up_tells_its_attempts() -> None:
    run = make(psets=3, group_size=1, retry=RetryPolicy(retries=5), backend=FakeBackend(workers=1))
    run.backend.script = lambda seats: [seat.reply(failing=(1,)) for seat in seats]
    rounds = run.survey.rounds()
    while run.progress.retried < 2:
        next(rounds)
    run.survey.give_up()
    assert run.survey.collector.failed[1].attempts == 2
    run.check()


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_sent_can_be_dropped_and_what_was_sent_goes_on(stream: bool) -> None:
    psets = [{"a": row} for row in range(1000)]
    source = PsetStream(iter(psets)) if stream else PsetList(psets)
    run = make(source=source, group_size=3, backend=FakeBackend(script=lambda seats: []))
    rounds = run.survey.rounds()
    next(rounds)
    known = len(run.survey.source)
    run.survey.drop_queue(replace(NOT_RUN, exception="halted"))
    assert run.missing_rows() == list(range(6, known))
    assert run.progress.active == 6
    run.backend.script = lambda seats: [seat.reply() for seat in seats]
    assert list(rounds) == [None]
    run.check()
    assert sorted(run.books.results) == list(range(6))
    failed = run.survey.collector.failed.values()
    assert {(one.failure.exception, one.attempts) for one in failed} == {("halted", 0)}
    assert len(run.survey.source) == known, "an iterator is read no further"
    assert known < 1000 or not stream


def test_what_is_dropped_is_no_reason_to_stop_what_was_sent() -> None:
    run = make(psets=10, group_size=1, max_failures=3, backend=FakeBackend(script=lambda seats: []))
    rounds = run.survey.rounds()
    next(rounds)
    sent = run.progress.active
    run.survey.drop_queue()
    next(rounds)
    assert run.progress.active == sent
    run.backend.script = lambda seats: [seat.reply() for seat in seats]
    assert list(rounds) == [None]
    assert run.progress.finished == sent


def test_a_retry_that_is_dropped_tells_its_attempts() -> None:
    run = make(psets=1, retry=RetryPolicy(retries=5))
    run.backend.script = lambda seats: [seat.reply(failing=(0,)) for seat in seats]
    next(run.survey.rounds())
    run.survey.drop_queue()
    assert run.survey.collector.failed[0] == FailedPset(NOT_RUN, 1)
    assert (run.progress.active, run.progress.failures) == (0, 1)


def test_what_has_arrived_is_settled_before_an_interrupted_map_gives_up() -> None:
    run = make(psets=8, group_size=2, backend=FakeBackend(script=lambda seats: []))
    next(run.survey.rounds())
    run.backend.waits.clear()
    run.backend.script = lambda seats: [seats[0].reply(), seats[1].reply(count=1, done=False)]
    run.survey.settle_arrived()
    assert run.backend.waits == [0.0], "nobody waits for more"
    assert run.backend.submitted == [[0, 1], [2, 3]], "nothing new runs"
    run.survey.give_up()
    run.check()
    assert sorted(run.books.results) == [0, 1, 2]


def test_in_the_callers_process_nothing_runs_to_be_settled() -> None:
    run = make(psets=2, backend=FakeBackend(runs_here=True, script=lambda seats: []))
    next(run.survey.rounds())
    run.backend.waits.clear()
    run.survey.settle_arrived()
    assert run.backend.waits == []


def test_an_answer_that_an_interrupt_had_kept_waiting_is_settled() -> None:
    run = make(psets=2, group_size=1, backend=FakeBackend(runs_here=True))
    report, run.books.report = run.books.report, interrupted_at(3, run.books.report)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run.run()
    run.books.report = report  # type: ignore[method-assign]
    assert run.progress.finished == 1
    run.survey.settle_arrived()
    assert run.progress.finished == 2
    run.check()


def interrupted_at(times: int, report: Callable[[MapProgress], None]) -> Callable[[MapProgress], None]:
    """Return a watcher's report with a Ctrl-C in it, when it is called for the so many-th time."""
    calls = itertools.count(1)

    def interrupt(progress: MapProgress) -> None:
        report(progress)
        if next(calls) == times:
            raise KeyboardInterrupt

    return interrupt


def test_a_late_reply_of_a_group_that_was_given_up_is_dropped() -> None:
    run = make(psets=4, group_size=4, timeout=1.0, clock=FakeClock())
    late: list[Reply] = []

    def stuck(seats: list[Seat]) -> list[Answer]:
        late.append(replace(seats[0], answered=0).reply())
        run.backend.busy[seats[0].group.id] = (2, 5.0)
        return []

    run.backend.script = scripted(stuck, lambda seats: [late[0], *(seat.reply() for seat in seats)])
    run.run().check()
    assert run.missing_rows() == [2]
    assert run.books.settled == Counter(range(4))


def test_an_exception_in_out_func_is_counted_and_its_pset_has_finished() -> None:
    run = make(psets=4, group_size=4)
    run.survey.out = Out(run.books, accepts=False)
    run.run()
    assert str(run.progress) == "total: 4, active: 0, finished: 4, failures: 0, exceptions: 4"
    assert run.results()["r"].tolist() == [0, 10, 20, 30]


def test_an_exception_in_out_func_at_a_failure_is_one_more() -> None:
    run = make(psets=2, group_size=2)
    run.survey.out = Out(run.books, accepts=False)
    run.backend.script = scripted(lambda seats: [seats[0].reply(failing=(0, 1))])
    run.run()
    assert str(run.progress) == "total: 2, active: 0, finished: 0, failures: 2, exceptions: 4"


def test_without_an_out_func_failures_are_counted_too() -> None:
    run = make(psets=2, group_size=2, out=False)
    run.backend.script = scripted(lambda seats: [seats[0].reply(failing=(0,))])
    run.run().check()
    assert (run.progress.failures, run.progress.exceptions) == (1, 1)


def test_out_func_sees_a_failure_once_also_after_retries() -> None:
    run = make(psets=3, group_size=1, retry=RetryPolicy(retries=2))
    run.backend.script = lambda seats: [seat.reply(failing=(1,)) for seat in seats]
    run.run().check()
    assert isinstance(run.survey.out, Out)
    assert run.survey.out.failed_rows == [1]


# losses


def forging(start: int, stop: int) -> Callable[[list[Seat]], list[Answer]]:
    """Answer once for psets from `start` to `stop`, whatever the group has, and then honestly."""

    def forge(seats: list[Seat]) -> list[Answer]:
        return [Reply(seats[0].group.id, start, stop)]

    return scripted(forge)


@pytest.mark.parametrize(("start", "stop"), [(0, 1000), (5, 2), (1, 2), (-1, 1), (-3, 1000)])
def test_a_reply_for_psets_that_the_worker_does_not_have_is_no_reply(start: int, stop: int) -> None:
    run = make(psets=8, group_size=4, backend=FakeBackend(script=forging(start, stop))).run()
    run.check()
    assert run.progress.finished == 8
    assert len(run.backend.aborted) == 1


def test_a_group_that_comes_back_after_a_part_was_answered_runs_the_rest_only() -> None:
    run = make(psets=8, group_size=8)
    run.backend.script = scripted(
        lambda seats: [seats[0].reply(count=3, done=False)], lambda seats: [Reply(seats[0].group.id, 0, 0)]
    )
    run.run().check()
    assert run.books.settled == Counter(range(8))


@pytest.mark.parametrize("offset", [-1, 4, 1000])
def test_a_loss_at_an_offset_that_the_group_does_not_have_blames_nobody_yet(offset: int) -> None:
    script = scripted(lambda seats: [seats[0].lost(offset)])
    run = make(psets=8, group_size=4, backend=FakeBackend(script=script)).run()
    run.check()
    assert run.progress.finished == 8


def test_a_worker_that_dies_costs_the_pset_that_it_ran_and_the_others_run_again() -> None:
    run = make(psets=8, group_size=8, retry=RetryPolicy(crash_retries=0))
    run.backend.script = scripted(lambda seats: [seats[0].lost(offset=3)])
    run.run().check()
    assert run.missing_rows() == [3]
    assert run.backend.submitted == [list(range(8)), [0, 1, 2], [4, 5, 6, 7]]


def test_what_had_been_answered_before_the_death_stays() -> None:
    run = make(psets=8, group_size=8, retry=RetryPolicy(crash_retries=0))
    run.backend.script = scripted(
        lambda seats: [seats[0].reply(count=3, done=False)], lambda seats: [seats[0].lost(offset=5)]
    )
    run.run().check()
    assert run.missing_rows() == [5]
    assert run.backend.submitted == [list(range(8)), [3, 4], [6, 7]]


def test_when_nobody_knows_which_pset_it_was_each_is_run_alone() -> None:
    run = make(psets=6, group_size=6, retry=RetryPolicy(crash_retries=0))

    def deadly(seats: list[Seat]) -> list[Answer]:
        return [seat.lost(None) if 4 in seat.rows() else seat.reply() for seat in seats]

    run.backend.script = deadly
    run.run().check()
    assert run.missing_rows() == [4]
    assert run.backend.submitted == [list(range(6)), [0], [1], [2], [3], [4], [5]]


def test_a_pset_that_ran_alone_is_the_faulty_one() -> None:
    run = make(psets=1, retry=RetryPolicy(crash_retries=0))
    run.backend.script = scripted(lambda seats: [seats[0].lost(None)])
    run.run().check()
    assert run.missing_rows() == [0]


def test_a_pset_whose_worker_died_is_tried_once_more_alone() -> None:
    run = make(psets=4, group_size=4)
    run.backend.script = scripted(lambda seats: [seats[0].lost(offset=2)])
    run.run().check()
    assert run.missing_rows() == []
    assert run.books.retries == [2]
    assert [2] in run.backend.submitted
    assert run.progress.retried == 1


def test_a_pset_that_kills_every_worker_fails_after_two_attempts() -> None:
    run = make(psets=4, group_size=4)
    run.backend.script = lambda seats: [
        seat.lost(seat.rows().index(2)) if 2 in seat.rows() else seat.reply() for seat in seats
    ]
    run.run().check()
    assert run.missing_rows() == [2]
    assert run.books.failures[2] == (CRASHED, 2)
    assert run.progress.exceptions == 0


# retries


def losing_nodes(times: int, offset: int | None = None) -> Callable[[list[Seat]], list[Answer]]:
    """Lose the node of every group with pset 0 in it, so many times; then answer."""
    left = [times]

    def script(seats: list[Seat]) -> list[Answer]:
        if 0 in seats[0].rows() and left[0] > 0:
            left[0] -= 1
            return [seats[0].lost(offset, NODE_LOST)]
        return [seats[0].reply()]

    return script


def test_when_a_node_is_lost_its_group_runs_again_as_a_group_and_that_is_no_attempt() -> None:
    run = make(psets=4, group_size=4, backend=FakeBackend(workers=1, script=losing_nodes(2)))
    run.run().check()
    assert run.missing_rows() == []
    assert run.backend.submitted == [[0, 1, 2, 3]] * 3
    assert run.progress.retried == 0


@pytest.mark.parametrize("offset", [None, 0])
def test_after_the_third_node_each_pset_runs_alone(offset: int | None) -> None:
    run = make(psets=3, group_size=3, backend=FakeBackend(workers=1, script=losing_nodes(3, offset)))
    run.run().check()
    assert run.missing_rows() == []
    assert run.progress.retried == 0, "no pset is to blame"
    assert run.backend.submitted == [[0, 1, 2]] * 3 + [[0], [1], [2]]


def test_a_pset_that_alone_loses_its_node_again_and_again_fails_with_a_kind_of_its_own() -> None:
    run = make(psets=3, group_size=3, backend=FakeBackend(workers=1, script=losing_nodes(100)))
    run.run().check()
    assert run.missing_rows() == [0]
    assert run.books.failures[0] == (NODE_LOST, 2), "the losses of its groups are no attempts"


def test_what_was_answered_before_the_node_was_lost_stays() -> None:
    run = make(psets=3, group_size=3, backend=FakeBackend(workers=1))
    run.backend.script = scripted(
        lambda seats: [seats[0].reply(count=1, done=False), seats[0].lost(None, NODE_LOST)]
    )
    run.run().check()
    assert run.backend.submitted == [[0, 1, 2], [1, 2]]


def test_retries_are_counted_and_come_after_the_others() -> None:
    run = make(psets=6, group_size=3, retry=RetryPolicy(retries=2), backend=FakeBackend(workers=1))
    failures = Counter({1: 1, 4: 2})

    def flaky(seats: list[Seat]) -> list[Answer]:
        failing = tuple(row for row in seats[0].rows() if failures[row] > 0)
        failures.subtract(failing)
        return [seats[0].reply(failing=failing)]

    run.backend.script = flaky
    run.run().check()
    assert run.missing_rows() == []
    assert run.backend.submitted == [[0, 1, 2], [3, 4, 5], [1], [4], [4]]
    assert (run.progress.retried, run.progress.exceptions) == (3, 0)


def test_the_watcher_is_told_what_is_done_with_which_psets() -> None:
    run = make(psets=4, group_size=2, backend=FakeBackend(workers=1))
    run.backend.script = lambda seats: [seats[0].reply(failing=tuple({1} & set(seats[0].rows())))]
    run.run().check()
    assert run.books.actions == [
        ("sent", [0, 1]),
        ("finished", [0]),
        ("sent", [2, 3]),
        ("finished", [2, 3]),
    ]


def test_a_failure_that_retry_on_does_not_name_is_final() -> None:
    run = make(psets=2, group_size=2, retry=RetryPolicy(retries=5))
    final = replace(RAISED, retryable=False)
    run.backend.script = scripted(lambda seats: [replace(seats[0].reply(failing=(1,)), failures={1: final})])
    run.run().check()
    assert run.books.failures[1] == (final, 1)


# expire


def test_a_stuck_pset_costs_only_itself(clock: FakeClock) -> None:
    run = make(psets=16, group_size=8, timeout=1.0, clock=clock)

    def stuck(seats: list[Seat]) -> list[Answer]:
        for seat in seats:
            if 5 in seat.rows():
                run.backend.busy[seat.group.id] = (seat.rows().index(5), clock.now - 1000.0)
        clock.now += 0.3
        return [seat.reply() for seat in seats if 5 not in seat.rows()]

    run.backend.script = stuck
    run.run().check()
    assert run.progress.failures == 1
    assert run.missing_rows() == [5]
    assert "timeout=1 seconds" in run.survey.collector.failed[5].failure.exception
    assert run.survey.collector.failed[5].failure.kind == FailureKind.TIMED_OUT
    assert clock.now > 1001.0


def test_nobody_is_stopped_before_the_timeout(clock: FakeClock) -> None:
    run = make(psets=2, group_size=1, timeout=10.0, clock=clock)

    def slow(seats: list[Seat]) -> list[Answer]:
        clock.now += 1.0
        for seat in seats:
            run.backend.busy[seat.group.id] = (0, clock.now - 1000.0)
        return [seat.reply() for seat in seats] if clock.now > 1009.0 else []

    run.backend.script = slow
    run.run().check()
    assert run.backend.aborted == []
    assert run.progress.failures == 0


def test_a_timeout_may_be_retried(clock: FakeClock) -> None:
    run = make(psets=2, group_size=2, timeout=1.0, clock=clock, retry=RetryPolicy(retries=1))

    def stuck_once(seats: list[Seat]) -> list[Answer]:
        run.backend.busy[seats[0].group.id] = (0, 2.0)
        return []

    run.backend.script = scripted(stuck_once)
    run.run().check()
    assert run.missing_rows() == []
    assert run.books.retries == [0]


# max_failures


def test_max_failures_ends_the_map_and_the_rest_was_not_run() -> None:
    run = make(psets=100, group_size=1, max_failures=3, backend=FakeBackend(workers=1))
    run.backend.script = lambda seats: [seat.reply(failing=tuple(range(100))) for seat in seats]
    run.run().check()
    assert run.progress.failures == 100
    assert run.progress.exceptions == 3
    reasons = Counter(one.failure.kind for one in run.survey.collector.failed.values())
    assert reasons == {FailureKind.RAISED: 3, FailureKind.NOT_RUN: 97}
    assert "max_failures=3" in run.survey.collector.failed[99].failure.exception


# whatever happens


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Up to 60 events: what happens, to which group in hand, and a number that chooses the details."""
    events = st.sampled_from(
        ["reply", "part", "give back", "raise", "die", "vanish", "late", "nothing", "stuck"]
    )
    return draw(st.lists(st.tuples(events, st.integers(0, 9), st.integers(0, 99)), max_size=60))


@settings(max_examples=100, deadline=None)
@given(
    script=scripts(),
    psets=st.integers(1, 40),
    group_size=st.one_of(st.none(), st.integers(1, 12)),
    workers=st.integers(1, 4),
    retries=st.integers(0, 3),
    crash_retries=st.integers(0, 2),
    max_failures=st.one_of(st.none(), st.integers(1, 10)),
    stream=st.booleans(),
    in_batches=st.booleans(),
)
def test_whatever_happens_every_pset_is_settled_exactly_once(
    script: list[tuple[str, int, int]],
    psets: int,
    group_size: int | None,
    workers: int,
    retries: int,
    crash_retries: int,
    max_failures: int | None,
    stream: bool,
    in_batches: bool,
) -> None:
    dicts = [{"a": row} for row in range(psets)]
    run = make(
        source=PsetStream(iter(dicts)) if stream else PsetList(dicts),
        group_size=group_size,
        backend=FakeBackend(workers=workers),
        retry=RetryPolicy(retries, crash_retries),
        max_failures=max_failures,
        timeout=1.0,
        in_batches=in_batches,
    )
    events = list(script)
    old: list[Reply | LostGroup] = []

    def act(seats: list[Seat]) -> list[Answer]:
        run.clock.now += 1.0
        run.backend.busy.clear()
        if not events:
            return [seat.reply() for seat in seats]
        event, which, number = events.pop(0)
        if event == "late":
            known = {seat.group.id for seat in seats}
            return [answer for answer in old if answer.group_id not in known]
        if event == "nothing" or not seats:
            return []
        seat = seats[which % len(seats)]
        left = len(seat.group) - seat.answered
        offset = seat.answered + number % left
        if event == "stuck":
            run.backend.busy[seat.group.id] = (offset, 5.0)
            old.append(replace(seat).reply())
            return []
        answer: Reply | LostGroup = {
            "reply": lambda: seat.reply(),
            "part": lambda: seat.reply(1 + number % left, done=False),
            "give back": lambda: seat.reply(number % left, done=True),
            "raise": lambda: seat.reply(failing=(seat.rows()[offset],)),
            "die": lambda: seat.lost(offset),
            "vanish": lambda: seat.lost(None),
        }[event]()
        old.append(answer)
        return [answer]

    run.backend.script = act
    run.run()
    run.survey.give_up()
    run.check()
    assert all(count == 1 for count in run.books.settled.values())
    finished = set(run.books.results)
    assert finished.isdisjoint(run.missing_rows())
    assert len(finished) == run.progress.finished


def test_the_time_without_cpu_work_is_a_share_of_each_psets_time() -> None:
    run = make(psets=3)
    run.backend.script = lambda seats: [
        replace(seat.reply(), walls=array("d", [4.0] * len(seat.group)), idle=((len(seat.group), 0.25),))
        for seat in seats
    ]
    run.run().check()
    assert run.survey.stats.total("fit_wallclock") == 12.0
    assert run.survey.stats.total("fit_iowait") == 3.0


# psets that come later


def late(*psets: dict[str, Any] | None) -> PsetStream:
    """Return a stream of psets; None stands for "not yet"."""
    return PsetStream(iter([NOT_YET if pset is None else pset for pset in psets]))


def test_an_iterator_without_a_pset_yet_does_not_end_the_map() -> None:
    paused: list[float] = []
    source = late(*[None] * 9, {"a": 0}, *[None] * 9, {"a": 1})
    run = make(source=source, group_size=1, pause=paused.append).run()
    run.check()
    assert run.progress.finished == 2
    assert paused
    assert set(paused) == {READ_AGAIN_SECONDS}


def test_results_are_taken_while_an_iterator_has_no_pset_yet() -> None:
    def ask() -> Iterator[Any]:
        yield {"a": 0}
        while not run.progress.finished:
            yield NOT_YET
        yield {"a": 1}

    run = make(source=PsetStream(ask()), group_size=1)
    run.run()
    run.check()
    assert run.progress.finished == 2


def test_a_pset_runs_out_of_time_while_an_iterator_has_no_pset_yet() -> None:
    def ask() -> Iterator[Any]:
        yield {"a": 0}
        while not run.progress.failures:
            yield NOT_YET

    run = make(source=PsetStream(ask()), timeout=1.0, backend=FakeBackend(script=lambda seats: []))
    run.backend.busy[1] = (0, 1.5)
    run.run()
    assert run.backend.aborted == [1]
    assert run.progress.failures == 1


def test_nothing_is_asked_and_the_loop_does_not_wake_more_often_while_no_worker_is_free() -> None:
    asked: list[int] = []

    def ask() -> Iterator[Any]:
        yield {"a": 0}
        for number in itertools.count():
            asked.append(number)
            yield NOT_YET

    run = make(
        source=PsetStream(ask()), group_size=1, backend=FakeBackend(workers=1, script=lambda seats: [])
    )
    rounds = run.survey.rounds()
    next(rounds)
    known = len(asked)
    for _ in range(3):
        next(rounds)
    assert len(asked) == known
    assert READ_AGAIN_SECONDS not in run.backend.waits


def test_a_map_that_was_given_up_asks_no_more() -> None:
    run = make(source=PsetStream(iter(lambda: NOT_YET, None)))
    rounds = run.survey.rounds()
    next(rounds)
    run.survey.give_up()
    assert next(rounds, None) is None
    assert run.progress.total == 0
