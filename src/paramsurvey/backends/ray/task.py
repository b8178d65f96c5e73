"""What runs in a Ray worker: it has a nested worker run the group, and passes on its answers."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import Any

from paramsurvey.backends.nested_worker_setup import NestedWorkerSetup
from paramsurvey.backends.nested_workers import NestedWorkers
from paramsurvey.backends.ray.stopped_worker import this_worker
from paramsurvey.transport.messages import Group
from paramsurvey.worker.runner import pickle_reply

_workers = NestedWorkers()  # those of this Ray worker process


def run_group(
    setup: NestedWorkerSetup, key: str, job: list[Any], group: Group, tells_begin: bool
) -> Iterator[bytes]:
    """Run a group in a Ray worker; yield pickled answers.

    Parameters
    ----------
    setup : NestedWorkerSetup
    key : str
        The job's.
    job : list of one ObjectRef
        Refers to the job. In a list, so that Ray does not fetch it before it is needed.
    group : Group
    tells_begin : bool
        Whether to yield a `TaskBegun` first.
    """
    import ray

    if tells_begin:
        yield pickle.dumps(this_worker(ray))
    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address  # for functions that use Ray themselves
    with _workers.lent(setup, key, ray.get_gpu_ids()) as worker:
        if not worker.knows(key):
            worker.take_up(ray.get(job[0]))
        for answer in worker.run(group):
            yield pickle_reply(answer)
