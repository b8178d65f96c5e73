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
    map in which a pset has failed, nothing is remembered.
    """

    def __init__(self) -> None:
        self._function: Any = None
        self._seconds: float | None = None

    def forget(self) -> None:
        """Take note that a map begins, which may not come to its end."""
        self._function = self._seconds = None

    def note(self, func: Any, survey: Survey) -> None:
        """Take note of a map that came to its end."""
        progress = survey.progress
        self._function = _own(func)
        has_failures = progress.failures or progress.retried
        self._seconds = None if has_failures else survey.sizer.measured_seconds

    def seconds_of(self, func: Any) -> float | None:
        """Return the seconds that a pset of a function took; None where that is not known."""
        return self._seconds if _is_same(self._function, _own(func)) else None


def _own(func: Any) -> Any:
    """Return the user's own function, without what `keywords` has put around it."""
    return func.__wrapped__ if isinstance(func, KeywordFunction) else func


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether this is the same function; a method is another object each time it is looked up."""
    return one is other or (isinstance(one, MethodType) and one == other)
