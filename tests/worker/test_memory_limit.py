"""A worker knows when it has held more memory than it may."""

from __future__ import annotations

import pytest

from paramsurvey.worker import memory_limit
from paramsurvey.worker.memory_limit import MemoryLimit


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have this process hold as many bytes as the last item says."""
    held = [100]
    monkeypatch.setattr(memory_limit, "used_memory", lambda: held[-1])
    return held


def exceeded(limit: MemoryLimit) -> bool:
    limit.check()
    return limit.was_exceeded


def test_more_than_the_limit_exceeds_it_and_the_limit_itself_does_not(held: list[int]) -> None:
    assert not exceeded(MemoryLimit(100))
    assert exceeded(MemoryLimit(99))


def test_without_a_limit_nothing_exceeds_it(held: list[int]) -> None:
    assert not exceeded(MemoryLimit(None))


def test_what_was_exceeded_stays_so_when_memory_is_given_back(held: list[int]) -> None:
    limit = MemoryLimit(50)
    assert exceeded(limit)
    held.append(10)
    assert exceeded(limit)
