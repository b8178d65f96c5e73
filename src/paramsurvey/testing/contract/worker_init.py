"""What is loaded once in each worker, on every backend."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from paramsurvey import Session
from paramsurvey.errors import JobRefused, NotPicklable

PSETS = [{"a": i} for i in range(20)]
Opener = Callable[..., Session]


def see(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    state = system_kwargs["worker_state"]
    return {"of": state["pid"] == os.getpid(), "id": id(state)}


def test_what_it_returns_is_the_workers_own_and_made_once(open_session: Opener) -> None:
    results = open_session(worker_init=lambda: {"pid": os.getpid()}).map(see, PSETS, group_size=1)
    assert results["of"].all()
    assert results["id"].nunique() <= 2


@pytest.mark.parametrize("end", [lambda: 1 / 0, lambda: sys.exit(4)], ids=["raises", "exits"])
def test_a_failure_in_it_ends_the_map_with_its_traceback(
    open_session: Opener, end: Callable[[], Any]
) -> None:
    session = open_session(worker_init=end)
    with pytest.raises(JobRefused, match=r"(?s)worker_init raised (ZeroDivisionError|SystemExit).*Traceback"):
        session.map(see, PSETS)
    results = session.last_results()
    assert results is not None
    assert results.progress.failures == len(PSETS)


def test_one_that_cannot_be_sent_is_refused_before_any_work(open_session: Opener) -> None:
    lock = threading.Lock()
    with pytest.raises(NotPicklable, match=r"'lock' \(which worker_init uses\)"):
        open_session(worker_init=lambda: lock).map(see, PSETS)
