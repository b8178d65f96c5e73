"""Objects on their way between driver and workers: nobody shares them, a bad one costs its own pset only."""

from __future__ import annotations

import datetime
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.errors import NotPicklable
from paramsurvey.transport.isolation import (
    IsolatedPset,
    is_immutable,
    isolated_column,
    isolated_pset,
    isolated_value,
)

ATOMS = (
    True,
    3,
    2.5,
    1j,
    "x",
    b"x",
    None,
    datetime.datetime(2020, 1, 1),
    np.int32(3),
    np.float64(0.5),
    np.str_("x"),
    np.datetime64("2020-01-01"),
    pd.Timestamp("2020-01-01"),
    pd.NaT,
    pd.NA,
    pd.Interval(0, 1),
)
OTHERS = ([1], {"a": 1}, (1, 2), np.zeros(2), object(), pd.Series([1]), print, int)


class Explodes:
    """Can be pickled, and not be unpickled."""

    def __reduce__(self) -> Any:
        return explode, ()


def explode() -> None:
    raise RuntimeError("no way back")


def after_the_journey(cells: Any) -> Any:
    """What arrives at the other side of a pipe that knows nothing but plain pickle."""
    return pickle.loads(pickle.dumps(cells))


@pytest.mark.parametrize("value", ATOMS, ids=repr)
def test_values_that_can_do_no_harm_travel_as_they_are(value: Any) -> None:
    assert is_immutable(type(value))
    assert type(isolated_pset({"a": value})) is dict
    assert type(isolated_column([value], "a")) is list


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_everything_else_is_sealed(value: Any) -> None:
    assert not is_immutable(type(value))
    assert isinstance(isolated_pset({"a": value}), IsolatedPset)


def test_a_pset_that_was_opened_shares_nothing_with_the_one_that_was_sealed() -> None:
    shared = [1]
    first, second = (after_the_journey(isolated_pset({"n": n, "items": shared})).load() for n in range(2))
    first["items"].append(2)
    assert shared == [1]
    assert second == {"n": 1, "items": [1]}


def test_a_plain_pset_is_a_copy_too() -> None:
    pset = {"a": 1}
    copy = isolated_pset(pset)
    assert copy == pset
    assert copy is not pset


def test_keys_keep_their_order() -> None:
    isolated = isolated_pset({"b": [1], "a": 1, "c": {}})
    assert isinstance(isolated, IsolatedPset)
    assert list(isolated.load()) == ["b", "a", "c"]


def test_columns_of_numbers_are_not_looked_through() -> None:
    numbers = np.arange(3)
    assert isolated_column(numbers, "a") is numbers


@pytest.mark.parametrize(
    "value", [threading.Lock(), sys.__stdout__, (i for i in ())], ids=["lock", "file", "generator"]
)
def test_an_object_that_cannot_be_pickled_raises_where_the_pset_is_opened(value: Any) -> None:
    pset = after_the_journey(isolated_pset({"fine": 1, "bad": value}))
    with pytest.raises(NotPicklable, match=r"pset\['bad'\] cannot be sent to the workers: it is a "):
        pset.load()


def test_the_member_that_is_to_blame_is_named() -> None:
    pset = isolated_pset({"config": {"locks": [1, threading.Lock()]}})
    assert isinstance(pset, IsolatedPset)
    with pytest.raises(NotPicklable, match=r"pset\['config'\]\['locks'\]\[1\] cannot be sent .* lock"):
        pset.load()


def test_an_object_that_cannot_be_loaded_raises_where_the_pset_is_opened() -> None:
    pset = after_the_journey(isolated_pset({"bad": Explodes()}))
    with pytest.raises(NotPicklable, match=r"pset\['bad'\] cannot be loaded .*RuntimeError: no way back"):
        pset.load()


def test_a_result_is_sealed_as_it_was_when_it_was_returned() -> None:
    buffer = np.zeros(2)
    first = isolated_value("spectrum", buffer)
    buffer[:] = 7
    assert first.load().tolist() == [0, 0]


def test_a_result_that_cannot_be_pickled_names_its_key() -> None:
    with pytest.raises(NotPicklable, match="the result 'bad' cannot be pickled, it is a lock"):
        isolated_value("bad", threading.Lock())
