"""Waiting for what other processes do, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest

GRACE = 10.0  # seconds in which a process or thread that was told to end must have ended


def wait_until(
    condition: Callable[[], object], otherwise: str | Callable[[], str], seconds: float = GRACE
) -> None:
    """Return when `condition` holds; fail with the message `otherwise` when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(otherwise if isinstance(otherwise, str) else otherwise())
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that has ended does not, though PID 1 may wait for it late."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
