"""The trace of a checkpoint, which is read in pieces; nothing of it is unpickled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from paramsurvey.checkpoint.opening import need_pyarrow
from paramsurvey.checkpoint.plain_files import checkpoint_path
from paramsurvey.engine.progress import MapProgress
from paramsurvey.errors import NotStored
from paramsurvey.reporting.snapshot import pset_text
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
    need_pyarrow()
    from paramsurvey.checkpoint.gone_parts import gone_parts
    from paramsurvey.checkpoint.stored import read_run_tolerantly
    from paramsurvey.results.scan_checkpoint import failures_table, pset_keys, scan
    from paramsurvey.views.columns.arrow import stored_data

    path, complaints = checkpoint_path(directory), list[str]()
    run = read_run_tolerantly(path, complaints.append, set_aside=False)
    complaints += gone_parts(path, run)
    failures = failures_table(path, complaints.append)  # first: what succeeds meanwhile is then in both
    finished = scan(path, complaints.append)
    psets = timed_checkpoint(finished, failures)
    data = stored_data(finished, failures, pset_keys(finished, failures))
    if not len(psets) and len(data):
        raise NotStored(
            f"{os.fspath(directory)!r} does not tell when its psets ran, for an older version has written "
            "it: run the survey again with a new checkpoint to get a trace"
        )
    name = MapProgress().name if run is None else str(run["name"])
    return trace_of(psets, _Described(data), name), len(psets), list(dict.fromkeys(complaints))


class _Described:
    """Returns what psets are called, and their keys and values, by their rows."""

    def __init__(self, data: SurveyData) -> None:
        self._data = data

    def __call__(self, rows: Sequence[int]) -> list[tuple[str, dict[str, Any]]]:
        different = sorted(set(rows))
        found = dict(zip(different, self._data.psets(different), strict=True))
        return [(pset_text(row, found[row]), found[row]) for row in rows]
