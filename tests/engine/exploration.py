"""Every way in which a small map can go: the test decides what arrives, and all decisions are tried in turn.

A run ends early where the loop is in a state that was seen before: what can follow has been tried from
there. A run has so many faults at most, which may come at any moments.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from test_survey import NODE_LOST, Books, FakeBackend, Out, Run, Seat, make

from decisions import Decisions, all_decisions
from paramsurvey.engine.dispatch.retry import RetryPolicy
from paramsurvey.engine.options import Options
from paramsurvey.errors import BackendLost, JobRefused
from paramsurvey.params.sources import PsetStream
from paramsurvey.reporting.signals import DeferredSignals
from paramsurvey.session.map_run import MapRun
from paramsurvey.transport.isolation import isolated_column
from paramsurvey.transport.messages import Answer, Failure, Group, JobRejected, Pset, Reply, ResultColumn

State = Hashable
Event = tuple[bool, Callable[[], list[Answer]]]  # whether it is a fault, and what arrives then
MOST_STEPS = 60  # of one run: more would mean that it does not end


class Interrupt(BaseException):
    """Comes at any moment, like KeyboardInterrupt."""


class SeenBefore(Interrupt):
    """All that can follow this state has been tried."""


# ---- a map whose every turn is decided


@dataclass(frozen=True)
class Size:
    """What a small map has, and what may happen to it."""

    psets: int = 3
    group_size: int | None = 2
    workers: int = 2
    places_in_reserve: int = 0
    retries: int = 0
    max_failures: int | None = None
    faults: int = 2  # in one run, at most
    may_be_interrupted: bool = False  # also in out_func, and in the backend's methods


@dataclass
class Seen:
    """The states in which the loop has been.

    Attributes
    ----------
    faults : dict of State to int
        How many faults were still to come, at most: what can follow with so many, or fewer, was tried.
    then : dict of State to State
        The state that follows when all workers answer; a state is not in it after which the map ends.
    """

    faults: dict[State, int] = field(default_factory=dict)
    then: dict[State, State] = field(default_factory=dict)


def explore(size: Size, most_runs: int | None = None) -> tuple[int, Seen]:
    """Go all ways, and check each: the contract at its end, and that every state leads to an end.

    Returns
    -------
    (int, Seen)
        How many runs there were.
    """
    seen, runs = Seen(), 0
    for decisions in all_decisions():
        world = World(size, decisions, seen)
        world.run()
        world.check()
        runs += 1
        if runs == most_runs:
            break
    for state in seen.then:
        leads_to_an_end(state, seen.then)
    return runs, seen


def leads_to_an_end(state: State, then: dict[State, State]) -> None:
    """Check that the map ends when all workers answer from now on."""
    for _ in range(MOST_STEPS):
        if state not in then:
            return
        state = then[state]
    raise AssertionError(f"no end from {state}, though all workers answer")


class World:
    """One map, with a backend whose every answer is a decision."""

    def __init__(
        self, size: Size, decisions: Decisions, seen: Seen, source: PsetStream | None = None
    ) -> None:
        self.size, self.decisions, self.seen = size, decisions, seen
        self._steps, self._faults = 0, size.faults
        self._before: State | None = None  # the last state, if all workers have answered then
        self._late: Answer | None = None
        self.backend = DecidedBackend(workers=size.workers, places_in_reserve=size.places_in_reserve)
        self.backend.world, self.backend.script = self, self._turn
        self.map: Run = make(
            size.psets,
            self.backend,
            source,
            group_size=size.group_size,
            retry=RetryPolicy(size.retries),
            timeout=1.0,
            max_failures=size.max_failures,
            out=False,
        )
        self.survey = self.map.survey
        self.survey.out = self.out = DecidedOut(self)
        self.whole = whole_map(self.map)

    def run(self) -> None:
        """Run the map to its end, whatever that is."""
        with suppress(Interrupt, KeyboardInterrupt, BackendLost, JobRefused):
            self.whole.finish()

    def may_be_interrupted(self) -> None:
        """Decide whether a call goes well, or is interrupted."""
        if self.size.may_be_interrupted and self.decisions.choose((False, True)):
            raise Interrupt

    # what arrives

    def _turn(self, seats: list[Seat]) -> list[Answer]:
        self._steps += 1
        assert self._steps < MOST_STEPS, "no end"
        self.map.clock.now += 1.0
        self.backend.busy.clear()
        if self.decisions.is_new():
            self._note_state(seats)
        happens = list(self._all_answer(seats)) + list(self._endings(seats))
        if self._faults > 0:
            happens += self._faults_now(seats)
        fault, event = self.decisions.choose(happens)
        self._faults -= fault
        return event()

    def _note_state(self, seats: list[Seat]) -> None:
        """Check what nobody has seen yet, and go on only where nobody has been."""
        self.check_whole()
        state = self._state(seats)
        if self._before is not None:
            self.seen.then[self._before] = state
        if self.seen.faults.get(state, -1) >= self._faults:
            raise SeenBefore
        self.seen.faults[state] = self._faults
        self._before = state  # what follows now is the first possibility: all workers answer

    def _all_answer(self, seats: list[Seat]) -> Iterator[Event]:
        """Yield what is no fault: first that all workers answer, then that one answers, or sends a part."""
        running = seats[: self.backend.workers]
        yield False, lambda: [seat.reply() for seat in running]
        for seat in running:
            yield False, lambda seat=seat: [seat.reply()]
            if seat.left() > 1:
                yield False, lambda seat=seat: [seat.reply(1, done=False)]
                if seat.group.id in self.backend.recalled:
                    yield False, lambda seat=seat: [given_back(seat)]

    def _endings(self, seats: list[Seat]) -> Iterator[Event]:
        """Yield what ends the map."""
        yield False, lambda: throw(BackendLost("all is lost"))
        yield False, lambda: throw(KeyboardInterrupt())
        yield False, lambda: [*(seat.reply() for seat in seats[:1]), JobRejected("no such module")]

    def _faults_now(self, seats: list[Seat]) -> Iterator[Event]:
        running = seats[: self.backend.workers]
        for seat in running:
            for event in self._faults_of(seat):
                yield True, lambda event=event: [event()]
            for offset in range(seat.answered, seat.answered + seat.left()):
                yield True, lambda seat=seat, offset=offset: self._hang(seat, offset)
        for seat in seats[self.backend.workers :]:
            yield True, lambda seat=seat: [seat.reply(0)]
            yield True, lambda seat=seat: [seat.lost(None, NODE_LOST)]
        if len(running) == 2:  # both in one turn
            one, other = running
            yield True, lambda: [one.reply(1, done=False), other.lost(None)]
            yield True, lambda: [other.lost(other.answered), one.reply(failing=(one.rows()[one.answered],))]
            yield True, lambda: [other.lost(None, NODE_LOST), one.lost(None, NODE_LOST)]
        if self._late is not None:
            yield True, self._answer_late
        if self.backend.workers == self.size.workers:
            yield True, self._lose_a_place

    def _faults_of(self, seat: Seat) -> Iterator[Callable[[], Answer]]:
        """Yield what can become of a group that runs."""
        first = seat.rows()[seat.answered]
        yield lambda: seat.reply(0)
        yield lambda: seat.reply(failing=(first,))
        yield lambda: broken(seat, seat.reply(1, done=False))
        yield lambda: seat.lost(None)
        yield lambda: seat.lost(None, NODE_LOST)
        for offset in range(seat.answered, seat.answered + seat.left()):
            yield lambda offset=offset: seat.lost(offset)
        if seat.left() > 1:
            yield lambda: seat.reply(failing=tuple(seat.rows()))
            yield lambda: seat.reply(1)
            yield lambda: seat.reply(1, done=False, failing=(first,))

    def _hang(self, seat: Seat, offset: int) -> list[Answer]:
        self.backend.busy[seat.group.id] = offset, 5.0
        self._late = replace(seat).reply()
        return []

    def _answer_late(self) -> list[Answer]:
        late, self._late = self._late, None
        return [late] if isinstance(late, Reply) and late.group_id not in self.backend.seats else []

    def _lose_a_place(self) -> list[Answer]:
        self.backend.workers -= 1
        return []

    # what must be true

    def check_whole(self) -> None:
        """Check that every row is in one place: it waits, or is sent, or has finished, or has failed."""
        survey, progress = self.survey, self.survey.progress
        queued = survey.queue.waiting(10**9).tolist()
        sent = [int(row) for one in survey.sent.values() for row in one.unanswered()]
        finished, failed = self._finished(), list(survey.collector.failed)
        assert sorted(queued + sent + finished + failed) == list(range(len(survey.source)))
        assert set(survey.sent) == set(self.backend.seats), "groups that nobody runs, or nobody waits for"
        assert progress.active == len(sent)
        assert progress.finished == len(finished)
        assert progress.failures == len(failed)
        for row, tried in survey._attempts.items():
            assert survey._given_up or row in queued + sent, "only what runs again has attempts"
            assert tried <= max(1, self.size.retries)
        self.check_values()

    def check(self) -> None:
        """Check the contract, at the end: every row once, the right values, nothing left in hand."""
        progress, failed = self.survey.progress, self.survey.collector.failed
        finished = self._finished()
        read = len(self.survey.source)
        assert sorted([*finished, *failed]) == list(range(read))
        assert (progress.total, progress.active) == (read, 0)
        assert (progress.finished, progress.failures) == (len(finished), len(failed))
        assert not self.survey.queue
        assert not self.backend.seats, "a group that nobody waits for still runs"
        assert all(count == 1 for count in self.out.settled.values()), "out_func was called twice for a pset"
        assert set(self.out.finished_rows) <= set(finished)
        self.check_values()

    def check_values(self) -> None:
        """Check that what has finished has its values."""
        finished = self._finished()
        for column in self.survey.collector.columns.values():
            values, there = column.get(finished)  # type: ignore[arg-type]
            assert there.all()
            assert values.tolist() == [10 * row for row in finished]

    def _finished(self) -> list[int]:
        return [int(row) for row in self.survey.collector.finished_rows(len(self.survey.source))]

    def _state(self, seats: list[Seat]) -> State:
        """Return all on which depends what can follow; groups without their numbers."""
        survey, progress, collector = self.survey, self.survey.progress, self.survey.collector
        return (
            tuple((tuple(map(int, run.rows)), run.alone) for run in survey.queue._runs),
            tuple(self._state_of(seat) for seat in seats),
            tuple(sorted(survey._attempts.items())),
            tuple(sorted(survey._lost_groups._node_losses.items())),
            tuple(self._finished()),
            tuple(sorted((row, one.failure.kind, one.attempts) for row, one in collector.failed.items())),
            (progress.exceptions, self.backend.workers, survey.sizer.psets_are_short()),
            None if self._late is None else (self._late.start, self._late.stop),  # type: ignore[union-attr]
        )

    def _state_of(self, seat: Seat) -> State:
        sent = self.survey.sent[seat.group.id]
        return tuple(seat.rows()), seat.answered, seat.end, sent.stop, sent.recalled


def given_back(seat: Seat) -> Reply:
    """Give back all but the next pset, which still runs."""
    seat.end = seat.answered + 1
    return replace(seat.reply(0, done=False), given_back=seat.end)


def throw(error: BaseException) -> list[Answer]:
    """Raise it: an expression cannot."""
    raise error


class Unreadable:
    """An object that ends the program that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exit, ()


def broken(seat: Seat, reply: Reply) -> Reply:
    """Return the reply of one pset, with a result that cannot be unpickled."""
    column = isolated_column([Unreadable()], "r")
    return replace(reply, columns={"r": (ResultColumn(range(reply.start, reply.stop), column),)})


@dataclass
class DecidedBackend(FakeBackend):
    """A backend whose methods fail when that is decided."""

    world: World = field(init=False)

    def submit(self, group: Group) -> None:
        super().submit(group)
        self.world.may_be_interrupted()

    def abort(self, group_id: int) -> str | None:
        super().abort(group_id)
        self.world.may_be_interrupted()
        return None

    def end_job(self) -> None:
        self.seats.clear()


class DecidedOut(Out):
    """An out_func that is interrupted, or fails, when that is decided."""

    def __init__(self, world: World) -> None:
        super().__init__(Books())
        self.world = world
        self.finished_rows: list[int] = []
        self.settled = self.books.settled

    def finished(self, pset: Pset, result: Any) -> bool:
        assert result == {"r": 10 * pset["a"]}
        self.finished_rows.append(pset["a"])
        self.settled[pset["a"]] += 1
        self.world.may_be_interrupted()
        return True

    def failed(self, pset: Pset, failure: Failure) -> bool:
        self.settled[pset["a"]] += 1
        self.world.may_be_interrupted()
        return True


def whole_map(run: Run) -> MapRun:
    """Return the survey as `map` runs it."""
    watch, parts = QuietWatch(run.books), (run.backend, {}, None, run.survey)
    run.survey.watcher = watch
    return MapRun(*parts, watch, Options(), None, threading.Event(), deque())  # type: ignore[arg-type]


class QuietWatch:
    """A watch that says nothing."""

    def __init__(self, books: Books) -> None:
        self.signals = DeferredSignals()
        self.books = books
        self.retried, self.interruptible = books.retried, books.interruptible

    def report(self, progress: Any) -> None:
        self.signals.check()
        self.books.report(progress)

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        assert pset() == {"a": row}

    def acted(self, what: str, rows: Any) -> None: ...

    def begin(self, survey: Any, interactive: bool) -> None: ...

    def end(self, survey: Any, interrupted: bool) -> None: ...

    def note_conflicts(self, names: Any, keys: Any) -> None: ...
