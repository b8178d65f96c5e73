"""The trace of a checkpoint, which is read in pieces; nothing of it is unpickled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from paramsurvey.errors import NotStored
from paramsurvey.reporting.snapshot import pset_text
from paramsurvey.results.stored_survey import stored_survey
from paramsurvey.results.tracing.timed_psets import timed_checkpoint
from paramsurvey.results.tracing.trace_file import trace_of
from paramsurvey.views import SurveyData


def trace_of_checkpoint(directory: str | os.PathLike[str]) -> tuple[str, int, Sequence[str]]:
    """Return the trace, of how many psets it is, and what is damaged in the checkpoint, in sentences.

    Raises
    ------
    NotACheckpoint
        A ValueError: it is something else.
    NotStored
        A ValueError: the checkpoint does not tell when its psets ran.
    PackageMissing
        An ImportError: pyarrow is not installed.
    """
    stored = stored_survey(directory)
    psets = timed_checkpoint(stored.finished, stored.failures)
    if not len(psets) and len(stored.data):
        raise NotStored(
            f"{os.fspath(directory)!r} does not tell when its psets ran, for an older version has written "
            "it: run the survey again with a new checkpoint to get a trace"
        )
    return trace_of(psets, _Described(stored.data), stored.name), len(psets), stored.complaints


class _Described:
    """Returns what psets are called, and their keys and values, by their rows."""

    def __init__(self, data: SurveyData) -> None:
        self._data = data

    def __call__(self, rows: Sequence[int]) -> list[tuple[str, dict[str, Any]]]:
        different = sorted(set(rows))
        found = dict(zip(different, self._data.psets(different), strict=True))
        return [(pset_text(row, found[row]), found[row]) for row in rows]
