"""Whether a checkpoint has taken what was computed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

DAMAGED = ".bad"  # what a run appends to the name of a part that it cannot read


def count_stored(checkpoint: str) -> int:
    """Return how many results a directory holds; damaged parts count, before and after they are found."""
    from paramsurvey.checkpoint.opening import need_pyarrow

    need_pyarrow()
    from paramsurvey.checkpoint.format.part_files import RESULTS, Part, live_parts

    directory = Path(checkpoint) / RESULTS
    if not directory.is_dir():
        return 0
    damaged = (Part.of(path.with_suffix("")) for path in directory.glob(f"*{DAMAGED}"))
    return sum(part.rows for part in [*live_parts(directory)[0], *filter(None, damaged)])


def count_lost(checkpoint: str, results: MapResults, before: int) -> int:
    """Return how many results of a run its checkpoint has not taken.

    The files are counted, not what ``run.json`` says: on a full disk it could not be written either.

    Parameters
    ----------
    checkpoint : str
    results : MapResults
    before : int
        What `count_stored` has said before the run.
    """
    computed = len(results) - results.progress.resumed
    return max(0, computed - (count_stored(checkpoint) - before))


def why_not_written(directory: str) -> str:
    """Return why nothing can be written into a directory; empty: it can."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""
