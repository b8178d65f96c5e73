"""Times as people read them."""

from __future__ import annotations

import pytest

from paramsurvey.reporting.humanize import duration


@pytest.mark.parametrize("seconds", [0.0, 59.9, 59.99, 3599.7, 86399.9])
def test_no_duration_is_rounded_to_60_of_anything(seconds: float) -> None:
    assert "60" not in duration(seconds)
    assert "24 h" not in duration(seconds)
