"""Which run of a checkpoint the results of a map are of."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from paramsurvey.checkpoint.run_json.run_file import read_run
from paramsurvey.engine.progress import MapProgress
from paramsurvey.errors import NotACheckpoint

COUNTED = ("total", "finished", "failures", "retried", "resumed")


def when_own_run_began(checkpoint: str, progress: MapProgress) -> str | None:
    """Return when the run began that has just ended in this process, as its ``run.json`` says.

    None where that file does not tell of this run: the run could not write its end, it ended before it wrote
    anything, or another program uses the checkpoint already.

    Parameters
    ----------
    checkpoint : str
        The directory.
    progress : MapProgress
        What the run has counted.
    """
    try:
        run = read_run(Path(checkpoint))
    except (NotACheckpoint, OSError):
        return None
    here = (run.get("host"), run.get("pid")) == (socket.gethostname(), os.getpid())
    counts = run.get("counts", {})
    is_ours = here and all(counts.get(name) == getattr(progress, name) for name in COUNTED)
    return str(run["started"]) if is_ours and run.get("ended") is not None else None
