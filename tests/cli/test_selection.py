"""Some psets of a space, and their numbers."""

from __future__ import annotations

import pickle

import pytest

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.selection import Numbered, select
from paramsurvey.params.spaces import Grid

SPACE = Grid({"a": [1, 2, 3], "b": ["x", "y"]})


def numbered(**options: str) -> list[tuple[int, str, int]]:
    """Return (a, b, number) as a worker gets them."""
    decoder = pickle.loads(pickle.dumps(Numbered(select(SPACE, **options)).decoder()))
    rows = range(len(select(SPACE, **options)))
    return [(pset["a"], pset["b"], pset["#"]) for pset in decoder.psets(rows, None)]


def test_a_pset_keeps_its_number() -> None:
    assert numbered() == [(1, "x", 1), (1, "y", 2), (2, "x", 3), (2, "y", 4), (3, "x", 5), (3, "y", 6)]
    assert numbered(only="6,2-3") == [(3, "y", 6), (1, "y", 2), (2, "x", 3)]
    assert numbered(shard="2/4") == [(1, "y", 2), (3, "y", 6)]
    assert numbered(only="2..5", shard="1/2") == [(1, "y", 2), (2, "y", 4)]


def test_the_number_is_no_parameter() -> None:
    space = Numbered(select(SPACE))
    assert space.names == ("a", "b")
    assert list(space.columns(range(2))) == ["a", "b"]


@pytest.mark.parametrize("k", range(1, 4))
def test_shards_share_nothing_and_leave_nothing_out(k: int) -> None:
    numbers = [n for shard in range(1, k + 1) for _, _, n in numbered(shard=f"{shard}/{k}")]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_many_psets_are_not_listed() -> None:
    space = Numbered(select(Grid({"a": range(10**9)}), shard="3/7"))
    decoder = pickle.loads(pickle.dumps(space.decoder()))
    assert next(iter(decoder.psets(range(10**8, 10**8 + 1), None)))["#"] == 7 * 10**8 + 3


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"only": "x"}, "3,7,10-12"),
        ({"only": "7"}, "numbered 1 to 6"),
        ({"only": "3-2"}, "numbered 1 to 6"),
        ({"shard": "0/4"}, "1/4 for the first"),
        ({"shard": "5/4"}, "1/4 for the first"),
        ({"shard": "half"}, "1/4 for the first"),
    ],
)
def test_what_leaves_nothing_is_refused(options: dict[str, str], why: str) -> None:
    with pytest.raises(BadUsage, match=why):
        select(SPACE, **options)
