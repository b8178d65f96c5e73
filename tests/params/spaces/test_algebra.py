"""A space is a list of dicts that is computed where it is needed: each test has that list to compare with."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramsurvey
from paramsurvey.params import aligned, grid
from paramsurvey.params.row_math import Permutation
from paramsurvey.params.spaces import Space
from paramsurvey.transport.messages import Rows, Values

Psets = list[dict[str, Any]]


def combined(left: Psets, right: Psets) -> Psets:
    return [a | b for a in left for b in right]


def stacked(left: Psets, right: Psets) -> Psets:
    names = dict.fromkeys([*(left[0] if left else ()), *(right[0] if right else ())])
    return [{name: pset.get(name, float("nan")) for name in names} for pset in left + right]


def shuffled(psets: Psets, seed: int) -> Psets:
    return [psets[i] for i in Permutation(len(psets), seed).at(np.arange(len(psets)))]


cells = st.one_of(
    st.integers(-3, 3), st.floats(-1, 1), st.booleans(), st.sampled_from(["a", "b"]), st.just((1, 2))
)


@st.composite
def leaves(draw: st.DrawFn, new_name: Callable[[], str]) -> tuple[Space, Psets]:
    values = draw(st.one_of(st.lists(cells, min_size=1, max_size=4), st.just(range(3, 12, 4))))
    first, second = new_name(), new_name()
    if draw(st.booleans()):
        return grid(**{first: values}), [{first: value} for value in values]
    others = draw(st.lists(st.integers(0, 9), min_size=len(values), max_size=len(values)))
    both = {first: values, second: others}
    return aligned(**both), [{first: a, second: b} for a, b in zip(values, others, strict=True)]


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Space, Psets]:
    """Draw a space made of others in several steps, and the list of its psets."""
    numbers = count()
    new = leaves(lambda: f"x{next(numbers)}")
    space, psets = draw(new)
    for step in draw(st.lists(st.sampled_from(["*", "+", "where", "shuffle", "itself"]), max_size=4)):
        if step in "*+":
            other, more = draw(new)
            space, psets = (
                (space * other, combined(psets, more))
                if step == "*"
                else (
                    space + other,
                    stacked(psets, more),
                )
            )
        elif step == "where" and len(psets) > 3:
            space, psets = space.where(with_few_letters), [pset for pset in psets if with_few_letters(pset)]
        elif step == "shuffle":
            space, psets = space.shuffle(5), shuffled(psets, 5)
        elif step == "itself" and len(psets) < 100:
            space, psets = space + space, psets + psets
        if not psets:
            break
    return space, psets


def with_few_letters(pset: dict[str, Any]) -> bool:
    return len(str(pset)) % 3 != 0


def decoded(space: Space, rows: Rows) -> Psets:
    return list(space.decoder().psets(rows, None))


def same(left: Psets, right: Psets) -> bool:
    """Compare values and their types: 1, 1.0, True and numpy's 1 are written differently."""
    return repr([sorted(pset.items()) for pset in left]) == repr([sorted(pset.items()) for pset in right])


@settings(deadline=None)
@given(spaces(), st.data())
def test_a_space_is_its_list_of_psets(made: tuple[Space, Psets], data: st.DataObject) -> None:
    space, psets = made
    assert len(space) == len(psets)
    assert same(list(space), psets)
    start = data.draw(st.integers(0, len(psets)))
    stop = data.draw(st.integers(start, len(psets)))
    assert same(decoded(space, range(start, stop)), psets[start:stop])
    if psets:
        rows = data.draw(st.lists(st.integers(0, len(psets) - 1), max_size=9))
        assert same(decoded(space, np.array(rows, dtype=np.int64)), [psets[i] for i in rows])


@settings(deadline=None)
@given(spaces())
def test_a_space_that_travelled_is_the_same_space(made: tuple[Space, Psets]) -> None:
    space, psets = made
    assert same(list(pickle.loads(pickle.dumps(space))), psets)
    assert same(list(copy.copy(space)), psets)
    travelled = pickle.loads(pickle.dumps(space.decoder()))
    assert same(list(travelled.psets(range(len(psets)), None)), psets)


@settings(deadline=None)
@given(spaces())
def test_a_dataframe_of_a_space_is_that_of_its_psets(made: tuple[Space, Psets]) -> None:
    space, psets = made
    if psets:
        expected = pd.DataFrame(psets, columns=list(space.names))
        pd.testing.assert_frame_equal(space.to_df(), expected)
    assert tuple(space.to_df().columns) == space.names


# ---- what each of them is


def test_the_last_axis_of_a_grid_varies_fastest() -> None:
    assert list(grid(x=[1, 2], y=["a", "b"])) == [
        {"x": 1, "y": "a"},
        {"x": 1, "y": "b"},
        {"x": 2, "y": "a"},
        {"x": 2, "y": "b"},
    ]


def test_aligned_values_stay_side_by_side() -> None:
    space = aligned(city=["Rome", "Oslo"], degrees=[30.5, 12.0])
    assert list(space) == [{"city": "Rome", "degrees": 30.5}, {"city": "Oslo", "degrees": 12.0}]


def test_a_product_keeps_the_rows_of_each_space_together() -> None:
    space = aligned(x=[1, 2], y=[10, 20]) * grid(z=[0, 1])
    assert [tuple(pset.values()) for pset in space] == [(1, 10, 0), (1, 10, 1), (2, 20, 0), (2, 20, 1)]


def test_a_sum_has_nan_where_a_space_has_no_such_name_and_changes_no_other_value() -> None:
    first, second = grid(x=[1]) + grid(y=["a"])
    assert first["x"] == 1
    assert type(first["x"]) is int
    assert np.isnan(first["y"])
    assert np.isnan(second["x"])
    assert second["y"] == "a"


def test_where_asks_once_for_each_pset_and_never_after_it_travelled() -> None:
    asked: Psets = []
    space = grid(x=range(10)).where(lambda pset: asked.append(pset) or pset["x"] > 7)  # type: ignore[func-returns-value]
    assert asked == []
    assert [len(space), len(space), space[0], space[-1]] == [2, 2, {"x": 8}, {"x": 9}]
    assert list(pickle.loads(pickle.dumps(space))) == [{"x": 8}, {"x": 9}]
    assert len(asked) == 10


def test_where_may_choose_nothing_or_come_before_other_steps() -> None:
    nothing = grid(x=range(10)).where(lambda pset: False)
    assert list(nothing) == list(nothing * grid(y=[1])) == list(nothing.shuffle(1)) == []
    assert list(nothing + grid(x=[1])) == [{"x": 1}]
    assert nothing.to_df().shape == (0, 1)


def test_a_shuffle_is_another_order_of_the_same_psets() -> None:
    space = grid(x=range(100))
    once, again, other = (list(space.shuffle(seed)) for seed in (1, 1, 2))
    assert once == again
    assert once != other
    assert once != list(space)
    assert sorted(pset["x"] for pset in once) == list(range(100))


def test_a_billion_psets_cost_nothing() -> None:
    space = (grid(x=range(1000), y=range(1000)) * aligned(z=range(1000))).shuffle(seed=3)
    assert len(space) == 10**9
    assert len(pickle.dumps(space)) < 2000
    assert len({tuple(pset.values()) for pset in space[10**8 : 10**8 + 10].to_dict("records")}) == 10
    assert grid(x=range(10**18))[10**17] == {"x": 10**17}


@pytest.mark.parametrize("space", [grid, aligned])
def test_the_step_of_a_range_with_a_single_value_may_be_larger_than_64_bits(space: Any) -> None:
    assert list(space(x=range(7, 10**20, 10**20))) == [{"x": 7}]


def test_iteration_does_not_compute_everything_at_once() -> None:
    psets = iter(grid(x=range(10**9)).shuffle(1))
    assert next(psets).keys() == {"x"}


# ---- what cannot be


@pytest.mark.parametrize("make", [grid, aligned])
@pytest.mark.parametrize("name", ["class", "_x", "a b"])
def test_names_are_those_that_psets_can_have(make: Callable[..., Space], name: str) -> None:
    with pytest.raises(ValueError, match=f"column '{name}'"):
        make(**{name: [1]})


def test_where_takes_a_function_and_says_so_at_once() -> None:
    with pytest.raises(TypeError, match=r"not 'x > 1': write where\(lambda pset: pset\['x'\] > 1\)"):
        grid(x=[1, 2]).where("x > 1")  # type: ignore[arg-type]  # that is the mistake


@pytest.mark.parametrize("make", [grid, aligned])
def test_no_columns_are_no_space(make: Callable[..., Space]) -> None:
    with pytest.raises(ValueError, match="give at least one"):
        make()


def test_aligned_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\{'x': 2, 'y': 3\}"):
        aligned(x=[1, 2], y=[1, 2, 3])


def test_a_product_refuses_a_name_that_is_there_twice() -> None:
    with pytest.raises(ValueError, match="column 'x' occurs 2 times"):
        grid(x=[1]) * grid(y=[1], x=[2])


def test_a_grid_that_cannot_be_numbered_is_refused() -> None:
    with pytest.raises(ValueError, match="take fewer values"):
        grid(x=range(10**10), y=range(10**10))


@pytest.mark.parametrize("operation", [lambda a: a * 2, lambda a: a + 1, lambda a: 2 * a])
def test_a_space_combines_with_spaces_only(operation: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        operation(grid(x=[1]))


def test_an_empty_axis_makes_an_empty_space() -> None:
    space = grid(x=[1, 2], y=[], z=range(3))
    assert len(space) == 0
    assert list(space) == []
    assert list(space.to_df().columns) == ["x", "y", "z"]


# ---- its own kind, and in a worker


class Squares(Space):
    """A space of one's own."""

    names = ("root", "square")

    def __len__(self) -> int:
        return 5

    def columns(self, rows: Rows) -> dict[str, Values]:
        root = np.array(rows, dtype=np.int64)
        return {"root": root, "square": root**2}


def test_a_subclass_needs_three_members_and_has_all_the_others() -> None:
    assert Squares()[3] == {"root": 3, "square": 9}
    odd = Squares().where(lambda pset: pset["root"] % 2) * grid(k=[1, 2])
    assert [pset["square"] for pset in odd] == [1, 1, 9, 9]


def test_a_space_shows_its_names_without_computing_anything() -> None:
    def never(pset: dict[str, Any]) -> bool:
        raise AssertionError

    assert repr(grid(x=[1], y=[2]).where(never)) == "<Where: x, y>"


def test_a_worker_loads_neither_pandas_nor_scipy() -> None:
    program = (
        "import pickle, sys\n"
        "decoder = pickle.load(sys.stdin.buffer)\n"
        "print(sum(pset['x'] for pset in decoder.psets(range(10), None)))\n"
        "print({'pandas', 'scipy', 'pyarrow'} & set(sys.modules))\n"
    )
    sent = pickle.dumps((grid(x=range(5)) + grid(x=range(5), y=["a"])).decoder())
    output = subprocess.run(
        [sys.executable, "-c", program], input=sent, capture_output=True, check=True
    ).stdout
    assert output.split() == [b"20", b"set()"]


def test_no_rows_have_the_dtypes_of_the_others() -> None:
    space = grid(x=range(3), y=["a", "b"], z=[0.5])
    for none in (space[1:1], space.where(lambda pset: pset["x"] < 2)[2:2], space.shuffle(1)[:0]):
        assert none.dtypes.equals(space[:2].dtypes)
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(lambda pset, s, u: 1 / 0, space)
    assert results.dtypes.equals(space[:2].dtypes)


@pytest.mark.parametrize("make", [grid, aligned])
def test_axes_are_given_by_keyword_or_in_a_dict_or_both(make: Callable[..., Space]) -> None:
    expected = list(make(x=[1, 2], y=[3, 4]))
    assert list(make({"x": [1, 2], "y": [3, 4]})) == list(make({"x": [1, 2]}, y=[3, 4])) == expected
    assert make(axes=[1, 2]).names == ("axes",)
    with pytest.raises(ValueError, match="'x' is both in the dict and a keyword"):
        make({"x": [1]}, x=[2])
    with pytest.raises(ValueError, match="axes must be a dict of lists"):
        make([1, 2, 3])


@pytest.mark.parametrize(
    ("space", "shown"),
    [
        (grid(x=range(100), y=range(50)), "<Grid: x (100) × y (50), 5,000 psets>"),
        (grid(x=[1]), "<Grid: x (1), 1 pset>"),
        (aligned(x=[1, 2], y=[3, 4]), "<Aligned: x, y, 2 psets>"),
        (aligned(x=[1, 2], y=[3, 4]) * grid(z=["ab"]), "<Product: (x, y) (2) × z (1), 2 psets>"),
        (grid(x=[1, 2]) + grid(y=[3]), "<Concat: x, y, 3 psets>"),
        (grid(x=range(4)).shuffle(), "<Shuffled: x, 4 psets>"),
    ],
)
def test_the_repr_shows_the_axes_and_the_length(space: Space, shown: str) -> None:
    assert repr(space) == shown


def test_the_repr_calls_no_function() -> None:
    chosen = grid(x=range(4)).where(lambda pset: pset["x"] > 1)
    assert repr(chosen) == "<Where: x>"
    assert repr(chosen * grid(y=[1])) == "<Product: x × y (1)>"
    assert len(chosen) == 2
    assert repr(chosen) == "<Where: x, 2 psets>"
