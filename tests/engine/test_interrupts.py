"""Whatever is interrupted, wherever: finished are the psets whose results are there, and no others.

An exception is raised at every single instruction of the loop, of what settles psets, and of what gives up,
one after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from test_survey import FakeBackend, Run, Seat, make

from paramsurvey.engine import collector, map_state, progress, queue, row_set, sent_group, survey

FILES = {module.__file__ for module in (survey, sent_group, collector, queue, row_set, progress, map_state)}
PSETS = 5


class Interrupt(BaseException):
    """Comes at any moment, like KeyboardInterrupt."""


def run_with_interrupt_at(instruction: int, action: Callable[[], Any]) -> bool:
    """Run `action`, raise `Interrupt` at an instruction of the engine, and tell whether that was reached."""
    left = instruction

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def answers(seats: list[Seat]) -> list[Any]:
    """Answer all: pset 2 has raised, and a worker dies with pset 3."""
    return [
        seat.lost(seat.rows().index(3)) if 3 in seat.rows() else seat.reply(failing=(2,)) for seat in seats
    ]


def make_run() -> Run:
    return make(PSETS, FakeBackend(workers=2, script=answers, places_in_reserve=1), group_size=2, out=False)


def check(run: Run) -> None:
    """Check the results and the counters against each other."""
    counts = run.progress
    assert (counts.active, counts.total) == (0, PSETS)
    assert counts.finished + counts.failures == PSETS
    assert len(run.missing_rows()) == counts.failures
    results = run.results()
    assert sorted([*results["a"], *run.missing_rows()]) == list(range(PSETS))
    assert not {2, 3} & set(results["a"])
    if len(results):
        assert results["r"].tolist() == [10 * row for row in results["a"]]


@pytest.mark.limit(300)
def test_an_interrupt_at_any_instruction_of_the_loop() -> None:
    instruction = reached = 0
    while reached == instruction:
        instruction += 1
        run = make_run()
        reached += run_with_interrupt_at(instruction, lambda run=run: [None for _ in run.survey.rounds()])
        run.survey.give_up()
        check(run)
    assert reached > 1000


@pytest.mark.limit(300)
def test_a_second_interrupt_at_any_instruction_of_giving_up() -> None:
    for first in range(100, 3000, 1000):
        instruction = reached = 0
        while reached == instruction:
            instruction += 1
            run = make_run()
            run_with_interrupt_at(first, lambda run=run: [None for _ in run.survey.rounds()])
            reached += run_with_interrupt_at(instruction, run.survey.give_up)
            run.survey.give_up()
            check(run)
        assert reached > 50
