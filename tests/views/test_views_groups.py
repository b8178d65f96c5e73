"""Arithmetic by groups, beside what pandas and numpy make of the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.views.columns.groups import Moments, chosen, group_quantiles, hashed

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.tuples(st.integers(0, 4), FLOATS), min_size=1, max_size=60))
def test_quantiles_of_groups_are_those_of_numpy(rows: list[tuple[int, float]]) -> None:
    places, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = group_quantiles(places, values, 5, [0.0, 0.3, 0.5, 1.0])
    for group in range(5):
        own = values[places == group]
        wanted = np.quantile(own, [0.0, 0.3, 0.5, 1.0]) if len(own) else [np.nan] * 4
        largest = (
            np.abs(own).max() if len(own) else 0.0
        )  # what is between two numbers is as exact as they are
        np.testing.assert_allclose(found[:, group], wanted, rtol=1e-9, atol=1e-11 * largest)


def test_quantiles_of_doubles_lose_next_to_nothing_in_thousands_of_groups() -> None:
    random = np.random.default_rng(0)
    places, values = random.integers(0, 4000, 100_000), random.lognormal(sigma=20, size=100_000)
    wanted = pd.Series(values).groupby(places).median().to_numpy()
    np.testing.assert_allclose(group_quantiles(places, values, 4000, [0.5])[0], wanted, rtol=1e-11)


def test_moments_of_groups_are_those_of_pandas_in_any_pieces() -> None:
    random = np.random.default_rng(0)
    places, values = random.integers(0, 6, 500), random.normal(1e9, 1e-3, 500)
    values[::7] = np.nan
    moments = Moments(7, extremes=True)
    for start in range(0, 500, 83):
        moments.add(places[start : start + 83], values[start : start + 83])
    grouped = pd.Series(values).groupby(places)
    np.testing.assert_array_equal(moments.counts, [*grouped.count(), 0])
    np.testing.assert_allclose(moments.sums[:6], grouped.sum(), rtol=1e-15)
    np.testing.assert_allclose(moments.means, [*grouped.mean(), np.nan], rtol=1e-15)
    np.testing.assert_allclose(moments.deviations, [*grouped.std(), np.nan], rtol=1e-4)
    np.testing.assert_array_equal(moments.extremes(), [[*grouped.min(), np.nan], [*grouped.max(), np.nan]])


def test_moments_of_one_group_need_no_places() -> None:
    values = np.array([1.0, np.inf, 4.0, 7.0])
    moments = Moments(1, extremes=True)
    moments.add(np.zeros(4, dtype=np.uint8), values)
    assert (moments.counts[0], moments.sums[0], moments.means[0], moments.deviations[0]) == (3, 12, 4, 3)


@pytest.mark.parametrize("share", [0.001, 0.25, 0.999, 1.0])
def test_rows_are_chosen_at_random_and_always_the_same(share: float) -> None:
    rows = np.arange(100_000)
    is_chosen = chosen(rows, share)
    assert abs(is_chosen.mean() - share) < 0.01
    assert (is_chosen[500:600] == chosen(rows[500:600], share)).all()
    even = is_chosen[::2].mean()
    assert abs(even - share) < 0.01  # not every second one, as a grid's axes repeat


def test_hashes_are_spread_over_all_bits() -> None:
    bits = np.unpackbits(hashed(np.arange(10_000)).view(np.uint8)).reshape(10_000, 64)
    assert (abs(bits.mean(axis=0) - 0.5) < 0.05).all()
