"""The failures of a checkpoint that was merged from others: why psets that have no result failed there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from paramsurvey.checkpoint.copied_times import hashes_of_psets, workers_before
from paramsurvey.checkpoint.duplicates import FinishedRows, was_written_by_two
from paramsurvey.checkpoint.format.part_files import FAILURES, live_parts, read_part
from paramsurvey.checkpoint.format.part_table import PartTable
from paramsurvey.checkpoint.part_set import PartSet
from paramsurvey.checkpoint.stored import Tell, latest_failures, read_all
from paramsurvey.checkpoint.typed_hash import HashPairs, Matcher


def copy_failures(target: Path, sources: Sequence[Path], tell: Tell) -> None:
    """Copy the failures of other checkpoints to the psets that have no result in a merged one.

    Nothing is unpickled. If a pset failed several times, its last failure is copied.

    Parameters
    ----------
    target : Path
        A checkpoint that no other program uses.
    sources : sequence of Path
        Checkpoints whose workers are different ones even if they have the same numbers, so that they are
        renumbered.
    tell : callable
        Called with a message for each damaged file.
    """
    known = list(_known(sources, tell))
    if not known:
        return
    latest_first = np.argsort(-np.concatenate([_starts(table) for table, _ in known]), kind="stable")
    matcher = Matcher(HashPairs.joined([hashes_of_psets(table) for table, _ in known])[latest_first])
    failed = [read_part(part) for part in live_parts(target / FAILURES)[0]]
    found, at = matcher.match(HashPairs.joined([hashes_of_psets(table) for table in failed]))
    places = latest_first[at]
    positions = np.concatenate([table.positions for table in failed])[found] if failed else found
    parts, start = PartSet(target / FAILURES), 0
    for table, before in known:
        mine = (places >= start) & (places < start + len(table))
        if mine.any():  # a later row of a pset counts
            parts.add(table.take(places[mine] - start).moved(positions[mine], before))
        start += len(table)


def _known(sources: Sequence[Path], tell: Tell) -> Iterator[tuple[PartTable, int]]:
    """Yield the last failures in some checkpoints, and how many workers the checkpoints before had."""
    for source, before in zip(sources, workers_before(sources), strict=True):
        tables = list(read_all(source / FAILURES, tell, set_aside=False))
        for table in latest_failures(tables, FinishedRows(by_content=was_written_by_two(source))):
            if len(table):
                yield table, before


def _starts(table: PartTable) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return when each row's pset began; where that is not known, before all others."""
    return np.nan_to_num(table.times().began, nan=-np.inf)
