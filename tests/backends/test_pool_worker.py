"""What the driver knows of a worker from its mark and from what it was sent."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any, cast

from paramsurvey.backends.multiprocessing.pool.pool_worker import PoolWorker
from paramsurvey.backends.multiprocessing.process import WorkerProcess
from paramsurvey.backends.multiprocessing.shared_job import SharedJob
from paramsurvey.transport.messages import Group
from paramsurvey.worker.running_mark import RunningMark


def worker_with(*groups: int, jobs_loaded: int) -> PoolWorker:
    """Return a worker that was sent a job and groups, and has loaded so many jobs."""
    mark = SimpleNamespace(running=RunningMark.private(), jobs=array("q", [2 * jobs_loaded]))
    channel = SimpleNamespace(send=lambda *parts: None)
    process: Any = SimpleNamespace(pid=1, mark=mark, channel=channel)
    worker = PoolWorker(cast(WorkerProcess, process), number=1)
    job: Any = SimpleNamespace(key="job", send=lambda channel: None)
    for group in groups:
        worker.give(Group(group, range(1), None), cast(SharedJob, job))
    return worker


def test_a_worker_with_nothing_else_to_do_begins_its_group_at_once() -> None:
    assert worker_with(1, jobs_loaded=1).begins_at_once(1)


def test_a_group_in_reserve_waits() -> None:
    assert not worker_with(1, 2, jobs_loaded=1).begins_at_once(2)


def test_a_group_waits_while_its_worker_loads_the_job() -> None:
    assert not worker_with(1, jobs_loaded=0).begins_at_once(1)


def test_a_group_that_has_begun_does_not_begin() -> None:
    worker = worker_with(1, jobs_loaded=1)
    worker.process.mark.running.group[0] = 1
    assert not worker.begins_at_once(1)
