"""A directory of parts that one process adds to and keeps short."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from paramsurvey.checkpoint.doubles import rows_that_count
from paramsurvey.checkpoint.format.part_files import (
    TOKEN,
    Part,
    live_parts,
    merge,
    read_part,
    worth_merging,
    write_part,
)


class NotOurs(Exception):
    """Another program has the directory now."""


class PartSet:
    """The parts in a directory, of which this process is the only writer.

    What was left behind by a process that was killed is cleared away. One thread may add while
    another one merges.

    Parameters
    ----------
    directory : Path
    writer : str, optional
        A token that no other writer has; the names of the parts have its beginning.
    may_write : callable, optional
        Asked before each write whether the directory is still ours.
    """

    def __init__(
        self, directory: Path, writer: str = "", may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._directory = directory
        self._writer = (writer or uuid.uuid4().hex)[:TOKEN]
        self._may_write = may_write
        directory.mkdir(exist_ok=True)
        self._parts, stale = live_parts(directory)
        for path in [*(part.path for part in stale), *directory.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
        self._next = 1 + max((part.last for part in self._parts), default=0)
        self._lock = threading.Lock()

    def drop_missing(self) -> None:
        """Forget the parts whose files are gone: damaged ones are set aside."""
        with self._lock:
            self._parts = [part for part in self._parts if part.path.exists()]

    def rows(self) -> int:
        """Return how many rows all parts have together."""
        with self._lock:
            return sum(part.rows for part in self._parts)

    def write_doubles_once(self) -> int | None:
        """Write again, each pset once, what two programs have written at the same time.

        Return how many rows were there twice, None where one program alone has written.
        """
        kept = rows_that_count(self._parts)
        if not kept:
            return None
        old = [part for part in self._parts if part.path in kept]
        for part in old:
            counts = kept[part.path]
            if counts.any():
                self.add(read_part(part).take(np.flatnonzero(counts)).arrow)
        for part in old:
            part.path.unlink(missing_ok=True)
        self.drop_missing()
        return sum(int((~counts).sum()) for counts in kept.values())

    def add(self, table: Any) -> None:
        """Write some rows; they are durable when it returns.

        Raises
        ------
        NotOurs
            Another program has the directory now; nothing was written.
        """
        if not self._may_write():
            raise NotOurs
        part = write_part(self._directory, table, self._next, self._next, self._writer)
        self._next += 1
        with self._lock:
            self._parts.append(part)

    def merge(self, go_on: Callable[[], bool]) -> bool:
        """Merge some parts when there are too many; return whether that was the case."""
        with self._lock:
            chosen = self._worth_merging()
        ours = bool(chosen) and self._may_write()
        merged = merge(self._directory, chosen, self._writer, go_on) if ours else None
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
