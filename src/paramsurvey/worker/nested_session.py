"""Whose session the module's functions work on: the program's, or that of a worker function that runs in it.

In a worker process, `paramsurvey.map` has a default session of its own. So it has where the function runs in
the program's own process, serially or in a thread: a survey does the same on every backend.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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


@contextmanager
def own_session_holder() -> Iterator[None]:
    """Enter a home for a while, and close it afterwards."""
    own = SessionHolder()
    try:
        with own.entered():
            yield
    finally:
        own.close()
