"""Whose session the module's functions work on: the program's, or that of a worker function that runs in it.

In a worker process, `paramsurvey.map` has a default session of its own. So it has where the function runs in
the program's own process, serially or in a thread: a survey does the same on every backend.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from paramsurvey.errors import SurveyDuringImport

PACKAGE = __name__.partition(".")[0]


class SessionHolder:
    """Where a default session is kept.

    Attributes
    ----------
    session : Session, optional
    cut_short : Session, optional
        The last one, when it was closed while it ran a map: its results can still be asked for.
    """

    def __init__(self) -> None:
        self.session: Any = None
        self.cut_short: Any = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be what this thread finds with `session_holder`."""
        before = getattr(_here, "home", PROGRAM)
        _here.home = self
        try:
            yield
        finally:
            _here.home = before

    def close(self) -> None:
        """Close the session, if there is one."""
        session, self.session = self.session, None
        if session is not None:
            self.cut_short = session if session.runs_a_map else None
            session.close()


PROGRAM = SessionHolder()
_here = threading.local()


def session_holder() -> SessionHolder:
    """Return where the code that runs now has its default session."""
    found: SessionHolder = getattr(_here, "home", PROGRAM)
    return found


def runs_a_pset() -> bool:
    """Tell whether a worker function runs in this thread, beside the program that surveys."""
    return session_holder() is not PROGRAM


@contextmanager
def own_session_holder() -> Iterator[None]:
    """Enter a home for a while, and close it afterwards."""
    own = SessionHolder()
    try:
        with own.entered():
            yield
    finally:
        own.close()


# no survey while a worker imports the user's modules


@contextmanager
def loading() -> Iterator[None]:
    """Load what the user has sent: what it imports in this thread must not survey."""
    before = getattr(_here, "loading", False)
    _here.loading = True
    try:
        yield
    finally:
        _here.loading = before


def refuse_while_loading() -> None:
    """Refuse to survey for a module that is being imported by a worker: its workers would import it, too.

    Raises
    ------
    SurveyDuringImport
        Naming the line that has to move.
    """
    if not getattr(_here, "loading", False):
        return
    frame = _importing_frame(sys._getframe())
    raise SurveyDuringImport(
        f"line {frame.f_lineno} of {frame.f_code.co_filename} (module {frame.f_globals.get('__name__')!r}) "
        "surveys while a worker imports it, which would start workers without end: "
        "put it below `if __name__ == '__main__':`, or into a function"
    )


def _importing_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame that runs a module of the user's; without any, that of the caller."""
    users = [
        one for one in _outwards(frame) if one.f_globals.get("__name__", "").partition(".")[0] != PACKAGE
    ]
    return next((one for one in users if one.f_code.co_name == "<module>"), users[0] if users else frame)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
