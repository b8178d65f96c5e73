"""Tables on stdout: CSV for programs, a preview on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.tables.formats import frame_to_csv, is_missing, with_json_texts, with_unique_names
from paramsurvey.transport.safe_text import safe_line

if TYPE_CHECKING:
    import pandas as pd

STDOUT = "-"  # in place of the path of a file
PREVIEW_ROWS = 30
PREVIEW_WIDTH = 40  # of a cell, in characters


def print_table(frame: pd.DataFrame) -> None:
    """Write a table to stdout: CSV for programs, on a terminal a preview.

    Raises
    ------
    OSError
        The table could not be written, for example into a file on a full disk.
    """
    sys.stdout.write(f"{preview(frame)}\n" if sys.stdout.isatty() else frame_to_csv(frame))
    sys.stdout.flush()


def preview(frame: pd.DataFrame) -> str:
    """Return the first rows of a table for people to read, with each cell on one line."""
    if frame.empty:
        return "(no rows)"
    shown = with_json_texts(with_unique_names(frame.head(PREVIEW_ROWS)))
    shown = shown.loc[:, [name for name in shown.columns if not _is_uninformative(shown[name], name)]]
    for name in shown.columns[shown.dtypes.map(lambda dtype: dtype.kind not in "iufb")]:
        shown[name] = shown[name].map(_one_line)
    shown.columns = [safe_line(str(name)) for name in shown.columns]
    text = shown.to_string(index=False, max_colwidth=PREVIEW_WIDTH, na_rep="")
    rest = len(frame) - len(shown)
    return f"{text}\n{more_rows(rest)}" if rest else text


def more_rows(count: int) -> str:
    """Return the line below a preview that leaves rows out."""
    return f"... and {count:,} more: write all of them into a file with -o FILE"


def _is_uninformative(column: Any, name: object) -> bool:
    """Tell whether all outputs in a column are empty, or all exit codes 0."""
    return (name in ("stdout", "stderr") and (column == "").all()) or (
        name == "exit_code" and (column == 0).all()
    )


def _one_line(value: Any) -> str:
    text = "" if is_missing(value) else str(value)
    lines = text.strip().splitlines()
    return safe_line(f"{lines[0]} [{len(lines)} lines]" if len(lines) > 1 else "".join(lines))
