"""Tables on stdout: CSV for programs, a preview on a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any

from paramsurvey.cli.errors import say
from paramsurvey.cli.streams import lacking
from paramsurvey.cli.tables.cells import is_missing, native_or_text
from paramsurvey.cli.tables.table import Table
from paramsurvey.cli.tables.text_formats import csv_text
from paramsurvey.transport.safe_text import safe_line

STDOUT = "-"  # in place of the path of a file
PREVIEW_ROWS = 30
PREVIEW_WIDTH = 40  # of a cell, in characters
LEAST_WIDTH = 8  # to which a column of text is cut before columns are left out


def print_table(table: Table) -> None:
    """Write a table to stdout: CSV for programs, on a terminal a preview.

    Raises
    ------
    OSError
        The table could not be written, for example into a file on a full disk.
    """
    if sys.stdout.isatty():
        sys.stdout.write(f"{preview(table, shutil.get_terminal_size().columns)}\n")
    else:
        text = csv_text(table)
        sys.stdout.write(text)
        _tell_of_escapes(text)
    sys.stdout.flush()


def _tell_of_escapes(text: str) -> None:
    """Say that data were changed: an escape cannot be told from a text that has a backslash of its own."""
    if lost := lacking(sys.stdout, text):
        escape = lost[0].encode("ascii", "backslashreplace").decode()
        say(
            f"paramsurvey: the encoding of stdout ({sys.stdout.encoding}) lacks characters of the table, "
            f"{len(lost):,} in all, which are escapes now, such as {escape}: "
            "set PYTHONIOENCODING=utf-8, or write a file, which is always UTF-8"
        )


def preview(table: Table, width: int = 80) -> str:
    """Return the first rows of a table for people to read, each of them on one line of a terminal."""
    if not len(table):
        return "(no rows)"
    head = table.head(PREVIEW_ROWS)
    shown = {name: column for name, column in head.columns.items() if not _is_uninformative(column, name)}
    columns = [_Column(name, column) for name, column in shown.items()]
    left_out = _fit(columns, width)
    lines = ["  ".join(cells).rstrip() for cells in zip(*(column.cells() for column in columns), strict=True)]
    rest = len(table) - len(head)
    if left_out:
        lines.append(
            f"({', '.join(left_out)}: not shown, the terminal is too narrow; -o FILE has all columns)"
        )
    return "\n".join([*lines, *([more_rows(rest)] if rest else [])])


class _Column:
    """A column of a preview: its texts, and how wide they are."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.name = name
        numbers = (int, float)
        self.is_text = not all(isinstance(value, numbers) or is_missing(value) for value in values)
        self._texts = [safe_line(name), *map(_one_line, values)]
        self.width = (
            min(PREVIEW_WIDTH, max(map(len, self._texts))) if self.is_text else max(map(len, self._texts))
        )

    def cells(self) -> list[str]:
        """Return the name and the cells, all equally wide: text aligned left, numbers aligned right."""
        cut = [text if len(text) <= self.width else f"{text[: self.width - 1]}…" for text in self._texts]
        return [text.ljust(self.width) if self.is_text else text.rjust(self.width) for text in cut]


def _fit(columns: list[_Column], width: int) -> list[str]:
    """Make the columns fit: cut the widest texts, then leave out the last columns, and return their names."""

    def excess() -> int:
        return sum(column.width + 2 for column in columns) - 2 - width

    while excess() > 0:
        texts = [column for column in columns if column.is_text and column.width > LEAST_WIDTH]
        if not texts:
            break
        widest = max(texts, key=lambda column: column.width)
        widest.width -= 1
    left_out: list[str] = []
    while excess() > 0 and len(columns) > 1:
        left_out.insert(0, columns.pop().name)
    return left_out


def more_rows(count: int) -> str:
    """Return the line below a preview that leaves rows out."""
    return f"... and {count:,} more: write all of them into a file with -o FILE"


def _is_uninformative(column: Sequence[Any], name: str) -> bool:
    """Tell whether all outputs in a column are empty, or all exit codes 0."""
    empty = name in ("stdout", "stderr") and all(value in ("", None) for value in column)
    return empty or (name in ("exit_code", "signal") and all(value == 0 for value in column))


def _one_line(value: Any) -> str:
    """Return a cell on one line, without characters that a terminal would obey."""
    if is_missing(value):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    lines = str(native_or_text(value)).strip().splitlines()
    return safe_line(f"{lines[0]} [{len(lines)} lines]" if len(lines) > 1 else "".join(lines))
