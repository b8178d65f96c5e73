"""What a command wrote on stdout and stderr: as columns of the table, in files, and in a failure's reason."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from paramsurvey.cli.failures import NothingParsed
from paramsurvey.transport.new_files import make_directory, make_new

if TYPE_CHECKING:
    from paramsurvey.cli.command.output_parsers import Parser

RESULT_COLUMNS = ("exit_code", "duration", "stdout", "stderr", "stdout_file", "stderr_file", "command")

COLUMN_BYTES = 64 * 1024  # of each stream, at its end: what the table holds
PARSED_BYTES = 8 * 1024 * 1024  # of stdout, at its end: where --parse looks for results
REASON_LINES = 10  # of stderr, at its end: what a failure's reason quotes
REASON_BYTES = 2000  # the most that these lines may take


class CapturedOutput:
    """What a command wrote on stdout and stderr.

    Parameters
    ----------
    pset : mapping
        Names the files.
    output_dir : str
        The directory for outputs that are saved; it is made when there is one.
    out, err : binary file
    """

    def __init__(self, pset: Mapping[str, Any], output_dir: str, out: IO[bytes], err: IO[bytes]) -> None:
        self._pset = pset
        self._output_dir = output_dir
        self._files = {"stdout": out, "stderr": err}

    def columns(self) -> dict[str, Any]:
        """Return the columns ``stdout`` and ``stderr``; where an output is too long, also its file's path."""
        columns: dict[str, Any] = {
            name: read_tail(file, COLUMN_BYTES).rstrip("\n") for name, file in self._files.items()
        }
        for name, file in self._files.items():
            if size(file) > COLUMN_BYTES:
                columns[f"{name}_file"] = self._save(name, file)
        return columns

    def parse(self, parsers: Collection[Parser]) -> dict[str, Any]:
        """Return what the parsers find in stdout, as columns."""
        if not parsers:
            return {}
        text = read_tail(self._files["stdout"], PARSED_BYTES)
        found: dict[str, Any] = {}
        try:
            for parser in parsers:
                found.update(parser(text))
        except NothingParsed as error:
            raise NothingParsed(f"{error}{self._save_and_tell()}") from None
        return dict(filter(None, (self._column(key, value) for key, value in found.items())))

    def _column(self, key: str, value: Any) -> tuple[str, Any] | None:
        """Return the column of a parsed value, None if it only repeats the pset."""
        if key in self._pset:
            return None if self._pset[key] == value else (f"{key}_parsed", value)
        return (f"{key}_parsed" if key in RESULT_COLUMNS else key, value)

    def failure_details(self) -> str:
        """Return the end of a failure's reason: the last lines of stderr, and where the rest is saved."""
        lines = read_tail(self._files["stderr"], REASON_BYTES).strip().splitlines()
        quoted = lines[-REASON_LINES:]
        quote = "; stderr ends with: " + "\n".join(quoted) if quoted else ""
        quotes_all = size(self._files["stderr"]) <= REASON_BYTES and len(quoted) == len(lines)
        return quote + (self._save_and_tell("stdout") if quotes_all else self._save_and_tell())

    def _save_and_tell(self, *names: str) -> str:
        """Save these outputs of a failed command, by default both, and return the words that say where."""
        files = {name: file for name, file in self._files.items() if name in (names or self._files)}
        saved = [f"{name} is in {self._save(name, file)}" for name, file in files.items() if size(file)]
        return f" ({', '.join(saved)})" if saved else ""

    def _save(self, name: str, file: IO[bytes]) -> str:
        """Copy an output into a file of its own, and return its path, or why it could not be saved."""
        directory = Path(self._output_dir)
        try:
            make_directory(directory)
            with _open_new_file(directory, f"{file_label(self._pset)}.{name}") as target:
                _copy(file, target)
            return str(target.name)
        except OSError as error:  # the results must not be lost because a long output cannot be saved
            return f"(not saved in {directory}: {error.strerror})"


def _copy(file: IO[bytes], target: IO[bytes]) -> None:
    """Copy all of a file, or leave nothing: half an output would take up room that the results need."""
    from shutil import copyfileobj  # only now: few commands fail, or write so much

    try:
        file.seek(0)
        copyfileobj(file, target, 1 << 20)
        target.flush()
    except OSError:
        os.unlink(target.name)
        raise


def _open_new_file(directory: Path, name: str) -> Any:
    for number in range(1, 1_000_000):  # equal psets, and retries of a pset, have the same name
        with suppress(FileExistsError):
            path = directory / (name if number == 1 else f"{name}.{number}")
            return open(path, "wb", opener=make_new)
    raise FileExistsError(f"{directory} is full of files named {name}: choose another --output-dir")


def file_label(pset: Mapping[str, Any]) -> str:
    """Return a file name for a pset: readable, and made unique by a hash.

    Examples
    --------
    >>> file_label({"a": 1, "kind": "x/y"})
    'a=1,kind=x_y-394ba860'
    """
    import hashlib  # here, because few outputs are long

    text = ",".join(f"{name}={value}" for name, value in pset.items())
    readable = "".join(c if c.isascii() and (c.isalnum() or c in "=,.+-") else "_" for c in text)[:80]
    return f"{readable}-{hashlib.sha256(text.encode(errors='backslashreplace')).hexdigest()[:8]}"


def size(file: IO[bytes]) -> int:
    """Return the size of a file in bytes."""
    return os.fstat(file.fileno()).st_size


def read_tail(file: IO[bytes], most: int) -> str:
    """Return the last `most` bytes of a file as text, without half a character at the beginning."""
    start = max(0, size(file) - most)
    file.seek(start)
    data = file.read(most)
    if start:
        data = data.lstrip(bytes(range(0x80, 0xC0)))  # bytes that continue a character
    return data.decode(errors="backslashreplace")
