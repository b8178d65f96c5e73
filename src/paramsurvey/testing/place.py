"""A backend under test: a session, and a log that tests can read."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey import MapResults, Session

UNWANTED_VARIABLES = ("PARAMSURVEY_", "RAY_ADDRESS", "RAY_HEAD_FILE")


class Place:
    """A backend where psets run.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, session: Session, log: io.StringIO) -> None:
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


def check_books(results: MapResults, kept: bool = True) -> None:
    """Every pset is accounted for once, and every missing one has a reason."""
    progress = results.progress
    assert progress.active == 0
    assert progress.finished + progress.failures == progress.total
    assert {"_exception", "_traceback"} <= set(results.missing.columns)
    assert all(isinstance(reason, str) and reason for reason in results.missing["_exception"])
    if kept:
        assert len(results) + len(results.missing) == progress.total


@contextmanager
def undisturbed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be in a directory, free of the developer's settings; close the default session afterwards."""
    for name in [name for name in os.environ if name.startswith(UNWANTED_VARIABLES)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(directory)
    yield
    paramsurvey.finalize()
