"""The cube: what is in the cells of several axes, from which every slice can be added up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from survey_tables import random_table, survey

from paramsurvey.views import cube_of, slice_of

KEYS = ("n", "x", "t", "b")


@pytest.mark.parametrize("form", ["frame", "arrow"])
@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (0, 3)])
def test_a_pair_of_its_axes_is_the_slice_by_them(form: str, pair: tuple[int, int]) -> None:
    table = random_table(400)
    table.loc[::7, "y"] = np.nan
    data = survey(table.iloc[:350], KEYS, table.iloc[350:][list(KEYS)], form)
    cube = cube_of(data, KEYS, ["y"]).onto(pair)
    view = slice_of(data, KEYS[pair[0]], KEYS[pair[1]], "y")
    np.testing.assert_allclose(cube.values["y"].means.T, view.values)
    np.testing.assert_array_equal(cube.finished.T, view.finished)
    np.testing.assert_array_equal(cube.failed.T, view.failed)
    assert cube.axes[0].labels() == view.x.labels()
    smallest = slice_of(data, KEYS[pair[0]], KEYS[pair[1]], "y", "min").values
    found = cube.values["y"].smallest.T
    np.testing.assert_array_equal(np.where(np.isinf(found), np.nan, found), smallest)


def test_the_spread_keeps_its_digits() -> None:
    table = pd.DataFrame({"a": [1, 1, 2, 2], "y": 1e9 + np.array([1.0, 3.0, 5.0, 9.0])})
    moments = cube_of(survey(table, ["a"]), ["a"], ["y"]).values["y"]
    variance = (moments.squares - moments.sums**2 / moments.counts) / (moments.counts - 1)
    np.testing.assert_allclose(variance, [2.0, 8.0])


def test_too_many_cells_make_axes_coarser_and_then_fewer() -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame({name: random.uniform(size=500) for name in "abcdef"})
    cube = cube_of(survey(table, list("abcdef")), list("abcdef"), [], cells=10_000)
    assert cube.finished.size <= 10_000
    assert [axis.name for axis in cube.axes] == list("abcde"), "the last one is left out"
    assert cube.finished.sum() == 500
