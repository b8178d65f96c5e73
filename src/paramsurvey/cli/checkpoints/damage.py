"""What is damaged in a checkpoint, as far as a quick look shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def damaged_parts(directory: Path, run: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each thing that is damaged or gone.

    Of files larger than one megabyte, only the description of their columns is read.
    """
    from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS
    from paramsurvey.checkpoint.gone_parts import gone_parts

    found = gone_parts(directory, run)
    for kind in (RESULTS, FAILURES):
        found += _damaged(directory / kind)
    return found


def _damaged(directory: Path) -> Iterator[str]:
    from paramsurvey.checkpoint.format.part_files import PartDamaged, live_parts, read_schema, strange_parts
    from paramsurvey.checkpoint.stored import damage_text, strange_text

    yield from map(strange_text, strange_parts(directory))
    for part in live_parts(directory)[0]:
        try:
            read_schema(part)
        except FileNotFoundError:  # it has just been merged into another part
            continue
        except PartDamaged as damage:
            yield damage_text(part, damage, moved=False)
