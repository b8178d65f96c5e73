"""Python functions as workers."""

from __future__ import annotations

from typing import Any

import pytest

from paramsurvey import keywords
from paramsurvey.cli.command.functions import as_worker
from paramsurvey.cli.errors import BadUsage


def test_a_function_is_called_by_name() -> None:
    def area(width: float, height: float = 2) -> float:
        return width * height

    worker = as_worker(area, ["width"])
    assert repr(worker) == "<keywords(area)>"
    assert worker(width=3) == 6
    with pytest.raises(BadUsage, match="needs 'width', which the psets do not have"):
        as_worker(area, ["length"])
    with pytest.raises(BadUsage, match="has no parameter 'depth'"):
        as_worker(area, ["width", "depth"])


def test_a_function_for_keywords_is_taken_as_it_is() -> None:
    @keywords(result="loss")
    def train(rate: float) -> float:
        return rate

    assert as_worker(train, ["rate"]) is train


def test_a_worker_function_is_taken_as_it_is() -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None: ...

    assert as_worker(worker, ["a", "b", "c"]) is worker


def test_a_mistake_in_one_of_three_names_is_no_worker_function() -> None:
    def model(x: float, y: float, z: float) -> float:
        return x + y + z

    assert repr(as_worker(model, ["x", "y", "z"])) == "<keywords(model)>"
    with pytest.raises(BadUsage, match="needs 'z', which the psets do not have, and does not take 'zz'"):
        as_worker(model, ["x", "y", "zz"])
