"""Which psets are the same."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.checkpoint.canonical_form import canonical
from paramsurvey.checkpoint.resume import rows_left
from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, Matcher
from paramsurvey.params.sources import as_source


def keys(psets: Any) -> list[tuple[int, int]]:
    source = as_source(psets)
    hashes = Hasher().keys(source.columns(range(len(source))), len(source))
    return list(zip(hashes.one.tolist(), hashes.two.tolist(), strict=True))


DIFFERENT = [
    0, 1, 1.0, True, False, "1", "", b"1", 2**63, -(2**70), 1e300, None, (1,), [1], [1.0], {1},
    {"a": 1}, {"a": 1.0}, datetime(2024, 1, 1), datetime(2024, 1, 1, 1), np.arange(3), np.arange(3.0),
    "\ud800", Path("a"),
]  # fmt: skip


IN_FILES = [
    (7, "2338b63848761724", "19a09cdd122301f8"),
    (2**70, "53d68a76911dcf8d", "6caf39e0c593d664"),
    (1.5, "b815b2ca68841c87", "cdfac3b4d0fb8ec4"),
    (True, "12a7a369b47d1f07", "5d1615977cc72b79"),
    ("é", "0fcaee5d21400c27", "c877066f6f94b0da"),
    ("\ud800", "cae768174a447868", "77ec6af3e32e68d7"),
    (b"a", "85e3e83ea20acaef", "1c4419919c910ed3"),
    (None, "673285dc045e6ae6", "fe577263f9cf2cfc"),
    ([1, "a"], "a5c32cc17ed36f04", "54f592b22ce3f857"),
    ((1,), "b45e643aec36a888", "59542bc10333cd05"),
    ({1, 2}, "d26ec2353b853758", "09a1c9978cb8b805"),
    ({"a": 1.5}, "e508844777c95276", "ec2b4941f32e98a5"),
    (date(2024, 1, 2), "22c19818ed49f0f1", "290aa9285c694e59"),
    (timedelta(1), "7a57879faa7d3b31", "b26ed05b4353c8ab"),
    (np.arange(3, dtype="<i8"), "6ff0fbb6f507fd57", "7ff9fb880b49764f"),
    (dict, "5b5103ab314a0732", "b200d68005b02fa4"),
]


@pytest.mark.parametrize(("value", "one", "two"), IN_FILES, ids=[str(i) for i in range(len(IN_FILES))])
def test_identities_are_those_that_checkpoints_have_in_their_files(value: Any, one: str, two: str) -> None:
    """Psets whose values are pickled are found again by them: by every later version, too."""
    found = Hasher().keys({"a": [value]}, 1)
    assert (f"{found.one[0]:016x}", f"{found.two[0]:016x}") == (one, two)


def test_identities_of_several_columns_are_those_that_were_stored() -> None:
    found = Hasher().keys({"b": ["x", float("nan")], "a": [1, 2]}, 2)
    assert [f"{one:016x}" for one in found.one] == ["88cdbbaaf92c00a8", "ff18594ed0dc6fb2"]
    assert [f"{two:016x}" for two in found.two] == ["5213dcc1a5f6d7b9", "1e4917c91ef357c2"]


def test_different_values_make_different_psets() -> None:
    found = keys([{"a": value} for value in DIFFERENT])
    assert len(set(found)) == len(DIFFERENT)
    assert len({one for one, _ in found}) == len({two for _, two in found}) == len(DIFFERENT)


def test_how_a_column_is_held_does_not_matter() -> None:
    plain = keys([{"a": i % 3, "b": "xyz"[i % 3]} for i in range(6)])
    for dtype in ("int8", "uint64", "Int64", "category", "object"):
        frame = pd.DataFrame({"b": list("xyz") * 2, "a": [0, 1, 2] * 2}).astype({"a": dtype, "b": "category"})
        assert keys(frame) == plain


def test_a_value_among_others_is_the_same_as_alone() -> None:
    assert keys([{"a": value} for value in DIFFERENT]) == [keys([{"a": value}])[0] for value in DIFFERENT]


def test_order_of_keys_and_sets_does_not_matter() -> None:
    assert keys([{"a": 1, "b": {"x": 1, "y": 2}}]) == keys([{"b": {"y": 2, "x": 1}, "a": 1}])
    assert canonical({3, 1, 2}) == canonical({2, 3, 1})
    assert keys([{"a": 1, "b": 2}]) != keys([{"a": 2, "b": 1}])


def test_a_number_that_only_unsigned_integers_hold_is_the_same_as_pythons() -> None:
    held = Hasher().keys({"a": np.array([2**63, 1], dtype=np.uint64)}, 2)
    assert list(zip(held.one.tolist(), held.two.tolist(), strict=True)) == keys([{"a": 2**63}, {"a": 1}])


def test_categories_that_change_are_looked_at_anew() -> None:
    hasher = Hasher()
    for values in (["x", "y"], ["y", "z"]):
        source = as_source(pd.DataFrame({"a": pd.Categorical(values)}))
        found = hasher.keys(source.columns(range(2)), 2)
        assert list(zip(found.one.tolist(), found.two.tolist(), strict=True)) == keys(
            [{"a": value} for value in values]
        )


def test_nan_is_no_key_and_zero_has_no_sign() -> None:
    assert keys([{"a": 1, "b": float("nan")}]) == keys([{"a": 1}])
    assert keys([{"a": 0.0}]) == keys([{"a": -0.0}])


def test_ten_million_psets_take_seconds() -> None:
    cells = {"a": np.arange(1_000_000), "b": np.arange(1_000_000) / 7}
    begun = time.perf_counter()
    hashes = Hasher().keys(cells, 1_000_000)
    assert time.perf_counter() - begun < 2.0
    assert len(np.unique(hashes.one)) == len(np.unique(hashes.two)) == 1_000_000


def hashes(values: list[int]) -> HashPairs:
    return HashPairs(np.array(values, dtype=np.uint64), np.array(values, dtype=np.uint64))


def test_a_matcher_uses_each_stored_pset_once() -> None:
    matcher = Matcher(hashes([5, 7, 5, 9]))
    which, stored = matcher.match(hashes([1, 5, 9]))
    assert (which.tolist(), stored.tolist()) == ([1, 2], [0, 3])
    which, stored = matcher.match(hashes([5, 5, 7, 9]))
    assert (which.tolist(), stored.tolist()) == ([0, 2], [2, 1])
    assert matcher.left == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_matcher_agrees_with_counting(seed: int) -> None:
    chance = np.random.default_rng(seed)
    stored, wanted = chance.integers(0, 60, 100).tolist(), chance.integers(0, 80, 120).tolist()
    matcher, found = Matcher(hashes(stored)), []
    for start in range(0, 120, 17):
        which, at = matcher.match(hashes(wanted[start : start + 17]))
        assert [wanted[start + i] for i in which] == [stored[i] for i in at]
        found += at.tolist()
    assert len(set(found)) == len(found) == sum(min(stored.count(v), wanted.count(v)) for v in set(stored))


def test_the_rest_is_everything_that_is_not_done() -> None:
    for done in ([], [0], [9], [3, 4, 8], list(range(10))):
        pieces = rows_left(range(10), np.array(done, dtype=np.int64))
        assert [int(row) for piece in pieces for row in piece] == [
            row for row in range(10) if row not in done
        ]
    assert sum(map(len, rows_left(range(10**9), np.arange(0, 10**9, 10**7)))) == 10**9 - 100
