"""Maps in every way in which they can go: each pset ends once, with the right value, and the map ends.

Small maps go all ways, with a fault in each, or two; EXPLORE_FAULTS=1 adds one (`make explore`).
Larger ones go the ways that hypothesis thinks of.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from exploration import Seen, Size, World, broken, explore, given_back
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_survey import NODE_LOST, Seat

from decisions import Decisions
from paramsurvey.params.sources import PsetStream
from paramsurvey.transport.messages import Answer

MORE_FAULTS = int(os.environ.get("EXPLORE_FAULTS", "0"))

SIZES = {
    "one by one": Size(group_size=1, faults=1),
    "in two groups": Size(group_size=2, faults=1),
    "in one group": Size(group_size=3, faults=2),
    "with a reserve": Size(psets=4, group_size=2, places_in_reserve=2, faults=1),
    "with retries": Size(group_size=1, retries=1, faults=1),
    "with a limit to failures": Size(group_size=2, max_failures=1, faults=1),
    "interrupted in out_func and when groups are sent": Size(
        psets=4, group_size=2, places_in_reserve=2, faults=0, may_be_interrupted=True
    ),
}


@pytest.mark.limit(120 + 3600 * MORE_FAULTS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_every_way_in_which_a_small_map_can_go(size: Size) -> None:
    runs, seen = explore(replace(size, faults=size.faults + MORE_FAULTS))
    assert runs > 200
    print(f"{runs} runs, {len(seen.faults)} states")


class Loop(RuleBasedStateMachine):
    """A map; each rule is one turn of its loop, and says what arrives."""

    @initialize(
        psets=st.integers(1, 30),
        group_size=st.one_of(st.none(), st.integers(1, 9)),
        workers=st.integers(1, 4),
        places_in_reserve=st.integers(0, 4),
        retries=st.integers(0, 2),
        stream=st.booleans(),
    )
    def begin(
        self,
        psets: int,
        group_size: int | None,
        workers: int,
        places_in_reserve: int,
        retries: int,
        stream: bool,
    ) -> None:
        size = Size(psets, group_size, workers, places_in_reserve, retries)
        source = PsetStream({"a": row} for row in range(psets)) if stream else None
        self.world = World(size, Decisions(), Seen(), source)
        self.backend = self.world.backend
        self.backend.script = lambda seats: self.arrives(seats)
        self.rounds = self.world.survey.rounds()
        self.turn(lambda seats: [])

    def turn(self, arrives: Callable[[list[Seat]], list[Answer]]) -> None:
        """Go round once."""
        self.world.map.clock.now += 1.0
        self.arrives = arrives
        self.has_ended = next(self.rounds, self) is self
        self.backend.busy.clear()

    def of_one(self, which: int, answer: Callable[[Seat], Answer]) -> None:
        """Have one of the groups in hand answered."""
        self.turn(lambda seats: [answer(seats[which % len(seats)])] if seats else [])

    @precondition(lambda self: not self.has_ended)
    @rule(which=st.integers(0, 9), count=st.integers(0, 9), done=st.booleans(), fails=st.integers(0, 9))
    def answer(self, which: int, count: int, done: bool, fails: int) -> None:
        def answer(seat: Seat) -> Answer:
            rows = seat.rows()[seat.answered : seat.answered + seat.left()]
            return seat.reply(count % (1 + seat.left()), done, tuple(rows[fails : fails + 1]))

        self.of_one(which, answer)

    @precondition(lambda self: not self.has_ended)
    @rule(which=st.integers(0, 9))
    def a_result_cannot_be_read(self, which: int) -> None:
        self.of_one(which, lambda seat: broken(seat, seat.reply(1, done=False)))

    @precondition(lambda self: not self.has_ended)
    @rule(which=st.integers(0, 9), offset=st.one_of(st.none(), st.integers(0, 9)))
    def a_worker_dies(self, which: int, offset: int | None) -> None:
        def lost(seat: Seat) -> Answer:
            return seat.lost(None if offset is None else seat.answered + offset % seat.left())

        self.of_one(which, lost)

    @precondition(lambda self: not self.has_ended)
    @rule(which=st.integers(0, 9))
    def a_node_is_lost(self, which: int) -> None:
        self.of_one(which, lambda seat: seat.lost(None, NODE_LOST))

    @precondition(lambda self: not self.has_ended)
    @rule(which=st.integers(0, 9), offset=st.integers(0, 9))
    def a_pset_takes_too_long(self, which: int, offset: int) -> None:
        def hang(seats: list[Seat]) -> list[Answer]:
            if seats:
                seat = seats[which % len(seats)]
                self.backend.busy[seat.group.id] = seat.answered + offset % seat.left(), 5.0
            return []

        self.turn(hang)

    @precondition(lambda self: not self.has_ended and self.backend.recalled)
    @rule()
    def what_was_recalled_comes_back(self) -> None:
        def come_back(seats: list[Seat]) -> list[Answer]:
            recalled = [s for s in seats if s.group.id in self.backend.recalled and s.left() > 1]
            return [given_back(seat) for seat in recalled]

        self.turn(come_back)

    @precondition(lambda self: not self.has_ended)
    @rule(workers=st.integers(0, 4))
    def workers_come_and_go(self, workers: int) -> None:
        self.backend.workers = workers
        self.turn(lambda seats: [])

    @precondition(lambda self: not self.has_ended)
    @rule()
    def all_answer(self) -> None:
        self.turn(lambda seats: [seat.reply() for seat in seats])

    @rule()
    def the_map_is_given_up(self) -> None:
        self.world.survey.give_up()
        self.all_answer()
        assert self.has_ended

    @invariant()
    def every_row_is_in_one_place(self) -> None:
        self.world.check_whole()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.backend.workers = 2
        for _ in range(200):
            if not self.has_ended:
                self.all_answer()
        assert self.has_ended, "no end, though all workers answer"
        self.world.check()


Loop.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestLoop = Loop.TestCase
