"""What only some backends can do, and the tests that are for these alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])
_NEEDS = "paramsurvey_needs"  # an attribute of such a test


def needs(*traits: str) -> Callable[[Test], Test]:
    """Mark a test that is for backends with these traits: attributes of `BackendContract`."""

    def mark(test: Test) -> Test:
        setattr(test, _NEEDS, traits)
        return test

    return mark


def needed(test: Callable[..., Any]) -> tuple[str, ...]:
    """Return the traits that a test needs."""
    found: tuple[str, ...] = getattr(test, _NEEDS, ())
    return found
