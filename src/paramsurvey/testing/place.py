"""The backends as the contract tests use them: each has one pool for the whole test run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from paramsurvey import MapResults, Session

CORES = 2


class Place:
    """A backend where psets run, with a log that tests can read.

    Attributes
    ----------
    name : str
        ``'serial'``, ``'multiprocessing'``, ``'ray'``, ``'threads'`` or ``'loky'``.
    session : Session
    """

    def __init__(self, name: str, session: Session, log: io.StringIO) -> None:
        self.name = name
        self.session = session
        self._log = log
        self._seen = 0

    def map(self, func: Any, psets: Any, **options: Any) -> MapResults:
        """Map, and check what must be true of every map."""
        results = self.session.map(func, psets, **options)
        check_books(results, kept=options.get("keep_results", True))
        return results

    def new_log(self) -> str:
        """Return what was logged since the last call."""
        text = self._log.getvalue()[self._seen :]
        self._seen += len(text)
        return text

    @property
    def shares_this_process(self) -> bool:
        """Whether psets run in this process."""
        return self.name in ("serial", "threads")


def check_books(results: MapResults, kept: bool = True) -> None:
    """Every pset is accounted for once, and every missing one has a reason."""
    progress = results.progress
    assert progress.active == 0
    assert progress.finished + progress.failures == progress.total
    assert {"_exception", "_traceback"} <= set(results.missing.columns)
    assert all(isinstance(reason, str) and reason for reason in results.missing["_exception"])
    if kept:
        assert len(results) + len(results.missing) == progress.total


class Places:
    """Opens each place when it is first needed."""

    def __init__(self) -> None:
        self._open: dict[str, Place] = {}
        self._executors: list[Executor] = []

    def __getitem__(self, name: str) -> Place:
        if name not in self._open:
            self._open[name] = self._opened(name)
        place = self._open[name]
        place.new_log()
        return place

    def _opened(self, name: str) -> Place:
        log = io.StringIO()
        session = Session(backend=self._backend(name), ncores=CORES, verbose=0, pslogger_fd=log)
        return Place(name, session, log)

    def _backend(self, name: str) -> Any:
        if name == "threads":
            executor: Executor = ThreadPoolExecutor(CORES)
        elif name == "loky":
            import loky

            executor = loky.ProcessPoolExecutor(CORES)
        else:
            return name
        self._executors.append(executor)
        return executor

    def close(self) -> None:
        """Close all sessions and executors."""
        for place in self._open.values():
            place.session.close()
        for executor in self._executors:
            executor.shutdown()


@contextmanager
def all_places() -> Iterator[Places]:
    """Have places, and close those that were opened."""
    places = Places()
    try:
        yield places
    finally:
        places.close()
