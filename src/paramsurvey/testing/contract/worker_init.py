"""What is loaded once in each worker, on every backend."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from paramsurvey import Session
from paramsurvey.errors import JobRefused, NotPicklable

PSETS = [{"a": i} for i in range(20)]
Opener = Callable[..., Session]


@pytest.fixture(params=["serial", "multiprocessing", "ray", "threads", "processes"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Open sessions of one backend, and close them."""
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    executors = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}
    with ExitStack() as stack:

        def open_session(**options: Any) -> Session:
            backend = request.param
            if backend in executors:
                backend = stack.enter_context(executors[backend](2))
            return stack.enter_context(Session(backend=backend, ncores=2, verbose=0, **options))

        yield open_session


def see(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    state = system_kwargs["worker_state"]
    return {"of": state["pid"] == os.getpid(), "id": id(state)}


def test_what_it_returns_is_the_workers_own_and_made_once(opened: Opener) -> None:
    results = opened(worker_init=lambda: {"pid": os.getpid()}).map(see, PSETS, group_size=1)
    assert results["of"].all()
    assert results["id"].nunique() <= 2


@pytest.mark.parametrize("end", [lambda: 1 / 0, lambda: sys.exit(4)], ids=["raises", "exits"])
def test_a_failure_in_it_ends_the_map_with_its_traceback(opened: Opener, end: Callable[[], Any]) -> None:
    session = opened(worker_init=end)
    with pytest.raises(JobRefused, match=r"(?s)worker_init raised (ZeroDivisionError|SystemExit).*Traceback"):
        session.map(see, PSETS)
    results = session.last_results()
    assert results is not None
    assert results.progress.failures == len(PSETS)


def test_one_that_cannot_be_sent_is_refused_before_any_work(opened: Opener) -> None:
    lock = threading.Lock()
    with pytest.raises(NotPicklable, match=r"'lock' \(which worker_init uses\)"):
        opened(worker_init=lambda: lock).map(see, PSETS)
