"""The finished psets of a checkpoint one by one, with the exact values that the worker function returned."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.gone_parts import gone_parts
from paramsurvey.checkpoint.plain_files import checkpoint_path
from paramsurvey.checkpoint.stored import read_run_tolerantly
from paramsurvey.reporting.console import warn
from paramsurvey.results.load_checkpoint import read_tables

Row = dict[Hashable, Any]


def stored_rows(path: str | os.PathLike[str]) -> Iterator[tuple[Row, Row]]:
    """Yield each finished pset and its result; None does not become nan, nor 1 become 1.0.

    Objects are unpickled, and warnings say what is damaged.
    """
    directory, complaints = checkpoint_path(path), list[str]()
    complaints += gone_parts(directory, read_run_tolerantly(directory, complaints.append, set_aside=False))
    for table in read_tables(directory, unpickle=True, complaints=complaints)[0]:
        yield from zip(_rows(table, "pset"), _rows(table, "result"), strict=True)
    for complaint in complaints:
        warn(complaint)


def _rows(table: PartTable, role: str) -> list[Row]:
    rows: list[Row] = [{} for _ in range(len(table))]
    numbers = np.arange(len(table))
    for stored in table.columns(role):
        for at, values in table.pieces(stored):
            natives = values.tolist() if isinstance(values, np.ndarray) else values
            for row, value in zip(numbers[at].tolist(), natives, strict=True):
                rows[row][stored.key] = value
    return rows
