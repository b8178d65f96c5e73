"""Executors with their real daemons, two workers each, on this machine; the ``with`` statement ends them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

WORKERS = 2
SCRIPTS = str(Path(sys.executable).parent)  # the environment need not be on the PATH


def process_pool() -> Any:
    """Return the standard library's processes."""
    return ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn"))


def loky() -> Any:
    """Return loky's processes."""
    import loky

    return loky.ProcessPoolExecutor(WORKERS)


def mpi() -> Any:
    """Return the ranks of the program, which `command` starts."""
    from mpi4py.futures import MPIPoolExecutor

    return MPIPoolExecutor()


@contextmanager
def dask() -> Iterator[Executor]:
    """Start a scheduler and its workers."""
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(n_workers=WORKERS, **options) as cluster, Client(cluster) as client:
        yield client.get_executor()


@contextmanager
def parsl() -> Iterator[Executor]:
    """Start an interchange, and a block of workers."""
    from parsl.concurrent import ParslPoolExecutor
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    os.environ["PATH"] = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"  # its workers are a program there
    block = LocalProvider(init_blocks=1, max_blocks=1)
    workers = HighThroughputExecutor(max_workers_per_node=WORKERS, provider=block, address="127.0.0.1")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as logs,
        ParslPoolExecutor(Config(executors=[workers], run_dir=logs)) as executor,
    ):
        yield executor


def executorlib() -> Any:
    """Return executorlib's processes, which stay from one task to the next."""
    from executorlib import SingleNodeExecutor

    return SingleNodeExecutor(max_workers=WORKERS, block_allocation=True)


# by their name: what starts them, and the package whose version counts
EXECUTORS: dict[str, tuple[Callable[[], AbstractContextManager[Any]], str]] = {
    "ProcessPoolExecutor": (process_pool, ""),
    "loky": (loky, "loky"),
    "MPI": (mpi, "mpi4py"),
    "Dask": (dask, "distributed"),
    "Parsl": (parsl, "parsl"),
    "executorlib": (executorlib, "executorlib"),
}


def command(way: str) -> list[str]:
    """Return the beginning of a command that runs a Python file whose executor is this one."""
    if not way.endswith("MPI"):
        return [sys.executable]
    mpiexec = shutil.which("mpiexec", path=SCRIPTS) or "mpiexec"
    return [mpiexec, "-n", str(1 + WORKERS), sys.executable, "-m", "mpi4py.futures"]
