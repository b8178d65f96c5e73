"""``init(multiprocessing={...})`` with the options of multiprocessing's Pool, as release 0.4 took them."""

from __future__ import annotations

from typing import Any

import pytest

import paramsurvey
from paramsurvey.errors import OptionError
from paramsurvey.session.options.pool_options import replace_pool_options

calls: list[str] = []


def begin(*words: str) -> None:
    calls.extend(words)


def make_state() -> str:
    return "state"


def test_they_become_options_of_ours() -> None:
    own = {"processes": 3, "maxtasksperchild": 5}
    assert replace_pool_options({"multiprocessing": own, "verbose": 0}) == {
        "ncores": 3,
        "max_tasks_per_child": 5,
        "multiprocessing": {},
        "verbose": 0,
    }


def test_options_of_ours_win() -> None:
    own = {"processes": 3, "maxtasksperchild": 5}
    found = replace_pool_options({"multiprocessing": own, "ncores": 1, "max_tasks_per_child": 2})
    assert (found["ncores"], found["max_tasks_per_child"]) == (1, 2)


def test_the_initializer_is_called_before_worker_init_whose_state_counts() -> None:
    own = {"initializer": begin, "initargs": ("a", "b")}
    found = replace_pool_options({"multiprocessing": own, "worker_init": make_state})
    calls.clear()
    assert found["worker_init"]() == "state"
    assert calls == ["a", "b"]


def test_they_are_ignored_for_other_backends() -> None:
    given = {"backend": "serial", "multiprocessing": {"processes": 3}}
    assert replace_pool_options(given) == given


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(OptionError, match="not callable: give a function, or worker_init="):
        replace_pool_options({"multiprocessing": {"initializer": 3}})


def test_other_options_of_the_pool_are_unknown() -> None:
    with pytest.raises(OptionError, match="context"):
        paramsurvey.init(verbose=0, multiprocessing={"context": "fork"})


def test_the_workers_are_initialized() -> None:
    def where(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        import os

        return {"found": os.environ.get("SITE_OF_TEST"), "pid": os.getpid()}

    def set_site(site: str) -> None:
        import os

        os.environ["SITE_OF_TEST"] = site

    own = {"initializer": set_site, "initargs": ("Oslo",), "maxtasksperchild": 1, "processes": 2}
    paramsurvey.init(verbose=0, multiprocessing=own)
    assert paramsurvey.current_core_count() == 2
    results = paramsurvey.map(where, [{"a": a} for a in range(4)])
    assert set(results.found) == {"Oslo"}
    assert results.pid.nunique() == 4
