"""Reading what earlier runs have stored, part by part; damaged parts are reported and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from paramsurvey.checkpoint.duplicates import FinishedRows, last_of_each, rows_that_count
from paramsurvey.checkpoint.format.part_files import (
    Part,
    PartDamaged,
    live_parts,
    read_part,
    strange_parts,
)
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.run_json.run_file import NAME as RUN
from paramsurvey.checkpoint.run_json.run_file import RunUnreadable, read_run
from paramsurvey.errors import CheckpointError
from paramsurvey.transport.messages import Failure, FailureKind
from paramsurvey.transport.safe_repr import describe

BAD_RUN = f"{RUN}.bad"

Tell = Callable[[str], object]


def read_all(directory: Path, tell: Tell, set_aside: bool, unpickle: bool = False) -> Iterator[PartTable]:
    """Yield the rows of all parts in a directory, in order.

    Parameters
    ----------
    directory : Path
    tell : callable
        Called with a message for each damaged part.
    set_aside : bool
        Whether to rename damaged parts, so that they are not read again.
    unpickle : bool
        Whether objects may be unpickled, which runs code chosen by whoever wrote them.
    """
    for part in strange_parts(directory):
        tell(strange_text(part, _try_set_aside(part.path) if set_aside else False))
    parts = live_parts(directory)[0]
    kept = rows_that_count(parts)
    left_out = sum(int((~counts).sum()) for counts in kept.values())
    if kept:
        tell(duplicates_text(directory, left_out))
    for part in parts:
        try:
            table = read_part(part, unpickle)
        except PartDamaged as damage:
            tell(damage_text(part, damage, _try_set_aside(part.path) if set_aside else False))
            continue
        counts = kept.get(part.path)
        yield table if counts is None or counts.all() else table.take(np.flatnonzero(counts))


def duplicates_text(directory: Path, left_out: int) -> str:
    """Return the message about parts that two programs have written at the same time."""
    return (
        f"two programs have written the checkpoint {str(directory.parent)!r} at the same time: {left_out} "
        f"rows of its {directory.name} are there twice, and each counts once; give each program a directory "
        "of its own, and never remove the lock of a running one"
    )


def read_run_tolerantly(directory: Path, tell: Tell, set_aside: bool) -> dict[str, Any] | None:
    """Return a checkpoint's ``run.json``; None if it cannot be read, but parts can.

    Parameters
    ----------
    directory : Path
    tell : callable
        Called with a message if the file cannot be read.
    set_aside : bool
        Whether to rename it in that case, so that a new one can take its place.

    Raises
    ------
    NotACheckpoint
        There are no parts either, or this version does not understand it.
    """
    try:
        return read_run(directory)
    except PermissionError:
        if set_aside:
            raise
        tell(
            f"only the owner of the checkpoint {str(directory)!r} may read its {RUN}: its results are all "
            "there, but the name and the counts of its run are not known; ask the owner for them"
        )
        return None
    except RunUnreadable:
        tell(
            _run_loss_text(directory, _try_set_aside(directory / RUN))
            if set_aside
            else _run_loss_text(directory)
        )
        return None


def _run_loss_text(directory: Path, moved: bool | None = None) -> str:
    """Return the message about a run.json that cannot be read; `moved` is None if no rename was tried."""
    damage = f"the {RUN} of the checkpoint {str(directory)!r} is damaged or gone"
    if moved is None:
        return (
            f"{damage}: the results that are there are read, but whether these are all, and the name and the "
            "counts of its run, are not known; the next map with this checkpoint writes a new one"
        )
    renamed = f"; it is now {BAD_RUN}" if moved else ""
    return (
        f"{damage}{renamed}: the results are used, but whether the same function and user_kwargs made them "
        "is not known; give another directory to compute all of them again"
    )


def _try_set_aside(path: Path) -> bool:
    with suppress(OSError):
        path.rename(path.with_name(path.name + ".bad"))
        return True
    return False


def strange_text(part: Part, moved: bool = False) -> str:
    """Return the message about something that has the name of a part, but is not a file."""
    return damage_text(part, PartDamaged("it is not a plain file"), moved)


def damage_text(part: Part, damage: PartDamaged, moved: bool) -> str:
    """Return the message about a damaged part."""
    renamed = f"it is now {part.path.name}.bad" if moved else "it is left out"
    psets = "pset is" if part.rows == 1 else "psets are"
    return (
        f"a part of the checkpoint is damaged ({damage}): {part.path}; {renamed}, and its {part.rows:,} "
        f"{psets} run again when the survey is resumed"
    )


def latest_failures(tables: list[PartTable], finished: FinishedRows) -> list[PartTable]:
    """Return the last failure of each pset that has not finished."""
    if not tables:
        return []
    keys = np.concatenate([finished.keys_of(table) for table in tables])
    last = last_of_each(keys) & ~finished.contains(keys)
    starts = np.cumsum([0, *map(len, tables)]).tolist()
    return [
        table.take(np.flatnonzero(last[start : start + len(table)]))
        for start, table in zip(starts, tables, strict=False)
    ]


def failure_cells(table: PartTable) -> tuple[list[Failure], list[int]]:
    """Return the failures in a table, and the number of attempts after which each was given up.

    Raises
    ------
    CheckpointError
        This version cannot read them.
    """
    try:
        return _failure_cells(table)
    except CheckpointError:
        raise
    except Exception as error:  # this version did not write them
        raise CheckpointError(
            f"failures in the checkpoint cannot be read ({describe(error)}): read them with the version that "
            "wrote them, or check where the checkpoint comes from"
        ) from error


def _failure_cells(table: PartTable) -> tuple[list[Failure], list[int]]:
    columns = {stored.key: table.pieces(stored) for stored in table.columns("failure")}
    cells = {str(key): list(pieces[0][1]) if pieces else [] for key, pieces in columns.items()}
    reasons = zip(cells["kind"], cells["exception"], cells["traceback"], strict=True)
    printed, times = table.printed(range(len(table))), table.times()
    failures = [
        Failure(
            FailureKind(kind), str(exception), str(traceback), str(printed.get(at, "")), ran=times.ran(at)
        )
        for at, (kind, exception, traceback) in enumerate(reasons)
    ]
    return failures, [int(count) for count in cells["attempts"]]
