"""How long the psets of a session's last map took, for the next map of the same function."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from paramsurvey.worker.keywords import KeywordFunction

if TYPE_CHECKING:
    from paramsurvey.engine.survey import Survey


class LastFunction:
    """The function of a session's last map, and how long its psets took.

    The next map of the same function can then begin with groups, and need not try single psets first. After a
    map in which a pset failed, the time is not remembered.
    """

    def __init__(self) -> None:
        self._function: Any = None
        self._seconds: float | None = None

    def forget(self) -> None:
        """Forget the last map because another begins, which may not come to its end."""
        self._function = self._seconds = None

    def remember(self, func: Any, survey: Survey) -> None:
        """Remember a map that came to its end."""
        progress = survey.progress
        self._function = _unwrapped(func)
        has_failures = progress.failures or progress.retried
        self._seconds = None if has_failures else survey.sizer.measured_seconds

    def seconds_of(self, func: Any) -> float | None:
        """Return how many seconds a pset of a function took; None if that is not known."""
        return self._seconds if _is_same(self._function, _unwrapped(func)) else None


def _unwrapped(func: Any) -> Any:
    """Return the user's own function, without the wrapper of `keywords`."""
    return func.__wrapped__ if isinstance(func, KeywordFunction) else func


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether this is the same function; a bound method is a new object each time it is looked up."""
    return one is other or (isinstance(one, MethodType) and one == other)
