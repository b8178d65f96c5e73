"""Which psets are the same."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paramsurvey.checkpoint.resume import rows_left
from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, Matcher, canonical
from paramsurvey.params.sources import as_source


def keys(psets: Any) -> list[tuple[int, int]]:
    source = as_source(psets)
    hashes = Hasher().keys(source.cells(range(len(source))), len(source))
    return list(zip(hashes.one.tolist(), hashes.two.tolist(), strict=True))


DIFFERENT = [
    0, 1, 1.0, True, False, "1", "", b"1", 2**63, -(2**70), 1e300, None, (1,), [1], [1.0], {1},
    {"a": 1}, {"a": 1.0}, datetime(2024, 1, 1), datetime(2024, 1, 1, 1), np.arange(3), np.arange(3.0),
    "\ud800", Path("a"),
]  # fmt: skip


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


def test_nan_is_no_key_and_zero_has_no_sign() -> None:
    assert keys([{"a": 1, "b": float("nan")}]) == keys([{"a": 1}])
    assert keys([{"a": 0.0}]) == keys([{"a": -0.0}])


def test_identities_are_the_same_in_every_process() -> None:
    program = (
        "from paramsurvey.checkpoint.typed_hash import canonical; from pathlib import Path; import hashlib;"
        "print(hashlib.md5(canonical([{'b', 'a', 'c'}, Path('x'), {'k': 1.5}])).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


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
