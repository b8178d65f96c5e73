"""A checkpoint as columns that are read in pieces, for reports and traces, without unpickling anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.opening import need_pyarrow
from paramsurvey.checkpoint.plain_files import checkpoint_path
from paramsurvey.engine.progress import MapProgress
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.views import SurveyData


@dataclass(frozen=True, slots=True)
class StoredSurvey:
    """A survey as it is in its checkpoint now.

    Attributes
    ----------
    path : Path
    run : mapping or None
        Its ``run.json``; None if it cannot be read.
    finished : Dataset
        The psets that have a result.
    failures : Table or None
        The psets that failed.
    data : SurveyData
        Both as columns.
    complaints : tuple of str
        Sentences that say what is damaged.
    """

    path: Path
    run: Mapping[str, Any] | None
    finished: Any
    failures: Any
    data: SurveyData
    complaints: tuple[str, ...]

    @property
    def name(self) -> str:
        """The map's name."""
        return MapProgress().name if self.run is None else str(self.run["name"])


def stored_survey(
    directory: str | os.PathLike[str], with_positions: bool = False, lasting: bool = False
) -> StoredSurvey:
    """Return the survey in a checkpoint.

    Parameters
    ----------
    directory : path
    with_positions : bool
        Whether the columns include each pset's number.
    lasting : bool
        Whether to read all files at once that may be merged while the run goes on, so that the columns stay
        readable.

    Raises
    ------
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    PackageMissing
        An ImportError: pyarrow is not installed.
    """
    need_pyarrow()
    from paramsurvey.checkpoint.gone_parts import gone_parts
    from paramsurvey.checkpoint.stored import read_run_tolerantly
    from paramsurvey.results.scan_checkpoint import ROLES, failures_table, pset_keys, scan_columns
    from paramsurvey.views.columns.arrow import stored_data

    path, complaints = checkpoint_path(directory), list[str]()
    run = read_run_tolerantly(path, complaints.append, set_aside=False)
    complaints += gone_parts(path, run)
    # failures first, so that psets which succeed meanwhile are in both
    failures = failures_table(path, complaints.append)
    roles = (*ROLES, "identity", *["position"] * with_positions)
    scanned = scan_columns(path, complaints.append, roles, lasting)
    keys = tuple(dict.fromkeys([*scanned.keys, *(() if failures is None else pset_keys(failures))]))
    data = stored_data(scanned.dataset, failures, keys, scanned.left_out)
    return StoredSurvey(path, run, scanned.dataset, failures, data, tuple(dict.fromkeys(complaints)))
