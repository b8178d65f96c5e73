"""Which parts of a checkpoint are gone: its ``run.json`` says how many rows all of them have.

A part that somebody has removed leaves no trace of its own. The numbers in the names of the other parts tell
which part it was, unless it was the last. But a gap in these numbers proves nothing, because a damaged part
that was set aside leaves one, too. So the rows are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS, Part, live_parts, strange_parts
from paramsurvey.checkpoint.locking.lock import holder_of

TRIES = 3  # a list of files that are being merged may have neither the old ones nor the new one
NAMED_GAPS = 5


def gone_parts(
    directory: Path,
    run: Mapping[str, Any] | None,
    kinds: Sequence[str] = (RESULTS, FAILURES),
    ours: bool = False,
) -> list[str]:
    """Return a sentence for each kind of part of which files are gone.

    Parameters
    ----------
    directory : Path
    run : mapping, optional
        The checkpoint's ``run.json``, read before the call. Without it, what is gone is not known.
    kinds : sequence of str
    ours : bool
        Whether this process has locked the checkpoint, and not changed anything yet.
    """
    held = None if ours else holder_of(directory)
    alive = held is not None and held[1]
    if run is None or (held is not None and alive and held[0].pid != run["pid"]):
        return []  # a driver that has only just begun may be setting files aside
    sentences = []
    for kind in kinds:
        stored = int(run["stored"][kind])
        there, gaps = _count_rows(directory / kind, stored)
        if there < stored and (gaps or not alive):  # files that were just written may not be visible here yet
            sentences.append(_loss_text(directory, kind, stored, there, gaps))
    return sentences


def _count_rows(directory: Path, stored: int) -> tuple[int, list[str]]:
    """Return how many rows a directory's parts have, and which numbers none of them has."""
    there, gaps = 0, list[str]()
    for _ in range(TRIES):
        parts = [*live_parts(directory)[0], *strange_parts(directory)]
        there, gaps = sum(part.rows for part in parts), _gaps(parts)
        if there >= stored:
            break
    return there, gaps


def _gaps(parts: Sequence[Part]) -> list[str]:
    """Return the numbers up to the last one that no part has, as they are written in files' names."""
    found, highest = [], 0
    for part in sorted(parts, key=lambda part: part.first):
        if part.first > highest + 1:
            found.append(f"{highest + 1:08d}-{part.first - 1:08d}")
        highest = max(highest, part.last)
    return found


def _loss_text(directory: Path, kind: str, stored: int, there: int, gaps: Sequence[str]) -> str:
    which = ""
    if gaps:
        more = f", and {len(gaps) - NAMED_GAPS} more" if len(gaps) > NAMED_GAPS else ""
        which = f" (none has the numbers {', '.join(gaps[:NAMED_GAPS])}{more})"
    return (
        f"files are gone from {str(directory / kind)!r}: the checkpoint stored {stored:,} {kind}, but the "
        f"files that are there hold {there:,}{which}; restore them from a backup, or resume the survey, "
        "which runs these psets again"
    )
