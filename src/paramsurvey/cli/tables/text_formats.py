"""Tables as text: CSV, TSV, JSON and JSON Lines. They need no pandas, which is slow to load."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, TextIO

from paramsurvey.cli.tables.cells import is_missing, native_or_text, strict_json
from paramsurvey.cli.tables.table import Table


def csv_text(table: Table, separator: str = ",") -> str:
    """Return a table as CSV text; objects in it are written as JSON, and what is missing is empty."""
    text = io.StringIO()
    _write_rows(table, text, separator)
    return text.getvalue()


def write_csv(table: Table, path: str) -> None:
    """Write a table as CSV; objects in it are written as JSON."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        _write_rows(table, file, ",")


def write_tsv(table: Table, path: str) -> None:
    """Write the same with tabs between the columns."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        _write_rows(table, file, "\t")


def _write_rows(table: Table, file: TextIO, separator: str) -> None:
    writer = csv.writer(file, delimiter=separator, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows():
        writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> Any:
    return "" if is_missing(value) else native_or_text(value)


def write_json(table: Table, path: str) -> None:
    """Write a table as a JSON list of objects, one on each line."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(_objects(table)) + "\n]\n")


def write_jsonl(table: Table, path: str) -> None:
    """Write a table as JSON Lines: an object on each line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _objects(table))


def _objects(table: Table) -> Iterator[str]:
    from json import dumps  # only now: most tables are CSV

    for row in table.rows():
        named = zip(table.columns, row, strict=True)
        yield dumps({name: strict_json(value) for name, value in named}, ensure_ascii=False)
