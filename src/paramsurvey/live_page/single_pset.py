"""One pset of a checkpoint, found by its number; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.checkpoint.format.part_files import (
    FAILURES,
    RESULTS,
    TRIES,
    Part,
    PartDamaged,
    live_parts,
    read_columns,
    read_part,
)
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.format.schema import POSITION
from paramsurvey.checkpoint.stored import failure_cells
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.column_by_row import distinct_rows
from paramsurvey.transport.messages import Failure

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class StoredPset:
    """What a checkpoint tells about one pset.

    Attributes
    ----------
    number : int
        Its number in the checkpoint.
    label : int
        That of its row in what `paramsurvey.load` returns, or in its ``missing`` if it failed.
    pset, result : mapping
        Their keys and values; of objects that are pickled, texts.
    failure : Failure, optional
        Why it has no result.
    attempts : int, optional
    seconds : float, optional
    began : datetime, optional
    worker : int, optional
    host : str
    printed : str
        What it printed, if that is stored.
    """

    number: int
    label: int
    pset: Mapping[str, Any]
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    attempts: int | None = None
    seconds: float | None = None
    began: datetime | None = None
    worker: int | None = None
    host: str = ""
    printed: str = ""


def find_pset(directory: Path, number: int) -> StoredPset | None:
    """Return the pset with this number, None if nothing about it is stored.

    Raises
    ------
    CheckpointError
        It is damaged.
    """
    for _ in range(TRIES):
        try:
            return _find(directory, number)
        except FileNotFoundError:  # parts were merged in the meantime
            continue
    return None


def _find(directory: Path, number: int) -> StoredPset | None:
    failed = [(part, _positions(part)) for part in live_parts(directory / FAILURES)[0]]
    finished = [(part, _positions(part)) for part in live_parts(directory / RESULTS)[0]]
    for part, positions in reversed(finished):
        if (row := _row(part, positions, number)) is not None:
            before = sum(int((numbers < number).sum()) for _, numbers in finished)
            return _of_result(row, number, before)
    for part, positions in reversed(failed):
        if (row := _row(part, positions, number)) is not None:
            earlier = distinct_rows(numbers[numbers < number] for _, numbers in failed)
            without = np.isin(earlier, distinct_rows(numbers for _, numbers in finished), invert=True)
            return _of_failure(row, number, int(without.sum()))
    return None


def _positions(part: Part) -> Positions:
    """Return the numbers of a part's psets; none if it is damaged."""
    try:
        column = read_columns(part, [POSITION]).column(POSITION)
    except PartDamaged:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _row(part: Part, positions: Positions, number: int) -> PartTable | None:
    """Return the row with a pset's number, the last one if there are several."""
    at = np.flatnonzero(positions == number)
    if not len(at):
        return None
    try:
        return read_part(part).take(at[-1:])
    except PartDamaged:
        return None


def _of_result(row: PartTable, number: int, label: int) -> StoredPset:
    attempts = row.times().attempts.get(0, 1)
    return StoredPset(
        number, label, _values(row, "pset"), _values(row, "result"), None, attempts, **_when_and_where(row)
    )


def _of_failure(row: PartTable, number: int, label: int) -> StoredPset:
    (failure,), (attempts,) = failure_cells(row)
    return StoredPset(number, label, _values(row, "pset"), {}, failure, attempts, **_when_and_where(row))


def _values(row: PartTable, role: str) -> dict[str, Any]:
    """Return the values of one row, without the keys that it does not have."""
    found = {}
    for stored in row.columns(role):
        for _, values in row.pieces(stored):
            if len(values):
                value = values[0]
                found[str(stored.key)] = value.item() if isinstance(value, np.generic) else value
    return found


def _when_and_where(row: PartTable) -> dict[str, Any]:
    times = row.times()
    seconds, began = float(times.seconds[0]), float(times.began[0])
    return {
        "seconds": None if np.isnan(seconds) else seconds,
        "began": None if np.isnan(began) else datetime.fromtimestamp(began, UTC),
        "worker": int(times.worker[0]) or None,
        "host": times.hosts[int(times.host[0])] if times.hosts else "",
        "printed": row.printed(range(1)).get(0, ""),
    }
