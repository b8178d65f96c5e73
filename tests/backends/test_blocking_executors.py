"""Executors whose methods block for ever: one Ctrl-C ends the map all the same, and keeps the results."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paramsurvey import Session
from paramsurvey.session import late_answers
from paramsurvey.testing.waiting import wait_until
from paramsurvey.transport.messages import Pset

HANG = 30.0  # seconds
READY = 10  # psets that finish before anything blocks
METHODS = ("submit", "add_done_callback", "running", "exception", "result", "cancel")


class Blocking(Executor):
    """Threads; from the eleventh group on, one method of the executor or of its futures blocks."""

    def __init__(self, method: str) -> None:
        self._max_workers = 1
        self._threads = ThreadPoolExecutor(1)
        self._method = method
        self._count = 0
        self.blocks = threading.Event()
        self.gate = threading.Event()
        self.has_waited_for_ever = False

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._count += 1
        if self._count <= READY:
            return self._threads.submit(function, *args, **kwargs)
        if self._method == "submit":
            self._block()
        future = self._threads.submit(function, *args, **kwargs)
        setattr(future, self._method, self._block)
        return future

    def _block(self, *args: Any) -> bool:
        self.blocks.set()
        self.has_waited_for_ever |= not self.gate.wait(HANG)
        return False

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.gate.set()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


EXECUTORS: dict[str, Blocking] = {}
BEGUN: dict[str, threading.Event] = {}


@pytest.fixture
def usual_handler() -> Iterator[None]:
    """Give SIGINT the handler that it has in a new process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def briefly_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a map wait only briefly for results that are being read, because these are never read."""
    monkeypatch.setattr(late_answers, "LONGEST_SECONDS", 0.5)


def press_ctrl_c_when(event: threading.Event) -> threading.Thread:
    main = threading.main_thread().native_id

    def press() -> None:
        if event.wait(HANG):
            # Python hears of a signal that comes just before it waits only at the next one
            wait_until(lambda: is_asleep(main), "the main thread does not wait")
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def is_asleep(thread: int | None) -> bool:
    """Tell whether a thread of this program waits in the kernel; True where that cannot be known."""
    stat = Path(f"/proc/self/task/{thread}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("method", METHODS)
def test_one_ctrl_c_ends_a_map_whose_executor_blocks(
    method: str, usual_handler: None, briefly_late: None
) -> None:
    executor = EXECUTORS[method] = Blocking(method)
    begun = BEGUN[method] = threading.Event()

    def square(pset: Pset, system_kwargs: Any, method: str) -> dict[str, int]:
        import test_blocking_executors as here

        if pset["i"] >= here.READY and method in ("running", "cancel"):  # these are called while it runs
            here.BEGUN[method].set()
            here.EXECUTORS[method].gate.wait(here.HANG)
        return {"square": pset["i"] ** 2}

    timeout = 1000.0 if method == "running" else None  # without one, nobody asks what runs
    presses = press_ctrl_c_when(begun if method == "cancel" else executor.blocks)  # cancel: after Ctrl-C
    with executor, Session(backend=executor, verbose=0) as session:
        with pytest.raises(KeyboardInterrupt):
            session.map(
                square, [{"i": i} for i in range(40)], user_kwargs=method, group_size=1, timeout=timeout
            )
        results = session.last_results()
        executor.gate.set()
    presses.join()
    assert not executor.has_waited_for_ever
    assert results is not None
    assert results["square"].tolist() == [i**2 for i in range(len(results))]
    assert len(results) >= READY - 2, "what had finished is lost"
    assert set(results.missing.kinds()) == {"not run"}


class Unreadable(Future[Any]):
    """A future that `SomeUnreadable` made."""

    def __init__(self, executor: SomeUnreadable, blocks: bool) -> None:
        super().__init__()
        self._executor, self._blocks = executor, blocks

    def add_done_callback(self, fn: Any) -> None:
        super().add_done_callback(fn)
        self._executor.note_watched()

    def result(self, timeout: float | None = None) -> Any:
        if self._blocks:
            self._executor.note_done()
            self._executor.gate.wait(HANG)
        return super().result(timeout)


class SomeUnreadable(ThreadPoolExecutor):
    """Four threads; the results of the third group and of the sixth can never be read."""

    def __init__(self) -> None:
        super().__init__(4)
        self._submitted = self._watched = self._done = 0
        self._counts = threading.Lock()
        self.all_watched, self.all_done, self.gate = (threading.Event() for _ in range(3))

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._submitted += 1
        future = Unreadable(self, self._submitted in (3, 6))
        super().submit(self._run, future, function, args)
        return future

    def _run(self, future: Future[Any], function: Any, args: Any) -> None:
        future.set_result(function(*args))
        self.note_done()

    def note_watched(self) -> None:
        self._watched += 1
        if self._watched == WATCHED:
            self.all_watched.set()

    def note_done(self) -> None:
        with self._counts:
            self._done += 1
        if self._done >= WATCHED:
            self.all_done.set()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.gate.set()
        super().shutdown(wait, cancel_futures=cancel_futures)


WATCHED = 8  # groups: two for each thread
UNREADABLE: list[SomeUnreadable] = []


def test_results_that_block_cost_none_of_the_others(usual_handler: None, briefly_late: None) -> None:
    def square(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        import test_blocking_executors as here

        here.UNREADABLE[-1].all_watched.wait(here.HANG)
        return {"square": pset["i"] ** 2}

    executor = SomeUnreadable()
    UNREADABLE.append(executor)
    presses = press_ctrl_c_when(executor.all_done)
    with executor, Session(backend=executor, verbose=0) as session:
        with pytest.raises(KeyboardInterrupt):
            session.map(square, [{"i": i} for i in range(WATCHED)], group_size=1)
        results = session.last_results()
        assert not executor.gate.is_set()
    presses.join()
    assert results is not None
    assert results["i"].tolist() == [0, 1, 3, 4, 6, 7]
    assert results["square"].tolist() == [i**2 for i in results["i"]]
    assert set(results.missing.kinds()) == {"not run"}


def test_who_leaves_a_loop_does_not_wait_for_results_that_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C would not end the waiting: signals are held back while the map of a loop ends."""

    def square(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        return {"square": pset["i"] ** 2}

    clock = SimpleNamespace(
        monotonic=time.monotonic,
        process_time=time.process_time,
        sleep=lambda seconds: pytest.fail("the loop waits for them"),
    )
    monkeypatch.setattr(late_answers, "time", clock)
    with SomeUnreadable() as executor, Session(backend=executor, verbose=0) as session:
        rows = session.imap_unordered(square, [{"i": i} for i in range(WATCHED)], group_size=1)
        assert sorted(next(rows)["i"] for _ in range(WATCHED - 2)) == [0, 1, 3, 4, 6, 7]
        assert executor.all_done.wait(HANG)
        rows.close()  # type: ignore[attr-defined]  # as `break` does
