"""The labels of an axis where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from paramsurvey.plotting.short_labels import short_labels
from paramsurvey.views.columns.axes import Axis, Range


def axis_of(values: Sequence[Any]) -> Axis:
    return Axis("a", tuple(values), np.ones(len(values), dtype=np.int64), True)


def ranges(*ends: Any) -> list[Range]:
    return [Range(low, high) for low, high in pairwise(ends)]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.830925, 0.912345], ["0.830925", "0.912345"]),
        (ranges(7.4998e-33, 0.0492022, 0.830925, 1.0), ["0", "0.0492", "0.831"]),
        (ranges(1.00012, 1.00034, 1.00056), ["1.0001", "1.0003"]),
        (ranges(-0.25, 1e-17, 0.25), ["-0.25", "0"]),
        (ranges(1000, 2000, 3000), ["1000", "2000"]),
        (ranges(float("-inf"), 0.1234567, 1.0), ["-inf", "0.123"]),
        (ranges(10**400, 2 * 10**400, 3 * 10**400), ["1.00e+400", "2.00e+400"]),
    ],
)
def test_ends_of_ranges_have_the_digits_that_tell_them_apart(values: list[Any], labels: list[str]) -> None:
    assert short_labels(axis_of(values), 9) == labels
