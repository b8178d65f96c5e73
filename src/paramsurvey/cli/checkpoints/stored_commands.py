"""Which commands computed the results of a checkpoint: ``status`` must not credit them all to the last."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

from paramsurvey.cli.checkpoints.saved_command import saved_text

COLUMN = "command"  # of the results: it has `CommandSettings.command_text`


def count_by_other_commands(directory: str) -> dict[str, int]:
    """Return how many stored results came from each command other than the checkpoint's current one."""
    own = saved_text(directory)
    if own is None:
        return {}
    from paramsurvey.checkpoint.opening import need_pyarrow

    need_pyarrow()
    from paramsurvey.checkpoint.format.part_files import RESULTS, PartDamaged, live_parts, read_columns

    counts: Counter[str] = Counter()
    for part in live_parts(Path(directory) / RESULTS)[0]:
        with suppress(PartDamaged, FileNotFoundError):  # no such column, damaged, or just merged
            counts.update(read_columns(part, [COLUMN])[COLUMN].to_pylist())
    return {str(text): count for text, count in counts.items() if text is not None and text != own}
