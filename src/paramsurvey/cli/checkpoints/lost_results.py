"""Whether a checkpoint has stored all results of a run, or has lost some to a full disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

DAMAGED = ".bad"  # the suffix that a run gives to the name of a part that it cannot read
TEST_BYTES = 1 << 16  # the least room with which a disk counts as writable


def count_stored(checkpoint: str) -> int:
    """Return how many results a directory holds.

    Damaged parts count, whether or not a run has noticed the damage: their results were stored once.
    """
    from paramsurvey.checkpoint.opening import need_pyarrow

    need_pyarrow()
    from paramsurvey.checkpoint.format.part_files import RESULTS, Part, live_parts

    directory = Path(checkpoint) / RESULTS
    if not directory.is_dir():
        return 0
    damaged = (Part.of(path.with_suffix("")) for path in directory.glob(f"*{DAMAGED}"))
    return sum(part.rows for part in [*live_parts(directory)[0], *filter(None, damaged)])


def count_lost(checkpoint: str, computed: int, stored_before: int) -> int:
    """Return how many results of a run its checkpoint did not store.

    The files are counted. What ``run.json`` says is no help: on a full disk it could not be written either.

    Parameters
    ----------
    checkpoint : str
    computed : int
        How many results this run has computed.
    stored_before : int
        What `count_stored` returned before the run.
    """
    return max(0, computed - (count_stored(checkpoint) - stored_before))


def why_unwritable(directory: str) -> str:
    """Return why no file can be written into a directory; empty if files can be written."""
    from paramsurvey.checkpoint.atomic_files import sync_file

    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(TEST_BYTES))
            file.flush()
            sync_file(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""
