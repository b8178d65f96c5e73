"""Options that are more than a number."""

from __future__ import annotations

from typing import Any

import click
import pytest

from paramsurvey.cli.control.limits import NEVER, Halt, Timeout
from paramsurvey.cli.options.types import DELAY, HALTING, JOBS, LOAD, SIZE_OF_MEMORY, TIMEOUT
from paramsurvey.worker.machine import core_count


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (TIMEOUT, "90", Timeout(90)),
        (TIMEOUT, "1h30m", Timeout(5400)),
        (TIMEOUT, "1h30", Timeout(3630)),
        (TIMEOUT, "1.5m.5", Timeout(90.5)),
        (TIMEOUT, "200%", Timeout(None, 2)),
        (TIMEOUT, 0.5, Timeout(0.5)),
        (DELAY, "250ms", 0.25),
        (SIZE_OF_MEMORY, "2G", 2 << 30),
        (SIZE_OF_MEMORY, "500MiB", 500 << 20),
        (JOBS, "-1", -1),
        (JOBS, "100%", core_count()),
        (JOBS, "1%", 1),
        (JOBS, "+1", core_count() + 1),
        (LOAD, "1.5", 1.5),
        (HALTING, "now,fail=1", Halt(True, "fail", 1)),
        (HALTING, "soon,fail=10%", Halt(False, "fail", 10, True)),
        (HALTING, "never", NEVER),
        (HALTING, "0", NEVER),
    ],
)
def test_values(option: click.ParamType, text: Any, value: Any) -> None:
    assert option.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (TIMEOUT, "0"),
        (TIMEOUT, "soon"),
        (TIMEOUT, ""),
        (TIMEOUT, 40 * "1" + "x"),
        (JOBS, 5000 * "9"),
        (SIZE_OF_MEMORY, 400 * "9"),
        (JOBS, "two"),
        (SIZE_OF_MEMORY, "1x"),
        (HALTING, "fail=1"),
        (LOAD, "%"),
    ],
)
def test_what_is_no_value_is_told_how_to_write_it(option: click.ParamType, text: str) -> None:
    with pytest.raises(click.BadParameter, match="write it like"):
        option.convert(text, None, None)
