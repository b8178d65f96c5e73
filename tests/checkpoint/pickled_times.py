"""The survey whose checkpoint is the directory ``fixtures/pickled-times``, and how that came.

It was written by the revision 4bcabae, the last one that pickled durations, times with a zone and integers
of more than 64 bits::

    python pickled_times.py

Never write it again: it stands for the checkpoints that users have.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

FAILED = 3


def psets(count: int) -> list[dict[str, Any]]:
    """Return psets with values of each kind that was pickled."""
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return [
        {
            "i": i,
            "duration": timedelta(hours=i),
            "of_pandas": pd.Timedelta(i, "ns"),
            "zoned": (noon + timedelta(i)).astimezone(ZoneInfo("Europe/Berlin")),
            "in_utc": noon + timedelta(i),
            "large": 2**70 + i,
            "or_none": None if i % 2 else timedelta(i),
        }
        for i in range(count)
    ]


# fmt: off
# The checkpoint has the text of this function, and resuming asks whether it has changed.
def worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    """Return the values of a pset; fail for one."""
    if pset["i"] == FAILED:
        raise ValueError("no result")
    return {f"{key}_back": value for key, value in pset.items() if key != "i"}
# fmt: on


def write(directory: Path) -> None:
    """Write the checkpoint of the first six psets."""
    import paramsurvey

    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(worker, psets(6), checkpoint=str(directory), name="pickled times")


if __name__ == "__main__":
    write(Path("pickled-times"))
