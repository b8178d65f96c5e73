"""What a ``run.json`` must say so that its readers can rely on it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from paramsurvey.checkpoint.run_json.validation import is_whole

NOW = "2026-01-01T12:00:00.000Z"
LARGEST = 2**63 - 1
RUN: dict[str, Any] = {
    "name": "digits",
    "status": "finished",
    "function": {"name": "fit", "file": "fit.py", "hash": "0a", "source": "def fit(): ..."},
    "user_kwargs": {"hash": "0b"},
    "host": "node1",
    "pid": 4711,
    "command": ["fit.py", "-v"],
    "directory": "/home",
    "versions": {"python": "3.13.0"},
    "git": None,
    "started": NOW,
    "ended": None,
    "history": [],
    "updated": NOW,
    "elapsed": 1.5,
    "counts": {"total": 3, "finished": 2, "failures": 1},
    "stored": {"results": 2, "failures": 1},
    "first_position": 0,
}

# with a dot: a key in an inner dict
SOUND = [
    *[("pid", pid) for pid in (0, LARGEST)],
    *[("elapsed", seconds) for seconds in (0, 0.0, 7, LARGEST)],
    *[("status", status) for status in ("running", "finished", "interrupted", "failed")],
    *[("ended", time) for time in (NOW, "2026-01-01T12:00:00+01:00")],
    ("git", {"commit": "0c"}),
    ("git", {"commit": "0c", "dirty": True}),
    ("history", [{}, {"host": "node2"}]),
    ("user_kwargs.type", "dict"),
    ("user_kwargs.repr", "{}"),
    ("user_kwargs.repr", None),
    *[(f"counts.{name}", 0) for name in ("active", "not_run", "exceptions", "retried", "resumed")],
    ("command", []),
    ("versions", {}),
    ("something that a later version notes", [1]),
]

UNSOUND = [
    *[("name", value) for value in (None, 1, ["a"])],
    *[("status", value) for value in ("gone", None, 1, ["finished"])],
    *[(f"function.{name}", None) for name in ("name", "file", "hash", "source")],
    *[("function", value) for value in (None, [], "fit")],
    *[("user_kwargs.hash", None), ("user_kwargs.type", 1), ("user_kwargs.repr", 1)],
    *[("host", None), ("directory", None), ("first_position", None)],
    *[("pid", value) for value in (-1, LARGEST + 1, True, 1.0, "1", None)],
    *[("command", value) for value in ("fit.py", [1], None, {})],
    *[("versions", value) for value in ([], {"python": 3}, None)],
    *[("git", value) for value in ({}, "0c", {"commit": 1})],
    *[("started", value) for value in (None, 5, "yesterday", "2026-01-01T12:00:00", "")],
    *[("ended", value) for value in (5, "tomorrow")],
    *[("history", value) for value in (None, {}, [1], [{}, "a"])],
    *[("elapsed", value) for value in (-0.1, float("nan"), float("inf"), "1", True, None, 2**64)],
    *[("counts", value) for value in (None, [], 1)],
    *[(f"counts.{name}", -1) for name in ("total", "finished", "failures", "active", "not_run")],
    *[(f"counts.{name}", "1") for name in ("exceptions", "retried", "resumed")],
    *[("stored.results", -1), ("stored.failures", None)],
]


def changed(place: str, value: Any) -> dict[str, Any]:
    run = copy.deepcopy(RUN)
    *outer, name = place.split(".")
    (run[outer[0]] if outer else run)[name] = value
    return run


def test_a_run_json_that_says_all_is_whole() -> None:
    assert is_whole(RUN)


@pytest.mark.parametrize(("place", "value"), SOUND, ids=repr)
def test_what_may_stand_there(place: str, value: Any) -> None:
    assert is_whole(changed(place, value))


@pytest.mark.parametrize(("place", "value"), UNSOUND, ids=repr)
def test_what_readers_cannot_use_is_damage(place: str, value: Any) -> None:
    assert not is_whole(changed(place, value))


@pytest.mark.parametrize(
    "place",
    [
        *RUN,
        *[
            f"{outer}.{name}"
            for outer in ("function", "user_kwargs", "counts", "stored")
            for name in RUN[outer]
        ],
    ],
)
def test_nothing_may_be_left_out(place: str) -> None:
    run = copy.deepcopy(RUN)
    *outer, name = place.split(".")
    del (run[outer[0]] if outer else run)[name]
    assert not is_whole(run)
