"""Psets that come later: an iterator that has none now says so, or is read in a thread of its own."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from enum import Enum
from typing import Any, Final

from paramsurvey.transport.threads import start_thread

AHEAD = 1_000  # psets to read before the survey asks for them
PAUSE_SECONDS = 0.01  # before an iterator that had no pset is asked again


class NotYet(Enum):
    """What an iterator of psets yields, as ``params.NOT_YET``, when it has none now but may have one later.

    The survey goes on with the psets that it has, and asks again after a hundredth of a second, or when a
    result has come. It is not a pset, and gets no row. With ``pset_types='column'``, all psets are read
    before the first one runs, so that none can depend on a result.

    Examples
    --------
    A generator that proposes the next pset only once there is a result for the last one:

    >>> import paramsurvey
    >>> from paramsurvey import params
    >>> results = {}
    >>> def ask():
    ...     for x in (1, 2, 3):
    ...         yield {"x": x}
    ...         while x not in results:
    ...             yield params.NOT_YET
    >>> with paramsurvey.Session(backend="serial") as session:
    ...     for row in session.imap_unordered(lambda pset, *_: {"y": pset["x"] ** 2}, ask(), verbose=0):
    ...         results[row["x"]] = row["y"]
    >>> results
    {1: 1, 2: 4, 3: 9}
    """

    NOT_YET = "not yet"

    def __repr__(self) -> str:
        return "paramsurvey.params.NOT_YET"


NOT_YET: Final = NotYet.NOT_YET


def in_background(psets: Iterable[Any], ahead: int = AHEAD) -> Generator[Any]:
    """Read psets in a thread of their own, so that a survey goes on while they are waited for.

    A survey reads an iterator in the thread that called `map`, and does nothing else meanwhile: it takes no
    results and enforces no `timeout`. If psets come from a queue, a pipe or a network, and may be a long time
    coming, pass them through this function first.

    Parameters
    ----------
    psets : iterable of dicts
        Read in another thread, with the caller's context variables. What must stay in the thread where it was
        made, such as a sqlite3 connection, cannot be read like this. Whatever changes psets on their way goes
        inside: ``in_background({**pset, "n": 1} for pset in psets)``.
    ahead : int, optional
        How many psets are read, at most, before the survey asks for them; 1,000 by default.

    Returns
    -------
    generator
        Yields the same psets in the same order, and `NOT_YET` whenever the next one has not come. It raises
        whatever `psets` raises. If a survey ends earlier and nobody keeps the generator, nothing more is
        read, and what was read ahead is lost, as is the pset that the thread is waiting for. A generator that
        is kept can be given to the next map.

    Raises
    ------
    ValueError
        `ahead` is not at least 1.

    Examples
    --------
    >>> import queue
    >>> import paramsurvey
    >>> from paramsurvey import params
    >>> work = queue.Queue()
    >>> for x in (1, 2, None):  # from other threads, while the survey runs
    ...     work.put(x)
    >>> psets = ({"x": x} for x in iter(work.get, None))
    >>> with paramsurvey.Session(backend="serial") as session:
    ...     results = session.map(lambda pset, *_: {"y": -pset["x"]}, params.in_background(psets), verbose=0)
    >>> list(results.y)
    [-1, -2]
    """
    if ahead < 1:
        raise ValueError(f"ahead={ahead!r} is less than one pset: give 1 or more")
    return _read_in_thread(iter(psets), ahead)


def _read_in_thread(psets: Iterator[Any], ahead: int) -> Generator[Any]:
    reader = _Reader(psets, ahead)
    context = contextvars.copy_context()
    name = "paramsurvey: reads psets"
    start_thread(threading.Thread(target=context.run, args=(reader.read,), name=name, daemon=True))
    try:
        while True:
            pset = reader.next_pset()
            if pset is _END:
                break
            yield pset
    finally:
        reader.stop()
    if reader.error is not None:
        raise reader.error


_END: Final = object()


class _Reader:
    """Reads psets in one thread, and hands them to another."""

    def __init__(self, psets: Iterator[Any], ahead: int) -> None:
        self._psets = psets
        self._read: deque[Any] = deque()
        self._room = threading.Semaphore(ahead)
        self._stopped = False
        self.error: BaseException | None = None

    def read(self) -> None:
        """Read to the end, or until nobody wants more."""
        try:
            while self._has_room():
                pset = next(self._psets, _END)
                self._read.append(pset)
                if pset is _END:
                    return
        except BaseException as error:
            self.error = error
            self._read.append(_END)

    def _has_room(self) -> bool:
        self._room.acquire()
        return not self._stopped

    def next_pset(self) -> Any:
        """Return the next pset; `NOT_YET` if it has not come; `_END` if there are no more."""
        try:
            pset = self._read.popleft()
        except IndexError:
            return NOT_YET
        self._room.release()
        return pset

    def stop(self) -> None:
        """Stop the thread after the pset that it is waiting for."""
        self._stopped = True
        self._room.release()


def without_pauses(psets: Iterable[Any]) -> Iterator[Any]:
    """Yield psets without any `NOT_YET`: wait for each of them instead."""
    for pset in psets:
        if pset is NOT_YET:
            time.sleep(PAUSE_SECONDS)
        else:
            yield pset


def first_psets(psets: Iterator[Any], limit: int) -> Iterator[Any]:
    """Yield the first `limit` psets, and `NOT_YET` between them."""
    while limit > 0 and (pset := next(psets, _END)) is not _END:
        yield pset
        limit -= pset is not NOT_YET
