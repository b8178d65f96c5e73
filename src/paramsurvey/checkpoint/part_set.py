"""A directory of parts that one process adds to, and merges so that they stay few."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from paramsurvey.checkpoint.duplicates import rows_that_count
from paramsurvey.checkpoint.format.part_files import (
    TOKEN_LENGTH,
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
    """The parts in a directory to which only this process writes.

    It clears away what a killed process has left behind. One thread may add parts while another merges them.

    Parameters
    ----------
    directory : Path
    writer : str, optional
        A token that no other writer has. The names of the parts contain its beginning.
    may_write : callable, optional
        Called before each write, to ask whether the directory is still ours.
    """

    def __init__(
        self, directory: Path, writer: str = "", may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._directory = directory
        self._writer = (writer or uuid.uuid4().hex)[:TOKEN_LENGTH]
        self._may_write = may_write
        directory.mkdir(exist_ok=True)
        self._parts, stale = live_parts(directory)
        for path in [*(part.path for part in stale), *directory.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
        self._next = 1 + max((part.last for part in self._parts), default=0)
        self._lock = threading.Lock()

    def drop_missing(self) -> None:
        """Forget the parts whose files are gone, as those of damaged parts are once they are set aside."""
        with self._lock:
            self._parts = [part for part in self._parts if part.path.exists()]

    def rows(self) -> int:
        """Return how many rows all parts have together."""
        with self._lock:
            return sum(part.rows for part in self._parts)

    def drop_duplicates(self) -> int | None:
        """Rewrite what two programs have written at the same time, with each pset only once.

        Return how many rows were left out, or None if only one program has written.
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
        """Write some rows, which are durable when this returns.

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
        """Merge some parts if there are too many; return whether any were merged."""
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
