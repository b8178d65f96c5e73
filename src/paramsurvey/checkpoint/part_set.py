"""A directory of parts that one process adds to and keeps short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.format.part_files import Part, live_parts, merge, worth_merging, write_part


class PartSet:
    """The parts in a directory, of which this process is the only writer.

    What was left behind by a process that was killed is cleared away. One thread may add while
    another one merges.

    Parameters
    ----------
    directory : Path
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(exist_ok=True)
        self._parts, stale = live_parts(directory)
        for path in [*(part.path for part in stale), *directory.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
        self._next = 1 + max((part.last for part in self._parts), default=0)
        self._lock = threading.Lock()

    def drop_missing(self) -> None:
        """Forget the parts that somebody has set aside."""
        with self._lock:
            self._parts = [part for part in self._parts if part.path.exists()]

    def rows(self) -> int:
        """Return how many rows all parts have together."""
        with self._lock:
            return sum(part.rows for part in self._parts)

    def add(self, table: Any) -> None:
        """Write some rows; they are durable when it returns."""
        part = write_part(self._directory, table, self._next, self._next)
        self._next += 1
        with self._lock:
            self._parts.append(part)

    def merge(self, go_on: Callable[[], bool]) -> bool:
        """Merge some parts when there are too many; return whether that was the case."""
        with self._lock:
            chosen = self._worth_merging()
        merged = merge(self._directory, chosen, go_on) if chosen else None
        if merged is None:
            return False
        with self._lock:
            start = self._parts.index(chosen[0])
            self._parts[start : start + len(chosen)] = [merged]
        return True

    def _worth_merging(self) -> list[Part]:
        spans = [part.last - part.first + 1 for part in self._parts]
        chosen = worth_merging(spans, [part.size for part in self._parts])
        return [] if chosen is None else self._parts[chosen]
