"""Axes that are combined, paired up, or drawn from."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_syntax import DistributionCall, parse_axes
from paramsurvey.cli.psets.pset_files import read_psets
from paramsurvey.cli.psets.space import Sampling, make_space


def test_a_billion_integers_cost_nothing() -> None:
    space = make_space(parse_axes(["a=1:1000000000", "b=0:9"]))
    assert len(space) == 10_000_000_000
    assert space[-1] == {"a": 1_000_000_000, "b": 9}


def test_axes_are_crossed_or_side_by_side() -> None:
    axes = parse_axes(["a=1,2", "b=x,y"])
    assert len(make_space(axes)) == 4
    assert list(make_space(axes, zipped=["*"])) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    constant = parse_axes(["a=1,2", "b=x"])
    assert list(make_space(constant, zipped=["*"]))[1] == {"a": 2, "b": "x"}
    with pytest.raises(BadUsage, match="a has 2, b has 3"):
        make_space(parse_axes(["a=1,2", "b=1,2,3"]), zipped=["*"])


def test_zip_without_values_to_put_side_by_side_is_refused(in_tmp: Path) -> None:
    Path("t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadUsage, match=r"there is no -p: leave --zip out"):
        make_space({}, [read_psets("t.csv")], zipped=["*"])


def test_samples_are_drawn_from_distributions_and_lists() -> None:
    axes = parse_axes(["x=uniform(0,1)", "k=integers(1,3)", "r=loguniform(1e-3,1)", "c=choice(p,q)", "d=7,8"])
    assert axes["x"] == DistributionCall("uniform", (0, 1))
    psets = list(make_space(axes, sampling=Sampling(64, "sobol", 1)))
    assert len(psets) == 64
    assert all(0 <= pset["x"] <= 1 and 1e-3 <= pset["r"] <= 1 for pset in psets)
    assert {pset["k"] for pset in psets} == {1, 2, 3}
    assert {pset["c"] for pset in psets} == {"p", "q"}
    assert {pset["d"] for pset in psets} == {7, 8}


def test_parameters_may_be_called_like_arguments_of_sample() -> None:
    axes = parse_axes(["n=1,2", "method=uniform(0,1)", "seed=5"])
    assert [pset["seed"] for pset in make_space(axes, sampling=Sampling(3))] == [5, 5, 5]


def test_a_distribution_needs_a_sample() -> None:
    with pytest.raises(BadUsage, match="--sample"):
        make_space(parse_axes(["x=uniform(0,1)"]))
    with pytest.raises(BadUsage, match="lower one first"):
        make_space(parse_axes(["x=uniform(1,0)"]), sampling=Sampling(3))


def test_a_table_is_crossed_with_the_axes(in_tmp: Path) -> None:
    Path("t.csv").write_text("a,code\n1,007\n2,NA\n")
    psets = list(make_space(parse_axes(["b=5,6"]), [read_psets("t.csv")]))
    assert psets[1:3] == [{"a": 1, "code": "007", "b": 6}, {"a": 2, "code": "NA", "b": 5}]
