"""What runs in a Ray worker: it has a nested worker run the group, and sends on its answers."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from paramsurvey.backends.nested_worker import NestedWorker
from paramsurvey.backends.ray.worker_setup import NestedWorkerSetup
from paramsurvey.transport.messages import Group
from paramsurvey.worker.runner import pickle_reply
from paramsurvey.worker.worker_numbers import claimed_number

KEPT_WORKERS = 2  # that a Ray worker keeps: psets with and without options of their own come by turns
_workers: OrderedDict[NestedWorkerSetup, NestedWorker] = OrderedDict()  # of this Ray worker process


def run_group(setup: NestedWorkerSetup, key: str, job: list[Any], group: Group) -> Iterator[bytes]:
    """Run a group in a Ray worker; yield pickled answers.

    Parameters
    ----------
    setup : NestedWorkerSetup
    key : str
        The job's.
    job : list of one ObjectRef
        Where the job is: in a list Ray leaves it there until it is needed.
    group : Group
    """
    import ray

    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address  # for functions that use Ray themselves
    worker = _worker_with(setup)
    if not worker.knows(key):
        worker.take_up(ray.get(job[0]))
    for answer in worker.run(group):
        yield pickle_reply(answer)


def _worker_with(setup: NestedWorkerSetup) -> NestedWorker:
    """Return the nested worker of this process for tasks with such setup."""
    import ray

    setup.install()
    if setup in _workers:
        _workers.move_to_end(setup)
        return _workers[setup]
    while len(_workers) >= KEPT_WORKERS:
        _workers.popitem(last=False)[1].close()
    gpu_ids = ray.get_gpu_ids()
    return _workers.setdefault(setup, NestedWorker(setup.max_tasks, claimed_number(setup.pool), gpu_ids))
