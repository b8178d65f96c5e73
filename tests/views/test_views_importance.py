"""Importance: exact on full grids, beside a brute-force ANOVA and Ishigami's function; else estimated."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import qmc
from survey_tables import grid, survey

from paramsurvey.views import FAILING, SECONDS, importance_of
from paramsurvey.views.importance import Importance, grids
from paramsurvey.views.importance.estimate import student

Floats = NDArray[np.float64]

# Analytic shares of Ishigami's function with a = 7, b = 0.1; T. Ishigami and T. Homma (1990)
A, B = 7.0, 0.1
PI4, PI8 = np.pi**4, np.pi**8
VARIANCE = A**2 / 8 + B * PI4 / 5 + B**2 * PI8 / 18 + 0.5
FIRST = np.array([0.5 * (1 + B * PI4 / 5) ** 2, A**2 / 8, 0.0]) / VARIANCE
PAIR = B**2 * PI8 * (1 / 18 - 1 / 50) / VARIANCE  # of the first and the third
TOTAL = FIRST + np.array([PAIR, 0.0, PAIR])


def ishigami(x: Floats) -> Any:
    return np.sin(x[0]) + A * np.sin(x[1]) ** 2 + B * x[2] ** 4 * np.sin(x[0])


def brute_force(values: Floats) -> dict[tuple[int, ...], float]:
    """Return the variance of each effect of an ANOVA, by its definition: means, less all lower effects."""
    effects: dict[tuple[int, ...], Floats] = {}
    every = tuple(range(values.ndim))
    for order in range(values.ndim + 1):
        for axes in combinations(every, order):
            mean = values.mean(axis=tuple(set(every) - set(axes)), keepdims=True)
            lower = [effect for below, effect in effects.items() if set(below) < set(axes)]
            effects[axes] = mean - sum(lower) if lower else mean
    return {axes: float((effect**2).mean()) for axes, effect in effects.items() if axes}


def gridded(values: Floats, **more: Any) -> pd.DataFrame:
    axes = {f"x{at}": range(size) for at, size in enumerate(values.shape)}
    return grid(**axes).assign(y=values.ravel(), **more)


# ---- exact


def test_many_axes_of_few_places_each_do_not_take_long_to_be_no_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """No subset of them has 700 to 1,400 cells, and there are more than half a million with 625."""
    steps, original = list[int](), grids._subsets

    def counted(axes: Any, least: int, most: int) -> Any:
        steps.append(least)
        return original(axes, least, most)

    monkeypatch.setattr(grids, "_subsets", counted)
    levels = np.random.default_rng(0).integers(0, 5, (700, 60))
    table = pd.DataFrame(levels, columns=[f"x{at}" for at in range(60)])
    data = survey(table.assign(y=1.0), list(table.columns))
    assert grids.find_grid(data) is None
    assert len(steps) <= grids.MOST_STEPS + 1


@pytest.mark.parametrize("shape", [(3, 4), (4, 1, 3), (2, 3, 4, 2), (5,), (2, 2, 2, 2, 3)])
def test_a_full_grid_is_decomposed_as_by_brute_force(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(sum(shape)).normal(1e6, 1.0, shape)
    wanted = brute_force(values - values.mean())
    whole = sum(wanted.values())
    data = survey(gridded(values).sample(frac=1, random_state=0), [f"x{at}" for at in range(len(shape))])
    found = importance_of(data, "y")
    assert found.exact
    axes = [int(name[1:]) for name in found.axes]  # one with a single value is none
    for at, axis in enumerate(axes):
        total = sum(variance for effect, variance in wanted.items() if axis in effect)
        assert found.indices.first[at] == pytest.approx(wanted[(axis,)] / whole, abs=1e-9)
        assert found.indices.total[at] == pytest.approx(total / whole, abs=1e-9)
        for other_at in range(at + 1, len(axes)):
            pair = wanted[(axis, axes[other_at])] / whole
            assert found.indices.pairs[at, other_at] == pytest.approx(pair, abs=1e-9)
            assert found.indices.pairs[other_at, at] == pytest.approx(pair, abs=1e-9)


def test_on_a_fine_grid_ishigamis_function_has_its_analytic_shares() -> None:
    points = (np.arange(64) + 0.5) / 64 * 2 * np.pi - np.pi
    x = np.array(np.meshgrid(points, points, points, indexing="ij"))
    found = importance_of(survey(gridded(ishigami(x)), ["x0", "x1", "x2"], pieces=100_000), "y")
    assert found.exact
    np.testing.assert_allclose(found.indices.first, FIRST, atol=1e-3)
    np.testing.assert_allclose(found.indices.total, TOTAL, atol=1e-3)
    np.testing.assert_allclose(found.indices.pairs[0, 2], PAIR, atol=1e-3)


def test_texts_and_bools_are_axes_as_any_other() -> None:
    frame = grid(t=["b", "a", "c"], b=[True, False], x=[0.5, 1.5])
    frame["y"] = frame["t"].map({"a": 0.0, "b": 3.0, "c": 9.0}) + 2.0 * frame["b"]
    found = importance_of(survey(frame, ["t", "b", "x"]), "y").to_frame()
    assert found.index.tolist() == ["t", "b", "x"]
    assert found["first"].sum() == pytest.approx(1)
    assert found.loc["x", "total"] == pytest.approx(0, abs=1e-12)


def test_running_numbers_and_zipped_and_computed_keys_are_no_axes() -> None:
    frame = grid(a=range(4), b=range(5), c=[1, 2])
    frame = frame.assign(i=range(40), twice=frame["a"] * 2, sum=frame["a"] + frame["b"], y=frame["a"] * 1.0)
    found = importance_of(survey(frame, ["i", "a", "twice", "sum", "b", "c"]), "y")
    assert found.exact
    assert found.axes == ("a", "b", "c")
    assert found.indices.first[0] == pytest.approx(1)


def test_what_makes_psets_fail_is_exact_though_they_have_failed() -> None:
    frame = grid(k=["a", "b"], x=range(5), n=range(3)).assign(y=1.0)
    lost = (frame["k"] == "b") & (frame["x"] > 2)
    data = survey(frame[~lost], ["k", "x", "n"], frame.loc[lost, ["k", "x", "n"]])
    found = importance_of(data, FAILING)
    assert found.exact
    assert found.to_frame().index.tolist()[-1] == "n"
    assert found.pairs().loc[0, ["x", "y"]].tolist() == ["k", "x"]
    assert not importance_of(data, "y").exact


def test_where_all_psets_of_some_values_have_failed_the_rest_is_a_full_grid_and_exact() -> None:
    frame = grid(k=["a", "b", "c"], x=range(4), z=range(5))
    frame["y"] = frame["x"] * (1.0 + (frame["k"] == "a"))
    lost = (frame["k"] == "b") | frame["x"].isin([0, 3])
    found = importance_of(survey(frame[~lost], ["k", "x", "z"], frame.loc[lost, ["k", "x", "z"]]), "y")
    rest = importance_of(survey(frame[~lost], ["k", "x", "z"]), "y")
    assert found.exact
    assert found.note == (
        "exact for the 20 psets with a value; without k = b, x = 0, x = 3, where no pset has a value"
    )
    pd.testing.assert_frame_equal(found.to_frame(), rest.to_frame())
    pd.testing.assert_frame_equal(found.pairs(), rest.pairs())


def test_of_an_axis_of_which_one_value_alone_has_worked_nothing_can_be_said() -> None:
    frame = grid(k=["a", "b"], x=range(4)).assign(y=lambda frame: frame["x"] * 1.0)
    holes = [4, 5, 6, 7]
    found = importance_of(survey(frame.drop(holes), ["k", "x"], frame.loc[holes, ["k", "x"]]), "y").to_frame()
    assert found.loc["k", ["first", "total"]].isna().all()
    assert found.loc["x", ["first", "total"]].tolist() == pytest.approx([1.0, 1.0])


def test_what_is_left_has_holes_as_well_and_is_estimated_alone() -> None:
    frame = grid(k=["a", "b", "c"], x=range(10), z=range(10)).assign(y=lambda frame: frame["x"] * 1.0)
    frame.loc[frame["k"] == "b", "y"] = frame.loc[7, "y"] = np.nan
    found = importance_of(survey(frame, ["k", "x", "z"]), "y")
    assert not found.exact
    assert found.note.startswith("estimated: 199 of the 200 combinations")
    assert found.note.endswith("; without k = b, where no pset has a value")
    assert found.indices.total.round(2).tolist() == [0.0, 1.0, 0.0]


def test_values_that_chance_alone_may_have_left_without_psets_stay() -> None:
    frame = grid(x0=range(100), x1=[1, 2], x2=[1]).assign(y=np.nan)
    frame.loc[np.random.default_rng(0).permutation(200)[:80], "y"] = np.arange(80.0)
    assert "80 of the 200 combinations" in estimated(frame).note


def test_no_axis_has_more_alone_than_with_interactions_wherever_the_holes_are() -> None:
    frame = grid(k=["a", "b", "c"], x=range(7), z=range(8)).assign(y=lambda frame: np.tanh(frame["x"]))
    frame.loc[(frame["k"] == "b") & (frame["x"] > 2), "y"] = np.nan  # k seems to do what x does
    found = importance_of(survey(frame, ["k", "x", "z"]), "y")
    assert not found.exact
    assert (found.indices.first <= found.indices.total).all()
    assert 0 <= found.indices.first[0] < 1e-9
    assert (found.indices.total >= 0).all()
    assert found.indices.first[1] > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_no_share_of_a_full_grid_is_below_0_or_above_1(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(4, 1, 3)) * np.ones((4, 5, 3)) + 1e6
    found = importance_of(survey(gridded(values), ["x0", "x1", "x2"]), "y").indices
    for shares in (found.first, found.total, found.pairs[np.triu_indices(3, 1)]):
        assert shares.min() >= 0
        assert shares.max() <= 1


def test_the_seconds_are_a_value_as_any_other() -> None:
    frame = grid(a=range(4), b=range(3))
    data = survey(frame.assign(**{SECONDS: np.float32(0.5) * frame["a"]}), ["a", "b"])
    assert importance_of(data, SECONDS).to_frame()["first"].round(9).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("constant", [0.1, 0.0, 1e300])
def test_of_what_is_the_same_everywhere_nothing_can_be_said(constant: float) -> None:
    found = importance_of(survey(grid(a=range(4), b=range(3)).assign(y=constant), ["a", "b"]), "y")
    assert np.isnan(found.indices.first).all()
    assert np.isnan(found.indices.total).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e-320])
def test_shares_are_the_same_in_units_in_which_the_values_are_huge_or_minute(unit: float) -> None:
    values = np.random.default_rng(0).integers(1, 100, (6, 5, 4)).astype(float)
    for frame in (gridded(values), gridded(values).drop(index=[3, 50]), gridded(values)[::3]):
        usual = importance_of(survey(frame, ["x0", "x1", "x2"]), "y").to_frame()
        found = importance_of(survey(frame.assign(y=frame["y"] * unit), ["x0", "x1", "x2"]), "y").to_frame()
        pd.testing.assert_frame_equal(found, usual, atol=1e-3)


# ---- estimated


def sample_of(count: int, seed: int) -> pd.DataFrame:
    x = np.random.default_rng(seed).uniform(-np.pi, np.pi, (3, count))
    return pd.DataFrame({"x0": x[0], "x1": x[1], "x2": x[2], "y": ishigami(x)})


def estimated(frame: pd.DataFrame) -> Importance:
    return importance_of(survey(frame, ["x0", "x1", "x2"], pieces=100_000), "y")


def test_a_sample_is_estimated_and_says_so() -> None:
    found = estimated(sample_of(20_000, 0))
    assert not found.exact
    assert found.note.startswith("estimated from 20,000 psets")
    np.testing.assert_allclose(found.indices.first, FIRST, atol=0.02)
    assert found.indices.pairs[0, 2] == pytest.approx(PAIR, abs=0.03)
    assert np.isnan(found.indices.total).all()
    assert (found.indices.first_error > 0).all()
    assert (found.indices.first_error < 0.03).all()


@pytest.mark.parametrize("count", [200, 1000, 5000])
def test_intervals_hold_the_truth_in_nine_of_ten_samples(count: int) -> None:
    hits, of_pair = np.zeros(3), 0
    for seed in range(60):
        found = estimated(sample_of(count, seed)).indices
        hits += abs(found.first - FIRST) <= found.first_error
        of_pair += abs(found.pairs[0, 2] - PAIR) <= found.pairs_error[0, 2]
    assert hits.min() >= 54
    assert of_pair >= 54


@pytest.mark.parametrize("count", [200, 1000, 1400])
def test_intervals_hold_the_truth_of_points_that_are_more_even_than_chance_too(count: int) -> None:
    hits = np.zeros(3)
    for seed in range(20):
        x = np.pi * (2 * qmc.Sobol(3, seed=seed).random(count).T - 1)
        frame = pd.DataFrame({"x0": x[0], "x1": x[1], "x2": x[2], "y": ishigami(x)})
        found = estimated(frame).indices
        hits += abs(found.first - FIRST) <= found.first_error
    assert hits.min() >= 18


def test_an_axis_that_does_nothing_is_told_from_one_that_does_in_few_psets() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x0": random.uniform(size=60), "x1": random.uniform(size=60), "x2": 1})
    found = estimated(frame.assign(y=frame["x0"]))
    assert found.axes == ("x0", "x1")
    assert found.indices.first[0] > 0.9
    assert abs(found.indices.first[1]) < found.indices.first_error[1]


def test_a_grid_with_holes_is_estimated_near_to_what_the_full_one_has() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(8, 9, 10)) + np.arange(8)[:, None, None] * np.arange(10)
    full = importance_of(survey(gridded(values), ["x0", "x1", "x2"]), "y")
    for known in (0.99, 0.9, 0.6):
        frame = gridded(values)
        frame.loc[random.uniform(size=len(frame)) > known, "y"] = np.nan
        found = importance_of(survey(frame, ["x0", "x1", "x2"]), "y")
        assert not found.exact
        assert f"{found.used} of the 720 combinations" in found.note
        for shares in ("first", "total"):
            apart = abs(getattr(found.indices, shares) - getattr(full.indices, shares))
            assert (apart < 2 * getattr(found.indices, f"{shares}_error") + 0.01).all()
            assert apart.max() < (0.15 if known < 0.9 else 0.03)


def test_intervals_close_as_the_holes_of_a_grid_do() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(10, 10, 10))
    widths = []
    for holes in (400, 100, 1):
        frame = gridded(values)
        frame.loc[random.permutation(1000)[:holes], "y"] = np.nan
        widths.append(importance_of(survey(frame, ["x0", "x1", "x2"]), "y").indices.first_error.max())
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 0.01


def test_repeated_psets_are_no_grid_and_their_noise_is_nobodys() -> None:
    frame = pd.concat([grid(x0=range(4), x1=range(5), x2=[1])] * 50, ignore_index=True)
    noise = np.random.default_rng(0).normal(size=len(frame))
    found = estimated(frame.assign(y=frame["x0"] * 1.0 + noise))
    assert not found.exact
    assert found.indices.first[0] == pytest.approx(1.25 / 2.25, abs=0.06)
    assert found.indices.first[1] == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan, np.nan], [1.0, np.nan, np.nan]])
def test_where_hardly_anything_is_known_nothing_is_said(values: list[float]) -> None:
    frame = pd.DataFrame(
        {"x0": np.arange(len(values)), "x1": 1, "x2": np.arange(len(values)) // 2, "y": values}
    )
    found = estimated(frame.astype({"y": float}))
    assert np.isnan(found.indices.first).all()
    assert "without" not in found.note or found.used


def test_students_quantiles_are_those_of_the_tables() -> None:
    for freedom, wanted in ((4, 2.776), (10, 2.228), (31, 2.040)):
        assert student(freedom) == pytest.approx(wanted, abs=0.01)
