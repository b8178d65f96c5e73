"""How long the psets of a session's last map took, for the next map of the same function."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from paramsurvey.worker.keywords import KeywordFunction

if TYPE_CHECKING:
    from paramsurvey.engine.dispatch.group_size import Pace
    from paramsurvey.engine.survey import Survey


class LastFunction:
    """The function of the last map, and what its psets were like.

    So a small map of a function that has run before is sent in one or two groups: no single psets are tried
    first. They are after a map in which a pset has failed.
    """

    def __init__(self) -> None:
        self._function: Any = None
        self._pace: Pace | None = None

    def forget(self) -> None:
        """Take note that a map begins, which may not come to its end."""
        self._function = self._pace = None

    def note(self, func: Any, survey: Survey) -> None:
        """Take note of a map that came to its end."""
        progress = survey.progress
        self._function = _own(func)
        self._pace = None if progress.failures or progress.retried else survey.sizer.pace()

    def pace_of(self, func: Any) -> Pace | None:
        """Return what the psets of a function were like; None where that is not known."""
        return self._pace if _is_same(self._function, _own(func)) else None


def _own(func: Any) -> Any:
    """Return the user's own function."""
    return func.__wrapped__ if isinstance(func, KeywordFunction) else func


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether this is the same function; a method is another object each time it is looked up."""
    return one is other or (isinstance(one, MethodType) and one == other)
