"""One Ctrl-C, and no more: what the driver is doing by then goes to its end, however long it takes.

Only an executor's own code that blocks is interrupted; see `test_blocking_executors`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import wait_until
from paramsurvey import Session
from paramsurvey.reporting import signals
from paramsurvey.transport.messages import Pset

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")

TURNS = 3  # of what sends a signal again: more than it needs to do so
turns_taken: list[float] = []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give SIGINT its usual handler, and let what sends a signal again take its turns at once."""

    def turn(seconds: float) -> None:
        turns_taken.append(seconds)
        time.sleep(0.001)

    turns_taken.clear()
    monkeypatch.setattr(signals, "time", SimpleNamespace(sleep=turn))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def session() -> Iterator[Session]:
    with ThreadPoolExecutor(1) as threads, Session(backend=threads, verbose=0) as session:
        yield session


def take_long_after_ctrl_c() -> None:
    """Press Ctrl-C, and stay until the signal could have been sent again."""
    os.kill(os.getpid(), signal.SIGINT)
    wait_until(lambda: len(turns_taken) > TURNS, "nothing would send the signal again")


class SlowToUnpickle:
    """A result; Ctrl-C is pressed while the driver unpickles it."""

    def __setstate__(self, state: object) -> None:
        if threading.current_thread() is threading.main_thread():
            take_long_after_ctrl_c()

    def __getstate__(self) -> object:
        return {"a": 1}


def test_a_result_that_is_being_unpickled_is_kept(session: Session) -> None:
    def slow(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, object]:
        import test_one_ctrl_c

        return {"b": test_one_ctrl_c.SlowToUnpickle()}

    with pytest.raises(KeyboardInterrupt):
        session.map(slow, [{"a": 1}])
    results = session.last_results()
    assert results is not None
    assert len(results) == 1


class SlowToRead(Future[Any]):
    """A future; Ctrl-C is pressed while its result is read."""

    def result(self, timeout: float | None = None) -> Any:
        take_long_after_ctrl_c()
        return super().result(timeout)


class SlowExecutor(ThreadPoolExecutor):
    """A thread, and futures that are `SlowToRead`."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = SlowToRead()
        super().submit(lambda: future.set_result(function(*args)))
        return future


def test_a_result_that_the_executor_takes_long_to_read_is_kept() -> None:
    with SlowExecutor(1) as executor, Session(backend=executor, verbose=0) as session:
        with pytest.raises(KeyboardInterrupt):
            session.map(square, [{"a": 2}, {"a": 3}], group_size=2)
        results = session.last_results()
    assert results is not None
    assert results["square"].tolist() == [4, 9]


def square(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
    return {"square": pset["a"] ** 2}


def test_out_func_runs_to_its_end(session: Session) -> None:
    ended = []

    def slow(*arguments: Any) -> None:
        take_long_after_ctrl_c()
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        session.map(square, [{"a": 2}], out_func=slow)
    assert ended == [True]


def test_a_map_within_out_func_runs_to_its_end(session: Session, in_tmp: Path) -> None:
    def press(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        import test_one_ctrl_c

        test_one_ctrl_c.take_long_after_ctrl_c()
        return {"b": 1}

    found = []

    def inner_map(*arguments: Any) -> None:
        with Session(backend="serial", verbose=0) as inner:
            found.extend(inner.map(press, [{"a": 1}], checkpoint="stored")["b"])

    with pytest.raises(KeyboardInterrupt):
        session.map(square, [{"a": 2}], out_func=inner_map)
    assert found == [1]
    assert json.loads(Path("stored/run.json").read_text())["status"] == "finished"
