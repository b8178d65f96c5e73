"""Psets drawn from distributions."""

from __future__ import annotations

import pickle
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from paramsurvey.params import choice, grid, integers, loguniform, sample, uniform

QUASI_RANDOM = ["sobol", "halton", "latin_hypercube"]
METHODS = ["random", *QUASI_RANDOM]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    if request.param != "random":
        pytest.importorskip("scipy")
    return str(request.param)


def draw(n: int, method: str = "random", seed: int = 0) -> list[dict[str, Any]]:
    dice = {"x": uniform(-1, 1), "y": loguniform(1e-3, 10), "k": integers(1, 9), "kind": choice(["a", "b"])}
    return list(sample(n, method=method, seed=seed, **dice))


def test_values_are_native_and_within_their_limits(method: str) -> None:
    for pset in draw(300, method):
        assert [type(value) for value in pset.values()] == [float, float, int, str]
        assert -1 <= pset["x"] < 1
        assert 1e-3 <= pset["y"] <= 10
        assert 1 <= pset["k"] <= 9
    assert {pset["k"] for pset in draw(300, method)} == set(range(1, 10))
    assert {pset["kind"] for pset in draw(300, method)} == {"a", "b"}


def test_values_are_distributed_as_asked(method: str) -> None:
    psets = draw(4096, method)
    assert np.mean([pset["x"] for pset in psets]) == pytest.approx(0, abs=0.03)
    assert np.median([pset["y"] for pset in psets]) == pytest.approx(0.1, rel=0.15)  # between 1e-3 and 10
    assert np.bincount([pset["k"] for pset in psets])[1:] == pytest.approx(4096 / 9, rel=0.2)


def test_a_seed_makes_the_sample(method: str) -> None:
    assert draw(10, method, seed=1) == draw(10, method, seed=1)
    assert draw(10, method, seed=1) != draw(10, method, seed=2)


@pytest.mark.parametrize("method", ["random", "sobol", "halton"])
def test_asking_for_more_extends_the_sequence(method: str) -> None:
    if method != "random":
        pytest.importorskip("scipy")
    longest = draw(200, method, seed=3)
    for n in (0, 1, 10, 64, 199):
        assert draw(n, method, seed=3) == longest[:n]


def test_a_latin_hypercube_has_one_value_in_each_part() -> None:
    pytest.importorskip("scipy")
    values = sample(50, method="latin_hypercube", x=uniform(0, 50)).to_df()["x"]
    assert sorted(values.astype(int)) == list(range(50))


def test_sobol_does_not_warn_about_lengths() -> None:
    pytest.importorskip("scipy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(100, "sobol")


def test_only_the_recipe_travels() -> None:
    space = sample(100_000, x=uniform(0, 1), k=integers(1, 6))
    first = space[99_999]
    sent = pickle.dumps(space)
    assert len(sent) < 1000
    assert pickle.loads(sent)[99_999] == first


def test_a_sample_is_a_space_like_the_others() -> None:
    space = sample(5, x=uniform(0, 1)) * grid(repeat=range(2))
    assert len(space) == 10
    assert space[4]["x"] == space[5]["x"]
    assert len(sample(0, x=uniform(0, 1)).to_df()) == 0


def test_every_method_can_draw_nothing(method: str) -> None:
    assert draw(0, method) == []


def test_integers_may_be_few_or_many() -> None:
    assert {pset["k"] for pset in sample(20, k=integers(3, 3))} == {3}
    large = sample(100, k=integers(-(2**40), 2**40)).to_df()["k"]
    assert large.between(-(2**40), 2**40).all()
    assert large.nunique() == 100


def test_a_choice_may_be_among_anything() -> None:
    options = [None, [1, 2], 3]
    assert {repr(pset["x"]) for pset in sample(50, x=choice(options))} == {"None", "[1, 2]", "3"}
    assert type(sample(1, x=choice(range(10)))[0]["x"]) is int


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(1, 0), "the lower one first"),
        (lambda: uniform(0, float("inf")), "finite"),
        (lambda: loguniform(0, 1), "above 0"),
        (lambda: integers(2, 1), "the lower one first"),
        (lambda: choice([]), "at least one value"),
        (lambda: choice("abc"), r"write \['abc'\]"),
        (lambda: sample(-1, x=uniform(0, 1)), "0 or more"),
        (lambda: sample(5, x=3), "'x' needs a distribution and has 3"),  # type: ignore[arg-type]
        (lambda: sample(5), "give at least one"),
        (lambda: sample(5, _x=uniform(0, 1)), "column '_x'"),
        (lambda: sample(5, method="sobel", x=uniform(0, 1)), "did you mean 'sobol'"),
        (lambda: sample(5, seed=-1, x=uniform(0, 1)), "seed=0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_integers_have_whole_ends() -> None:
    with pytest.raises(TypeError):
        integers(0.5, 2)  # type: ignore[arg-type]


def test_without_scipy_a_method_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    assert len(sample(5, x=uniform(0, 1))) == 5
    with pytest.raises(ImportError, match=r"pip install 'paramsurvey\[sample\]'"):
        sample(5, method="sobol", x=uniform(0, 1))
