"""The subjects of reports: results in memory, and checkpoints, which are read in pieces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from paramsurvey.checkpoint.locking.lock import holder_of
from paramsurvey.errors import NotACheckpoint
from paramsurvey.report import STATES, Subject, page_of
from paramsurvey.results.stored_survey import stored_survey
from paramsurvey.results.tracing.timed_psets import timed_checkpoint
from paramsurvey.transport.file_names import possible_path
from paramsurvey.transport.new_files import resolve_links
from paramsurvey.views import data_of, measured_timeline
from paramsurvey.views.timeline import Timeline, timeline_of

COUNTS = ("total", "finished", "failures", "retried", "resumed")


def subject_of(results: Any) -> Subject:
    """Return a `MapResults` as the subject of a report."""
    progress = results.progress
    not_run = int((results.missing.kinds() == "not run").sum())
    counts = {name: int(getattr(progress, name)) for name in COUNTS}
    # a loaded checkpoint does not have the psets that were not run, though its run counted them as failures
    counts |= {"failures": len(results.missing), "not_run": not_run}
    is_complete = counts["finished"] + counts["failures"] == counts["total"] and not not_run
    return Subject(
        progress.name,
        data_of(results),
        "finished" if is_complete else "interrupted",
        counts,
        _run_of(results),
        lambda: _timeline_of(results),
    )


def _run_of(results: Any) -> dict[str, Any]:
    """Return the ``run.json`` of these results; an empty dict if there is none, or it is another run's."""
    if results._checkpoint is None or results._started is None:
        return {}
    from paramsurvey.checkpoint.run_json.run_file import read_run

    try:
        run = read_run(Path(results._checkpoint))
    except (NotACheckpoint, OSError):  # it is gone or damaged, but the results are in memory
        return {}
    return run if run.get("started") == results._started else {}


def _timeline_of(results: Any) -> Timeline | None:
    table = results.timeline()
    return measured_timeline(table) if len(table) else None


def checkpoint_subject(directory: str | os.PathLike[str]) -> Subject:
    """Return a checkpoint as the subject of a report, without unpickling anything.

    Raises
    ------
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    PackageMissing
        An ImportError: pyarrow is not installed.
    """
    stored = stored_survey(directory, with_positions=True, lasting=True)
    held = holder_of(stored.path)
    return Subject(
        stored.name,
        stored.data,
        _status(stored.run, alive=held is not None and held[1]),
        _counts(stored.run, len(stored.data.finished), stored.data.missing_count),
        stored.run or {},
        lambda: _stored_timeline(stored.finished, stored.failures),
        str(directory),
        stored.complaints,
    )


def _status(run: Any, alive: bool) -> str:
    status = "" if run is None else str(run.get("status", ""))
    if status == "running" and not alive:
        return "died"
    return status if status in STATES else ""


def _counts(run: Any, finished: int, failed: int) -> dict[str, int]:
    """Return the counters of a run, with what is stored as finished and failed, since it may be going on."""
    counted = {} if run is None else run.get("counts", {})
    counts = {name: int(counted.get(name, 0)) for name in (*COUNTS, "not_run")}
    counts |= {"finished": finished, "failures": failed}
    counts["not_run"] = 0  # such psets are not stored
    return {**counts, "total": max(counts["total"], finished + failed)}


def _stored_timeline(finished: Any, failures: Any) -> Timeline | None:
    """Return when each worker was busy, from columns that are read in pieces."""
    psets = timed_checkpoint(finished, failures)
    if not len(psets):
        return None
    workers = pd.Categorical.from_codes(psets.worker, pd.Index(psets.labels()))
    return timeline_of(workers, psets.start, psets.seconds, psets.failed)


def write_report(subject: Subject, path: str | os.PathLike[str], against: Any = None) -> None:
    """Write a report, so that the file is either there as a whole or not at all.

    Parameters
    ----------
    subject : Subject
    path : path
    against : MapResults or path, optional
        An earlier survey, or its checkpoint.
    """
    from paramsurvey.checkpoint.atomic_files import write_whole

    before = None
    if against is not None:
        is_path = isinstance(against, (str, os.PathLike))
        before = checkpoint_subject(against) if is_path else subject_of(against)
    target = Path(resolve_links(str(possible_path(path))))
    write_whole(target, page_of(subject, before).encode())
