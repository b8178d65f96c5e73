"""The trace of a checkpoint, which is read in pieces, without unpickling anything."""

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
    """Return the trace, how many psets it shows, and sentences that say what is damaged in the checkpoint.

    Raises
    ------
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    NotStored
        A ValueError: the checkpoint does not say when its psets ran.
    PackageMissing
        An ImportError: pyarrow is not installed.
    """
    stored = stored_survey(directory)
    psets = timed_checkpoint(stored.finished, stored.failures)
    if not len(psets) and len(stored.data):
        raise NotStored(
            f"{os.fspath(directory)!r} does not say when its psets ran, because an older version wrote it: "
            "run the survey again with a new checkpoint to get a trace"
        )
    return trace_of(psets, _PsetDescriber(stored.data), stored.name), len(psets), stored.complaints


class _PsetDescriber:
    """Returns the names of psets, and their keys and values, by their rows."""

    def __init__(self, data: SurveyData) -> None:
        self._data = data

    def __call__(self, rows: Sequence[int]) -> list[tuple[str, dict[str, Any]]]:
        distinct = sorted(set(rows))
        found = dict(zip(distinct, self._data.psets(distinct), strict=True))
        return [(pset_text(row, found[row]), found[row]) for row in rows]
