"""Psets drawn from distributions."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from paramsurvey.params import aligned, choice, grid, integers, loguniform, product, sample, uniform

ENDLESS = ["random", "sobol", "halton"]
METHODS = [*ENDLESS, "latin_hypercube"]
SEED = 3
DRAWN = 20_000  # rows of `one_draw`: more than any part of a sequence that is computed together
UNIT = {"x": uniform(0, 1), "y": uniform(0, 1), "z": uniform(0, 1)}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    if request.param != "random":
        pytest.importorskip("scipy")
    return str(request.param)


@pytest.fixture(params=ENDLESS)
def endless(request: pytest.FixtureRequest) -> str:
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


def test_asking_for_more_extends_the_sequence(endless: str) -> None:
    longest = draw(200, endless, seed=3)
    for n in (0, 1, 10, 64, 199):
        assert draw(n, endless, seed=3) == longest[:n]


def test_a_latin_hypercube_has_one_value_in_each_part() -> None:
    pytest.importorskip("scipy")
    values = sample(50, method="latin_hypercube", x=uniform(0, 50)).to_df()["x"]
    assert sorted(values.astype(int)) == list(range(50))


def test_sobol_does_not_warn_about_lengths() -> None:
    pytest.importorskip("scipy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(100, "sobol")


# ---- by row


def one_draw(method: str) -> NDArray[np.float64]:
    """Return the first `DRAWN` rows of a sequence, in three columns, as numpy and scipy draw them at once."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    if method == "random":
        return generator.random((DRAWN, 3))
    from scipy.stats import qmc

    engine = {"sobol": qmc.Sobol, "halton": qmc.Halton, "latin_hypercube": qmc.LatinHypercube}[method]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(engine(3, seed=generator).random(DRAWN))


def cells(space: Any, rows: Any) -> NDArray[np.float64]:
    return np.column_stack(list(space.columns(rows).values()))


ROWS = st.one_of(
    st.tuples(st.integers(0, DRAWN), st.integers(0, DRAWN)).map(lambda ends: range(min(ends), max(ends))),
    st.lists(st.integers(0, DRAWN - 1), max_size=50).map(lambda rows: np.array(rows, dtype=np.int64)),
    st.integers(1, 300).map(lambda step: np.arange(DRAWN - 1, 0, -step)),
)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_is_that_of_one_draw_in_whatever_order_rows_are_asked_for(method: str) -> None:
    if method != "random":
        pytest.importorskip("scipy")
    expected = one_draw(method)
    space = sample(DRAWN, method=method, seed=SEED, **UNIT)

    @settings(deadline=None, max_examples=50)
    @given(ROWS)
    def compare(rows: Any) -> None:
        assert np.array_equal(cells(space, rows), expected[list(rows)])

    compare()


def test_a_row_far_away_is_that_of_the_sequence(endless: str) -> None:
    row = 1_000_003
    many = sample(10**9, method=endless, seed=SEED, **UNIT)
    assert np.array_equal(cells(many, range(row, row + 3)), expected_at(endless, row))
    assert many[row]["x"] == sample(row + 1, method=endless, seed=SEED, **UNIT)[-1]["x"]


def expected_at(method: str, row: int) -> NDArray[np.float64]:
    generator = np.random.Generator(np.random.PCG64(SEED))
    if method == "random":
        return generator.random((row + 3, 3))[row:]
    from scipy.stats import qmc

    engine = {"sobol": qmc.Sobol, "halton": qmc.Halton}[method](3, seed=generator)
    return np.asarray(engine.fast_forward(row).random(3))


@pytest.mark.parametrize(
    "ask",
    [
        lambda space: space[5],
        lambda space: space[10**6 : 10**6 + 1000],
        lambda space: space.shuffle(1)[:1000],
        lambda space: (space * grid(repeat=range(3)))[10**6 : 10**6 + 1000],
        lambda space: next(iter(space)),
        lambda space: space.columns(np.arange(0, 64 * 100_000, 64)),
    ],
    ids=["one", "neighbours", "scattered", "product", "iteration", "some"],
)
def test_a_sample_of_a_billion_psets_costs_next_to_nothing(endless: str, ask: Callable[[Any], Any]) -> None:
    space = sample(10**9, method=endless, x=uniform(0, 1), k=integers(1, 6))
    ask(sample(2000, method=endless, x=uniform(0, 1)))
    tracemalloc.start()
    try:
        ask(space)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_only_the_recipe_travels(method: str) -> None:
    space = sample(10_000, method=method, x=uniform(0, 1), k=integers(1, 6))
    last = space[9_999]
    sent = pickle.dumps(space)
    assert len(sent) < 1000
    assert pickle.loads(sent)[9_999] == last


def test_threads_may_share_a_sample(endless: str) -> None:
    space = sample(DRAWN, method=endless, seed=SEED, **UNIT)
    expected = one_draw(endless)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            parts = threads.map(lambda i: cells(space, np.arange(i, DRAWN, 500)), range(500))
            for i, part in enumerate(parts):
                assert np.array_equal(part, expected[i::500])
    finally:
        sys.setswitchinterval(interval)


def test_a_worker_needs_neither_pandas_nor_scipy_for_random_numbers() -> None:
    program = (
        "import pickle, sys\n"
        "decoder = pickle.load(sys.stdin.buffer)\n"
        "print(*(pset['n'] for pset in decoder.psets(range(10**8, 10**8 + 5), None)))\n"
        "print({'pandas', 'scipy', 'pyarrow'} & set(sys.modules))\n"
    )
    space = sample(10**9, n=integers(1, 6))
    sent = pickle.dumps(space.decoder())
    output = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=True)
    numbers, loaded = output.stdout.decode().splitlines()
    assert numbers.split() == list(map(str, space[10**8 : 10**8 + 5]["n"]))
    assert loaded == "set()"


class Identity:
    """A distribution of one's own."""

    def at(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        return unit


def test_columns_belong_to_the_caller(method: str) -> None:
    space = sample(100, method=method, x=Identity())
    before = list(space)
    space.columns(range(100))["x"][:] = 7
    assert list(space) == before


def test_a_latin_hypercube_that_does_not_fit_into_memory_says_what_does() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(MemoryError, match=r"as a whole.*another method"):
        sample(2**45, method="latin_hypercube", x=uniform(0, 1))[0]


# ---- a space, and its values


def test_a_sample_is_a_space_like_the_others() -> None:
    space = sample(5, x=uniform(0, 1)) * grid(repeat=range(2))
    assert len(space) == 10
    assert space[4]["x"] == space[5]["x"]
    assert len(sample(0, x=uniform(0, 1)).to_df()) == 0


@pytest.mark.parametrize("rows", [slice(0, 0), slice(3, 3), slice(9, 2)])
@pytest.mark.parametrize("n", [0, 5])
def test_a_dataframe_of_no_rows_has_the_dtypes_of_the_others(n: int, rows: slice) -> None:
    columns = {"kind": choice(["a", "b"]), "x": uniform(0, 1), "k": integers(1, 6), "y": choice([None, [1]])}
    nothing = sample(n, **columns)[rows]
    assert nothing.empty
    assert dict(nothing.dtypes) == dict(sample(20, **columns).to_df().dtypes)
    assert dict(sample(0, **columns).to_df().dtypes) == dict(nothing.dtypes)


def test_a_column_may_be_called_n() -> None:
    assert list(sample(3, n=integers(5, 5))) == [{"n": 5}] * 3


def test_a_list_is_a_choice_and_a_constant_stays_what_it_is() -> None:
    drawn = sample(20, n=["a", "b"], k=[3], c=4.5, name="abc", x=uniform(0, 1))
    assert drawn.to_df().equals(
        sample(
            20, n=choice(["a", "b"]), k=choice([3]), c=choice([4.5]), name=choice(["abc"]), x=uniform(0, 1)
        ).to_df()
    )
    assert {(pset["k"], pset["c"], pset["name"]) for pset in drawn} == {(3, 4.5, "abc")}


def test_columns_can_be_given_in_a_dict_whatever_they_are_called() -> None:
    columns = {"seed": integers(1, 6), "method": ["a", "b"]}
    assert sample(3, columns, seed=4, x=uniform(0, 1)).names == ("seed", "method", "x")
    assert sample(3, {"x": uniform(0, 1)}).to_df().equals(sample(3, x=uniform(0, 1)).to_df())
    with pytest.raises(ValueError, match="'x' is both in the dict and a keyword"):
        sample(3, {"x": 1}, x=2)


@pytest.mark.parametrize("name", ["method", "seed"])
def test_a_column_cannot_be_called_like_an_argument(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is an argument of sample.*can be given in a dict"):
        sample(3, x=uniform(0, 1), **{name: integers(1, 6)})  # type: ignore[arg-type]


def test_every_method_can_draw_nothing(method: str) -> None:
    assert draw(0, method) == []


def test_integers_may_be_few_or_many() -> None:
    assert {pset["k"] for pset in sample(20, k=integers(3, 3))} == {3}
    large = sample(100, k=integers(-(2**40), 2**40)).to_df()["k"]
    assert large.between(-(2**40), 2**40).all()
    assert large.nunique() == 100
    assert sample(5, k=integers(2**63 - 1, 2**63 - 1)).to_df()["k"].eq(2**63 - 1).all()


def test_integers_may_be_as_many_as_a_float_tells_apart() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for low in (-(2**63), -(2**52), 0, 2**63 - 2**53):
            values = sample(1000, k=integers(low, low + 2**53 - 1)).to_df()["k"]
            assert values.between(low, low + 2**53 - 1).all()
            assert 0.45 < (values - low).mean() / 2**53 < 0.55
            assert {value % 2 for value in values} == {0, 1}


@pytest.mark.parametrize("drawer", [integers(1, 9), choice(range(1, 10)), uniform(1, 9), loguniform(1, 9)])
def test_the_ends_of_the_unit_interval_are_those_of_a_distribution(drawer: Any) -> None:
    assert drawer.at(np.array([0.0, 1.0])).tolist() == [1, 9]


def test_ends_may_be_numbers_of_numpy() -> None:
    values = sample(1000, k=integers(np.int8(-100), np.int8(100)), x=uniform(np.int8(-100), np.int8(100)))
    assert values.to_df().abs().max().between(90, 100).all()
    assert type(values[0]["k"]) is int


def test_a_choice_may_be_among_anything() -> None:
    options = [None, [1, 2], 3]
    assert {repr(pset["x"]) for pset in sample(50, x=choice(options))} == {"None", "[1, 2]", "3"}
    assert type(sample(1, x=choice(range(10)))[0]["x"]) is int


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(1, 0), "the lower one first"),
        (lambda: uniform(0, float("inf")), "finite"),
        (lambda: uniform(0, 10**400), "finite"),
        (lambda: uniform(-1.7e308, 1.7e308), "wider than a float can be: give ends that are closer"),
        (lambda: loguniform(0, 1), "above 0"),
        (lambda: loguniform(1, 10**400), "finite"),
        (lambda: integers(2, 1), "the lower one first"),
        (lambda: integers(0, 2**70), r"64 bits: give ends from -2\*\*63 to 2\*\*63 - 1"),
        (lambda: integers(-(2**63) - 1, 0), "64 bits"),
        (lambda: integers(-(2**63), 2**63 - 1), r"more than 2\*\*53 values.*closer"),
        (lambda: integers(0, 2**53), "params.add_seed"),
        (lambda: choice([]), "at least one value"),
        (lambda: choice("abc"), r"write \['abc'\]"),
        (lambda: sample(-1, x=uniform(0, 1)), "0 or more"),
        (lambda: sample(2**62 + 1, x=uniform(0, 1)), "at most 4,611,686,018,427,387,904 psets.*fewer"),
        (lambda: sample(2**30 + 1, method="sobol", x=uniform(0, 1)), "at most 1,073,741,824.*another method"),
        (lambda: sample(5, x={1, 2}), "'x' needs a list of values and has a set"),
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
    with pytest.raises(TypeError, match=r"give two whole numbers, or use uniform"):
        integers(0.5, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [2.5, "3", None])
def test_a_sample_has_a_whole_number_of_psets(n: Any) -> None:
    with pytest.raises(TypeError, match=r"a whole number of psets, not .*: write sample\(100, \.\.\.\)"):
        sample(n, x=uniform(0, 1))


@pytest.mark.parametrize("make", [grid, aligned, product])
@pytest.mark.parametrize("distribution", [uniform(0, 1), choice([1, 2])])
def test_an_axis_that_is_a_distribution_is_told_of_sample(make: Any, distribution: Any) -> None:
    with pytest.raises(ValueError, match=r"draw from it with params\.sample\(n, x=\.\.\.\)"):
        make(x=distribution)


def test_a_number_of_psets_that_is_given_by_name_is_a_column_and_the_error_says_what_is_missing() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'number_of_psets'"):
        sample(n=5, x=uniform(0, 1))  # type: ignore[call-arg]
    assert set(sample(5, n=[1, 2])[0]) == {"n"}


@pytest.mark.parametrize("make", [grid, aligned])
def test_a_function_as_where_is_told_of_the_method(make: Any) -> None:
    with pytest.raises(ValueError, match=r"'where' needs .* a function: .* \.where\(function\) after"):
        make(x=[1, 2], where=lambda pset: pset["x"] > 1)


def test_without_scipy_a_method_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    assert len(sample(5, x=uniform(0, 1))) == 5
    with pytest.raises(ImportError, match=r"pip install 'paramsurvey\[sample\]'"):
        sample(5, method="sobol", x=uniform(0, 1))
