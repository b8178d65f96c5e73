"""Ends Ray workers that were stopped (SIGSTOP) or hang: they neither answer nor can be cancelled."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

from paramsurvey.fast_dataclass import dataclass

TITLE = "ray::"  # what the names of Ray's workers begin with in the list of processes


@dataclass(frozen=True, slots=True)
class TaskBegun:
    """The first message of a Ray task: where it runs. Ray's driver does not know when a task begins.

    Attributes
    ----------
    node_id : str
    pid : int
        The Ray worker's.
    """

    node_id: str
    pid: int


def this_worker(ray: Any) -> TaskBegun:
    """Return where this process runs."""
    return TaskBegun(ray.get_runtime_context().get_node_id(), os.getpid())


def end_worker(ray: Any, where: TaskBegun) -> None:
    """Have a Ray worker killed by a task on its node, which needs no free core; do not wait for it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(node_id=where.node_id, soft=False)
    killer = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=here)(kill_ray_worker)
    with suppress(ray.exceptions.RayError, ValueError):  # the node is gone, and the worker with it
        killer.remote(where.pid)


def kill_ray_worker(pid: int) -> None:
    """Kill a process if it is a Ray worker; its id may belong to another process by now."""
    import psutil

    with suppress(psutil.Error, OSError):
        if "".join(psutil.Process(pid).cmdline()[:1]).startswith(TITLE):
            os.kill(pid, signal.SIGKILL)
