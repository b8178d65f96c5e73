"""After Ctrl-C, a map waits for results that are being read: how long, and what it says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

import paramsurvey
from paramsurvey.session import late_answers, map_run
from paramsurvey.session.late_answers import WAITING, wait_for_late_answers


class Clock:
    """What a module has as its `time`: time passes while it sleeps, and a part of it is spent computing."""

    def __init__(self, computing: float = 0.0) -> None:
        self.now = 0.0
        self._computing = computing

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.now * self._computing

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Backend:
    """Reads an answer until a certain time."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock, self._until = clock, until

    def is_reading(self) -> bool:
        return self._clock.now < self._until

    def last_answers(self) -> list[Any]:
        return []


def waited(monkeypatch: pytest.MonkeyPatch, until: float, computing: float = 0.0) -> tuple[float, list[str]]:
    """Return for how many seconds a map waits, and what it says."""
    clock, said = Clock(computing), list[str]()
    monkeypatch.setattr(late_answers, "time", clock)
    wait_for_late_answers(Backend(clock, until), said.append)  # type: ignore[arg-type]
    return round(clock.now), said


def test_nobody_waits_if_nothing_is_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, until=0.0) == (0, [])
    wait_for_late_answers(SimpleNamespace(), pytest.fail)  # type: ignore[arg-type]  # a backend without threads


def test_what_is_being_read_is_waited_for_and_the_user_told_how_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert waited(monkeypatch, until=0.4) == (0, [])
    assert waited(monkeypatch, until=5.0) == (5, [WAITING])


def test_what_blocks_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, until=1e9) == (10, [WAITING])


def test_what_computes_has_more_time_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, until=30.0, computing=0.9) == (30, [WAITING])
    assert waited(monkeypatch, until=1e9, computing=0.9) == (60, [WAITING])


def test_another_ctrl_c_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(clock: Clock, seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Clock, "sleep", press)
    assert waited(monkeypatch, until=1e9) == (0, [])


def test_what_has_come_is_settled_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settled, settled_before = list[int](), list[int]()

    def interrupt_once(user_ret: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        settled.append(user_ret["result"]["y"])
        if len(settled) == 1:
            executor.submit(int).result()  # its only thread has run and given back the other pset by then
            raise KeyboardInterrupt

    monkeypatch.setattr(map_run, "wait_for_late_answers", lambda *_: settled_before.append(len(settled)))
    with (
        ThreadPoolExecutor(1) as executor,
        paramsurvey.Session(backend=executor, verbose=0) as session,
        pytest.raises(KeyboardInterrupt),
    ):
        session.map(lambda pset, *_: {"y": pset["x"]}, [{"x": 0}, {"x": 1}], interrupt_once, group_size=1)
    assert (settled, settled_before) == ([0, 1], [2])
