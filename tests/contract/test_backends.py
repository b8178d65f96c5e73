"""Each of our backends keeps the contract that is shipped as `paramsurvey.testing`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


class TestLoky(BackendContract):  # its workers cannot spawn processes
    concurrent = processes = own_directory = True

    @classmethod
    @contextmanager
    def session(cls, **options: Any) -> Iterator[Session]:
        import loky

        with (
            loky.ProcessPoolExecutor(CORES) as executor,
            Session(backend=executor, **quiet(options)) as session,
        ):
            yield session
