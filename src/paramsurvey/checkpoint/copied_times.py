"""The times of a checkpoint that was merged from others: when, where and for how long its psets ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS, live_parts, read_part, write_part
from paramsurvey.checkpoint.format.part_table import PartTable, join_tables
from paramsurvey.checkpoint.format.time_columns import join_times
from paramsurvey.checkpoint.stored import read_all
from paramsurvey.checkpoint.typed_hash import Hasher, HashPairs, Matcher


def copy_times(target: Path, sources: Sequence[Path]) -> None:
    """Give the finished psets of a checkpoint the times that they have in others, and no other times.

    If several psets are equal, the first one gets the times of the first one, and so on.

    Parameters
    ----------
    target : Path
        A checkpoint that no other program uses.
    sources : sequence of Path
        Checkpoints whose workers are different ones even if they have the same numbers, so that they are
        renumbered.
    """
    known = list(_with_worker_numbers(sources))
    times = join_times([columns for _, columns in known])
    matcher = Matcher(HashPairs.joined([hashes_of_psets(table) for table, _ in known]))
    for part in live_parts(target / RESULTS)[0]:
        table = read_part(part, unpickle=True)
        found, at = matcher.match(hashes_of_psets(table))
        rows = np.full(len(table), -1)
        rows[found] = at
        taken = pa.array(rows, mask=rows < 0)
        timed = join_tables([table], {key: column.take(taken) for key, column in times.items()})
        if write_part(target / RESULTS, timed, part.first, part.last, part.writer).path != part.path:
            part.path.unlink()


def _with_worker_numbers(sources: Sequence[Path]) -> Iterator[tuple[PartTable, dict[str, Any]]]:
    """Yield the parts of some checkpoints with their times, in which no two workers share a number."""
    for source, before in zip(sources, workers_before(sources), strict=True):
        for table in _readable(source / RESULTS):
            columns = table.time_arrays()
            worker = pc.add(columns["worker"], pa.scalar(before, pa.int32()))
            yield table, {**columns, "worker": worker}


def workers_before(sources: Sequence[Path]) -> list[int]:
    """Return what to add to the workers' numbers of each of some checkpoints, so that all are different."""
    largest = [max(_worker_numbers(source), default=0) for source in sources]
    return [sum(largest[:place]) for place in range(len(sources))]


def _worker_numbers(source: Path) -> Iterator[int]:
    for table in (table for kind in (RESULTS, FAILURES) for table in _readable(source / kind)):
        yield pc.max(table.time_arrays()["worker"]).as_py() or 0


def _readable(directory: Path) -> Iterator[PartTable]:
    """Yield the parts that are not damaged; whoever loaded the results has reported those that are."""
    return read_all(directory, tell=lambda message: None, set_aside=False)


def hashes_of_psets(table: PartTable) -> HashPairs:
    """Return the identities of a part's psets; nothing is unpickled."""
    return Hasher().keys(table.pset_columns(), len(table))
