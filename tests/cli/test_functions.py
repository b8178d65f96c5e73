"""Python functions as workers."""

from __future__ import annotations

from typing import Any

import pytest

from paramsurvey.cli.command.functions import as_worker, call_by_name
from paramsurvey.cli.errors import BadUsage


def test_a_function_is_called_by_name() -> None:
    def area(width: float, height: float = 2) -> float:
        return width * height

    assert as_worker(area, ["width"]) == (call_by_name, area)
    assert call_by_name({"width": 3}, {}, area) == {"result": 6}
    with pytest.raises(BadUsage, match="does not take"):
        as_worker(area, ["length"])


def test_a_worker_function_is_taken_as_it_is() -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None: ...

    assert as_worker(worker, ["a", "b", "c"]) == (worker, None)
