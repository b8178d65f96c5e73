"""A checkpoint as columns that are read in pieces, for reports and traces; nothing of it is unpickled."""

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
    """A survey, as its checkpoint has it now.

    Attributes
    ----------
    path : Path
    run : mapping or None
        Its ``run.json``; None where it cannot be read.
    finished : Dataset
        The psets that have a result.
    failures : Table or None
        Those that have none.
    data : SurveyData
        Both as columns.
    complaints : tuple of str
        What is damaged, in sentences.
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
    """Return what a checkpoint has.

    Parameters
    ----------
    directory : path
    with_positions : bool
        Whether the columns tell each pset's number.
    lasting : bool
        Read at once all files that may be merged while the run goes on, so that the columns stay readable.

    Raises
    ------
    NotACheckpoint
        A ValueError: it is something else.
    PackageMissing
        An ImportError: pyarrow is not installed.
    """
    need_pyarrow()
    from paramsurvey.checkpoint.gone_parts import gone_parts
    from paramsurvey.checkpoint.stored import read_run_tolerantly
    from paramsurvey.results.scan_checkpoint import ROLES, failures_table, pset_keys, scan
    from paramsurvey.views.columns.arrow import stored_data

    path, complaints = checkpoint_path(directory), list[str]()
    run = read_run_tolerantly(path, complaints.append, set_aside=False)
    complaints += gone_parts(path, run)
    failures = failures_table(path, complaints.append)  # first: what succeeds meanwhile is then in both
    roles = (*ROLES, "identity", *["position"] * with_positions)
    finished = scan(path, complaints.append, roles, lasting)
    data = stored_data(finished, failures, pset_keys(finished, failures))
    return StoredSurvey(path, run, finished, failures, data, tuple(dict.fromkeys(complaints)))
