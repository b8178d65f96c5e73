"""Seconds of psets that share those of a batch: like an array, in less memory."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.transport.even_seconds import EvenSeconds

RUNS = st.lists(st.tuples(st.integers(1, 5), st.floats(0, 10)), max_size=6)


@given(runs=RUNS, start=st.integers(0, 30), stop=st.integers(0, 30))
def test_it_behaves_like_the_array_of_all_seconds(
    runs: list[tuple[int, float]], start: int, stop: int
) -> None:
    even, plain = EvenSeconds(runs), [seconds for count, seconds in runs for _ in range(count)]
    assert len(even) == len(plain)
    assert list(even) == plain
    assert np.asarray(even).tolist() == plain
    assert list(even[start:stop]) == plain[start:stop]
    assert np.isclose(even.total(), sum(plain))
    assert list(pickle.loads(pickle.dumps(even))) == plain
    if plain:
        places = np.arange(len(plain))
        assert even.at(places).tolist() == plain
    del even[start:stop], plain[start:stop]
    assert list(even) == plain
