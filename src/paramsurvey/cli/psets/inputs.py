"""Reads files and standard input: values of one axis, or of several that belong together."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.values import OTHER_NAME, check_text, value_of
from paramsurvey.fast_dataclass import dataclass

STDIN = "-"
UTF_8 = "utf-8-sig"  # with or without the byte order mark that Windows programs write


@dataclass
class Inputs:
    """Reads files and standard input, in the form that the options describe.

    Parameters
    ----------
    null : bool
        Items end with NUL instead of a newline, and are texts.
    colsep : str, optional
        A regular expression: what stands between the columns of a line.
    stdin : str, optional
        What standard input had when an earlier run read it.
    delimiter : str, optional
        What items end with instead of a newline.
    together : int, optional
        How many items belong together.
    """

    null: bool = False
    colsep: str | None = None
    stdin: str | None = None
    delimiter: str | None = None
    together: int | None = None
    _stdin_is_taken: bool = field(default=False, repr=False)

    def text(self, path: str, what: str) -> str:
        """Return what a file contains; ``-`` is standard input, which only one option can read.

        Raises
        ------
        BadUsage
            It cannot be read, or is not UTF-8 text.
        """
        if path == STDIN and self._stdin_is_taken:
            raise BadUsage(f"{what}: another option reads standard input: put one of the two into a file")
        try:
            return self._read_stdin() if path == STDIN else Path(path).read_text(encoding=UTF_8)
        except OSError as error:
            reason = error.strerror
        except UnicodeDecodeError:
            raise BadUsage(
                f"{what} cannot be read (it is not UTF-8 text): save it as UTF-8; "
                f"if it lists a file whose name is not UTF-8, {OTHER_NAME}"
            ) from None
        except ValueError:
            reason = "no file has a name with a NUL byte"
        raise BadUsage(f"{what} cannot be read ({reason}): give a text file, one value per line")

    def _read_stdin(self) -> str:
        self._stdin_is_taken = True
        if self.stdin is None:
            if sys.stdin is None:  # which is what Python makes of a closed descriptor
                raise OSError(errno.EBADF, "it is closed")
            self.stdin = sys.stdin.read()
        return self.stdin.removeprefix("\ufeff")

    def values(self, name: str, path: str) -> Sequence[Any]:
        """Return the values in a file: one per line, or a JSON list."""
        text = self.text(path, f"{name}=@{path}")
        if not path.endswith(".json"):
            return self._items(text)
        if (listed := json_list(text)) is None:
            raise BadUsage(f"{name}=@{path} is not a JSON list: write for example [1, 2, 3] into it")
        return listed

    def _items(self, text: str) -> list[Any]:
        texts = self._texts(text)
        return texts if self.null else [value_of(item) for item in texts]

    def _texts(self, text: str) -> list[str]:
        if self.null:
            return [item for item in text.split("\0") if item]
        if self.delimiter is not None:
            text = text.removesuffix("\n")
            return [item for item in text.split(self.delimiter) if item.strip()]
        return [line.removesuffix("\r") for line in text.split("\n") if line.strip()]

    def columns(self, names: Sequence[str], path: str) -> dict[str, list[Any]]:
        """Return the columns of a file without a line of names, as in ``-p a,b=@file``.

        Raises
        ------
        BadUsage
            A line has fewer or more columns than there are names.
        """
        what = f"{','.join(names)}=@{path}"
        lines = self._texts(self.text(path, what))
        rows = [self.split(line, what) for line in lines] if self.together is None else self._in_turn(lines)
        for number, row in enumerate(rows, start=1):
            if len(row) != len(names):
                remedy = (
                    "correct the line, or say with --colsep what stands between columns"
                    if self.together is None
                    else f"write -N {len(names)}, and give {len(names)} items for each set"
                )
                counted = f"line {number} has {len(row)} columns, but there are {len(names)} names"
                raise BadUsage(f"{what}: {counted}: {remedy}")
        if not rows:
            raise BadUsage(f"{what} has no lines: give at least one")
        columns = {name: [value_of(row[at]) for row in rows] for at, name in enumerate(names)}
        for name, values in columns.items():
            check_text(name, values)
        return columns

    def _in_turn(self, items: Sequence[str]) -> list[Sequence[str]]:
        """Return the rows of a file in which each column of a row is an item of its own."""
        return [items[at : at + (self.together or 1)] for at in range(0, len(items), self.together or 1)]

    def split(self, line: str, what: str) -> list[str]:
        """Return the columns of a line: between --colsep, by default tabs, else commas, else spaces."""
        if self.colsep is None:
            usual = next((one for one in ("\t", ",") if one in line), None)
            return line.split(usual)
        try:
            return re.split(self.colsep, line)
        except re.error as error:
            raise BadUsage(
                f"--colsep {self.colsep!r} is not a regular expression ({error}): correct it"
            ) from None


def json_list(text: str) -> Sequence[Any] | None:
    """Return the list that a text is in JSON, None if it is not one."""
    from json import loads

    try:
        listed = loads(text)
    except (ValueError, RecursionError):
        return None
    return listed if isinstance(listed, list) else None
