"""What the loop notifies: a watcher of what happens, and the receiver of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from paramsurvey.engine.progress import MapProgress
from paramsurvey.transport.messages import Failure, Pset, Rows


class Watcher(Protocol):
    """Is told what happens in the loop."""

    def report(self, progress: MapProgress) -> None:
        """Take note of the counters. Called after every action, so it must be fast.

        An exception that it raises ends the map.
        """
        ...

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None:
        """Take note of a pset that will not get a result."""
        ...

    def retried(self, row: int, failure: Failure) -> None:
        """Take note of a pset that failed and will be run again."""
        ...

    def acted(self, what: str, rows: Callable[[], Rows]) -> None:
        """Take note of what happened to psets: ``sent``, ``finished`` or ``given back``.

        Called for every group, so it must be fast: `rows` is a function, and tells which psets they are.
        """
        ...

    def interruptible(self) -> AbstractContextManager[None]:
        """Let signals raise at once while the user's own iterator is read, since that may block."""
        ...


class ResultReceiver(Protocol):
    """Passes results and failures to the user's out_func."""

    def finished(self, pset: Pset, result: Mapping[Any, Any]) -> bool:
        """Pass on a result; return False if out_func raised an exception."""
        ...

    def failed(self, pset: Pset, failure: Failure) -> bool:
        """Pass on a failure; return False if out_func raised an exception."""
        ...
