"""How long psets will probably take."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest

from paramsurvey import params
from paramsurvey.engine.cost_model import PER_CALL, CostModel
from paramsurvey.params.sources import PsetStream, as_source

METHODS = {"fast": 1.0, "slow": 10.0}
PSETS: list[dict[str, Any]] = [
    {"n": n, "method": method, "seed": seed} for n, method, seed in product((1, 2, 4, 8), METHODS, range(5))
]
SECONDS = np.array([0.1 * pset["n"] * METHODS[pset["method"]] for pset in PSETS])


def learned(rows: Any, psets: Any = PSETS, seconds: Any = SECONDS) -> CostModel:
    model = CostModel(as_source(psets))
    model.observe(np.array(rows), seconds[rows])
    return model


def test_without_knowledge_all_psets_are_alike() -> None:
    assert CostModel(as_source(PSETS)).expected_seconds(range(3)).tolist() == [1.0, 1.0, 1.0]


def test_the_cost_of_two_axes_is_learned_from_a_few_psets() -> None:
    some = np.random.default_rng(1).permutation(len(PSETS))[:20]
    expected = learned(some).expected_seconds(range(len(PSETS)))
    assert np.median(np.abs(np.log(expected / SECONDS))) < 0.2
    assert np.argsort(-expected)[:10].tolist() == pytest.approx(np.argsort(-SECONDS)[:10].tolist(), abs=20)


def test_a_number_that_was_never_seen_is_extrapolated() -> None:
    seen = [row for row, pset in enumerate(PSETS) if pset["n"] < 8]
    expected = learned(seen).expected_seconds(range(len(PSETS)))
    largest = [row for row, pset in enumerate(PSETS) if pset["n"] == 8]
    assert expected[largest].mean() > 1.5 * expected[seen].mean()


@pytest.mark.parametrize(
    "psets",
    [
        params.grid(n=[1, 2, 4, 8], method=list(METHODS), seed=range(5)),
        params.product({"n": [1, 2, 4, 8]}, {"method": list(METHODS)}, {"seed": range(5)}),
    ],
    ids=["space", "product"],
)
def test_every_form_of_psets_is_understood(psets: Any) -> None:
    expected = learned(np.random.default_rng(1).permutation(40)[:20], psets).expected_seconds(range(40))
    assert np.corrcoef(np.log(expected), np.log(SECONDS))[0, 1] > 0.98


@pytest.mark.parametrize("complex_type", [np.complex128, np.clongdouble])
def test_complex_numbers_are_names_of_their_values_without_a_warning(complex_type: Any) -> None:
    psets = [{"z": complex_type(complex(1, i % 3))} for i in range(30)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = learned(np.arange(9), psets, np.arange(30) % 3 + 1.0)
        assert model.expected_seconds([9, 10, 11]) == pytest.approx([1, 2, 3], rel=0.3)


def test_values_that_cannot_be_compared_or_hashed_are_left_out() -> None:
    psets = [{"n": n, "list": [n], "big": 10**400, "none": None} for n in range(1, 31)]
    expected = learned(range(10), psets, np.arange(1.0, 31.0)).expected_seconds(range(30))
    assert np.isfinite(expected).all()
    assert expected[29] > expected[0]


def test_predictions_are_tested_before_their_psets_are_learned() -> None:
    model = learned(range(20))
    model.take_predictions()
    model.observe(range(20, 25), SECONDS[20:25])
    tested = model.take_predictions()
    assert tested.seconds.tolist() == SECONDS[20:25].tolist()
    assert len(tested.expected) == 5
    assert len(model.take_predictions().seconds) == 0


def test_of_many_psets_some_are_learned_and_all_are_counted() -> None:
    model = CostModel(as_source([{"n": n} for n in range(10_000)]))
    model.observe(range(10_000), np.full(10_000, 0.001))
    assert (model.psets, model.seconds) == (10_000, pytest.approx(10.0))
    assert len(model.take_predictions().seconds) == PER_CALL


def test_psets_of_an_iterator_that_were_dropped_are_not_asked_for() -> None:
    stream = PsetStream(iter([{"n": n} for n in range(10)]))
    stream.read(10)
    model = CostModel(stream)
    model.observe(range(5), np.ones(5))
    stream.forget(range(5))
    assert model.expected_seconds(range(5, 10)).tolist() == [1.0] * 5


def test_values_whose_code_raises_end_no_survey() -> None:
    class Bad:
        def __hash__(self) -> int:
            raise RuntimeError("no hash")

        def __float__(self) -> float:
            raise RuntimeError("no number")

    psets = [{"n": n, "bad": Bad()} for n in range(10)]
    assert (learned(range(5), psets).expected_seconds(range(10)) > 0).all()


def test_seconds_of_zero_are_no_error() -> None:
    assert (learned(range(5), seconds=np.zeros(40)).expected_seconds(range(5)) > 0).all()
