"""`paramsurvey.map` inside a worker function: which default session it uses, and when it is refused.

A worker function that calls `paramsurvey.map` never uses the program's default session. A worker process has
its own. If the function runs in the program's process, serially or in a thread, this module gives it a
default session of its own, so that a survey does the same on every backend.
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
    """Holds the default session of the program, or of a worker function.

    Attributes
    ----------
    session : Session, optional
    closed_during_map : Session, optional
        The last session, if it was closed while it ran a map, because its results can still be asked for.
    """

    def __init__(self) -> None:
        self.session: Any = None
        self.closed_during_map: Any = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make `session_holder` return this object in the current thread."""
        before = getattr(_thread, "holder", PROGRAM)
        _thread.holder = self
        try:
            yield
        finally:
            _thread.holder = before

    def close(self) -> None:
        """Close the session, if there is one."""
        session, self.session = self.session, None
        if session is not None:
            self.closed_during_map = session if session.runs_a_map else None
            session.close()


PROGRAM = SessionHolder()
_thread = threading.local()


def session_holder() -> SessionHolder:
    """Return the holder of the default session for the code that runs in this thread now."""
    holder: SessionHolder = getattr(_thread, "holder", PROGRAM)
    return holder


def runs_a_pset() -> bool:
    """Tell whether this thread runs a worker function in the program's own process."""
    return session_holder() is not PROGRAM


@contextmanager
def own_session_holder() -> Iterator[None]:
    """Use a new default session in this thread, and close it at the end."""
    own = SessionHolder()
    try:
        with own.entered():
            yield
    finally:
        own.close()


# no survey while a worker imports the user's modules


@contextmanager
def loading() -> Iterator[None]:
    """Refuse surveys in this thread while it imports the user's modules; see `refuse_while_loading`."""
    before = getattr(_thread, "loading", False)
    _thread.loading = True
    try:
        yield
    finally:
        _thread.loading = before


def refuse_while_loading() -> None:
    """Refuse a survey in a module that a worker is importing: its own workers would import the module, too.

    Raises
    ------
    SurveyDuringImport
        Names the line that the user has to move.
    """
    if not getattr(_thread, "loading", False):
        return
    frame = _importing_frame(sys._getframe())
    raise SurveyDuringImport(
        f"line {frame.f_lineno} of {frame.f_code.co_filename} (module {frame.f_globals.get('__name__')!r}) "
        "surveys while a worker imports it, which would start workers without end: "
        "put it below `if __name__ == '__main__':`, or into a function"
    )


def _importing_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame that imports one of the user's modules, else the user's innermost frame."""
    users = [
        outer
        for outer in _outwards(frame)
        if outer.f_globals.get("__name__", "").partition(".")[0] != PACKAGE
    ]
    modules = (user for user in users if user.f_code.co_name == "<module>")
    return next(modules, users[0] if users else frame)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
