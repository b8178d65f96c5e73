"""Each of our backends keeps the contract that is shipped as `paramsurvey.testing`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from paramsurvey import Session
from paramsurvey.testing import BackendContract

CORES = 2


def quiet(options: dict[str, Any]) -> dict[str, Any]:
    return {"verbose": 0, **options}


class TestSerial(BackendContract):
    backend = "serial"
    own_directory = prints_here = spawns = True


class TestMultiprocessing(BackendContract):
    backend = "multiprocessing"
    concurrent = processes = own_directory = own_stdin = prints_here = spawns = replaces_workers = True


class TestRay(BackendContract):
    backend = "ray"
    concurrent = processes = own_directory = own_stdin = spawns = replaces_workers = True

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def cluster(cls, ray_cluster: None) -> None:
        """Have a local Ray before the session is opened."""


class TestThreads(BackendContract):
    concurrent = prints_here = spawns = True

    @classmethod
    @contextmanager
    def session(cls, **options: Any) -> Iterator[Session]:
        with ThreadPoolExecutor(CORES) as executor, Session(backend=executor, **quiet(options)) as session:
            yield session


class ProcessPool(BackendContract):
    """A worker of ours beside each of an executor's: the contract of our own pool, but for the prints."""

    concurrent = processes = own_directory = own_stdin = spawns = replaces_workers = True

    @classmethod
    def executor(cls) -> Executor:
        raise NotImplementedError

    @classmethod
    @contextmanager
    def session(cls, **options: Any) -> Iterator[Session]:
        with cls.executor() as executor, Session(backend=executor, **quiet(options)) as session:
            yield session


class TestLoky(ProcessPool):
    @classmethod
    def executor(cls) -> Executor:
        import loky

        executor: Executor = loky.ProcessPoolExecutor(CORES)
        return executor


class TestProcessPoolExecutor(ProcessPool):
    @classmethod
    def executor(cls) -> Executor:
        return ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn"))
