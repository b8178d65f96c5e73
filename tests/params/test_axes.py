"""The values of one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paramsurvey.params.axes import are_distinct

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "distinct"),
    [
        ([3, 1, 2], True),
        ([2, 1, 2], False),
        ([0.5, NAN, 1.5], True),
        ([NAN, 0.5, NAN], False),
        ([0.0, -0.0], False),
        (["a", "b"], True),
        (["b", "a", "b"], False),
        (np.array(["2020-01-01", "NaT", "NaT"], dtype="datetime64[s]"), False),
        ([1j, 2j], True),
        ([], True),
    ],
)
def test_values_are_distinct_if_each_occurs_once(values: Any, distinct: bool) -> None:
    assert are_distinct(np.array(values)) is distinct
