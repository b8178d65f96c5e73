"""Whatever is interrupted, wherever: finished are the psets whose results are there, and no others.

An exception is raised at every single instruction of the loop, of what settles psets, and of what gives up,
one after the other; and so are real signals, at every instruction of a whole map.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from exploration import Interrupt, whole_map
from test_survey import FakeBackend, Run, Seat, make

from instructions import run_with
from paramsurvey.engine import map_state, progress, survey
from paramsurvey.engine.checkpoint import NoCheckpoint
from paramsurvey.engine.collecting import collector, row_set
from paramsurvey.engine.dispatch import queue, sent_group
from paramsurvey.reporting import signals
from paramsurvey.results.map_results import MapResults
from paramsurvey.session import map_run
from paramsurvey.session.map_run import MapRun
from paramsurvey.transport.messages import Failure, FailureKind, Group, Reply

ENGINE = [module.__file__ for module in (survey, sent_group, collector, queue, row_set, progress, map_state)]
WHOLE_MAP = [map_run.__file__, signals.__file__]
PSETS = 5


def interrupt() -> None:
    raise Interrupt


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def two_ctrl_c() -> None:
    """Be impatient: the second one raises at once."""
    ctrl_c()
    ctrl_c()


def answers(seats: list[Seat]) -> list[Any]:
    """Answer all: pset 2 has raised, and a worker dies with pset 3."""
    return [
        seat.lost(seat.rows().index(3)) if 3 in seat.rows() else seat.reply(failing=(2,)) for seat in seats
    ]


class Stored(NoCheckpoint):
    """A checkpoint that keeps which psets it was given."""

    def __init__(self) -> None:
        self.finished: set[int] = set()
        self.failed: set[int] = set()

    def add_reply(self, group: Group, reply: Reply) -> None:
        offsets = set(range(reply.start, reply.stop)) - reply.failures.keys()
        self.finished |= {int(group.rows[offset]) for offset in offsets}

    def add_failure(self, row: int, failure: Failure, attempts: int) -> None:
        self.failed.add(row)


def make_run(script: Callable[[list[Seat]], list[Any]] = answers) -> Run:
    backend = FakeBackend(workers=2, script=script, places_in_reserve=1)
    return make(PSETS, backend, group_size=2, out=False, checkpoint=Stored())


def check(run: Run, results: MapResults) -> None:
    """Check the results and the counters against each other."""
    counts = run.progress
    assert (counts.active, counts.total) == (0, PSETS)
    assert counts.finished + counts.failures == PSETS
    assert len(run.missing_rows()) == counts.failures
    assert sorted([*results["a"], *run.missing_rows()]) == list(range(PSETS))
    assert not {2, 3} & set(results["a"])
    stored = run.survey.checkpoint
    assert isinstance(stored, Stored)
    assert set(results["a"]) <= stored.finished, "a finished pset is not in the checkpoint"
    failed = run.survey.collector.failed.items()
    told = {row for row, one in failed if one.failure.kind is not FailureKind.NOT_RUN}
    assert told <= stored.failed, "a failure is not in the checkpoint"
    if len(results):
        assert results["r"].tolist() == [10 * row for row in results["a"]]


@pytest.mark.limit(300)
def test_an_interrupt_at_any_instruction_of_the_loop() -> None:
    instruction = reached = 0
    while reached == instruction:
        instruction += 1
        run = make_run()
        reached += run_with(
            interrupt, instruction, lambda run=run: [None for _ in run.survey.rounds()], ENGINE, Interrupt
        )
        run.survey.give_up()
        check(run, run.results())
    assert reached > 1000


@pytest.mark.limit(300)
def test_a_second_interrupt_at_any_instruction_of_giving_up() -> None:
    for first in range(100, 3000, 1000):
        instruction = reached = 0
        while reached == instruction:
            instruction += 1
            run = make_run()
            run_with(interrupt, first, lambda run=run: [None for _ in run.survey.rounds()], ENGINE, Interrupt)
            reached += run_with(interrupt, instruction, run.survey.give_up, ENGINE, Interrupt)
            run.survey.give_up()
            check(run, run.results())
        assert reached > 50


# ---- real signals, and the map as a whole


def check_whole(whole: MapRun, run: Run) -> None:
    """Check what is left of a map that was interrupted after it had begun; a session concludes it."""
    if run.backend.submitted:
        results = whole.conclude()
        assert not run.backend.seats, "a group that nobody waits for still runs"
        check(run, results)


@pytest.mark.limit(300)
@pytest.mark.parametrize("signals_that_come", [ctrl_c, two_ctrl_c])
def test_ctrl_c_at_any_instruction_of_a_whole_map(signals_that_come: Callable[[], None]) -> None:
    instruction = reached = 0
    while reached == instruction:
        instruction += 1
        run = make_run()
        whole = whole_map(run)
        reached += run_with(signals_that_come, instruction, whole.run, WHOLE_MAP, KeyboardInterrupt)
        check_whole(whole, run)
    assert reached > 300
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.limit(300)
def test_a_third_ctrl_c_while_an_interrupted_map_ends() -> None:
    instruction = reached = 0
    while reached == instruction:
        instruction += 1
        run = make_run(lambda seats: [two_ctrl_c()])
        whole = whole_map(run)
        reached += run_with(ctrl_c, instruction, whole.run, WHOLE_MAP, KeyboardInterrupt)
        check_whole(whole, run)
    assert reached > 300
