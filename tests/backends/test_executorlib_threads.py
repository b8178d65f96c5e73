"""Whether executorlib still takes up what waits in its queues."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest

from paramsurvey.backends.futures.executorlib_threads import ExecutorlibThreads


class FakeClock:
    now = 1.0

    def __call__(self) -> float:
        return self.now


class Scheduler:
    """A part of executorlib with a living thread that does nothing, and a queue."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self._future_queue: Queue[Any] = Queue()
        self._process: Any = threading.Thread(target=self.end.wait)
        self._process.start()
        self._process_kwargs: dict[str, Any] = {}


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler()
    yield scheduler
    scheduler.end.set()


def never() -> bool:
    return False


def threads_of(scheduler: Scheduler, clock: FakeClock) -> ExecutorlibThreads:
    return ExecutorlibThreads(SimpleNamespace(_task_scheduler=scheduler), clock)


def have_ended_after(threads: ExecutorlibThreads, clock: FakeClock, seconds: float) -> bool:
    threads.have_ended(never)
    clock.now += seconds
    return threads.have_ended(never)


def test_other_executors_have_no_such_threads() -> None:
    with ThreadPoolExecutor(1) as executor:
        assert not ExecutorlibThreads(executor).have_ended(never)


def test_a_thread_that_leaves_tasks_in_its_queue_for_long_has_ended(scheduler: Scheduler) -> None:
    clock = FakeClock()
    threads = threads_of(scheduler, clock)
    scheduler._future_queue.put({})
    assert not have_ended_after(threads, clock, 4.0)
    scheduler._process = None
    assert have_ended_after(threads, clock, 2.0), "it is remembered, when executorlib forgets it"
    threads.let_go()
    scheduler._future_queue.join()


def test_a_thread_that_is_busy_has_not(scheduler: Scheduler) -> None:
    clock = FakeClock()
    threads = threads_of(scheduler, clock)
    assert not have_ended_after(threads, clock, 60.0), "nothing waits"
    scheduler._future_queue.put({})
    scheduler._future_queue.put({})
    threads.have_ended(never)
    clock.now += 60.0
    assert not threads.have_ended(lambda: True), "a task runs"
    scheduler._future_queue.get()
    assert not have_ended_after(threads, clock, 60.0), "it is working on the first"


def test_of_several_threads_all_must_have_ended_for_each_may_be_starting_its_process(
    scheduler: Scheduler,
) -> None:
    clock = FakeClock()
    scheduler._process = [scheduler._process]
    threads = threads_of(scheduler, clock)
    scheduler._future_queue.put({})
    assert not have_ended_after(threads, clock, 60.0)
    scheduler.end.set()
    scheduler._process[0].join()
    assert threads.have_ended(never)
