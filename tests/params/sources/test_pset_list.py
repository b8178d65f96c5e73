"""Dicts of a list become columns in pieces, and workers get what was in them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from paramsurvey.errors import PsetError
from paramsurvey.params.sources import PsetList, PsetSource, PsetStream
from paramsurvey.params.sources.dict_columns import PIECE

COUNT = 2 * PIECE + 3
LAST = PIECE + 1  # a row of a later piece


def worker_values(source: PsetSource, rows: Any) -> list[list[tuple[str, Any]]]:
    """Return the items that workers get, with which the order of keys is compared, too."""
    decoder = source.decoder()
    psets = decoder.psets(rows, decoder.isolated(source.payload(rows)))
    return [list((pset if isinstance(pset, dict) else pset.load()).items()) for pset in psets]


LATER: dict[str, Any] = {
    "an integer among floats": (0.5, 3),
    "a float among integers": (3, 0.5),
    "None among integers": (3, None),
    "a huge integer": (3, 2**70),
    "a bool among integers": (3, True),
    "a list": ("x", [1]),
    "an integer after strings": ("x", 1),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("made", [PsetList, lambda psets: PsetStream(iter(psets))], ids=["list", "stream"])
@pytest.mark.parametrize("ahead", [False, True])
def test_a_value_of_another_type_in_a_later_piece_changes_no_other(
    later: str, made: Any, ahead: bool
) -> None:
    usual, other = LATER[later]
    psets = [{"a": i, "v": other if i == LAST else usual} for i in range(COUNT)]
    source = made(psets)
    source.read(COUNT)
    if ahead:
        worker_values(source, range(COUNT - 1, COUNT))
    for rows in (range(3), range(LAST - 2, LAST + 2), np.array([LAST, 0]), range(COUNT)):
        expected = [list(psets[row].items()) for row in rows]
        assert repr(worker_values(source, rows)) == repr(expected)
    assert_frame_equal(source.frame(), pd.DataFrame(psets))


def test_a_group_of_the_first_psets_converts_no_others() -> None:
    psets = [{"a": i} for i in range(COUNT)]
    source = PsetList(psets)
    source.payload(range(2))
    psets[-1]["a"] = -1
    assert worker_values(source, range(COUNT - 1, COUNT)) == [[("a", -1)]]


def test_what_is_converted_no_longer_changes() -> None:
    psets = [{"a": i} for i in range(COUNT)]
    source = PsetList(psets)
    source.convert()
    psets[-1]["a"] = -1
    assert worker_values(source, range(COUNT - 1, COUNT)) == [[("a", COUNT - 1)]]


def test_a_wrong_name_of_the_last_pset_is_refused_at_once() -> None:
    with pytest.raises(PsetError, match="'b c'"):
        PsetList([*({"a": i} for i in range(COUNT)), {"b c": 1}])


def test_a_defaultdict_gets_no_key_that_it_did_not_have() -> None:
    psets = [defaultdict(int, a=1), defaultdict(int, b=2)]
    assert worker_values(PsetList(psets), range(1))[0][0] == ("a", 1)
    assert [dict(pset) for pset in psets] == [{"a": 1}, {"b": 2}]


def test_values_can_be_replaced_before_the_first_group_is_made() -> None:
    source = PsetList([{"a": 1}, {"a": 2}])
    source.replace("a", ["x", "y"])
    assert worker_values(source, range(2)) == [[("a", "x")], [("a", "y")]]
    assert source.frame()["a"].tolist() == ["x", "y"]


some_psets = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, 2, 0.5, True, None, "x"])), max_size=12
)


@given(psets=some_psets)
def test_no_pset_has_other_values_than_it_was_given_with(psets: list[dict[str, Any]]) -> None:
    source = PsetList(psets)
    found = [dict(items) for items in worker_values(source, range(len(psets)))]
    for pset, there in zip(psets, found, strict=True):
        assert repr({key: there[key] for key in pset}) == repr(pset)
        assert all(value != value for key, value in there.items() if key not in pset), "nan"
    assert_frame_equal(source.frame(), pd.DataFrame(psets), check_column_type=False)
