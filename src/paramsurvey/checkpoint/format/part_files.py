"""Parts: the Parquet files that a checkpoint is made of.

A part is written under another name, synced and renamed, so that a reader finds all of it or nothing. Its
name says which batches it holds, how many rows, the checksum of the file, and the token of the run that wrote
it::

    00000017-00000024-000180000-9d3c1b2a-5e0c77d1.parquet

is what batches 17 to 24 were merged into. A part whose rows are all in another part has been merged into that
one, and no longer counts; it may still be there if the program was killed in between. Names in format 1 have
no token.

The numbers of the batches overlap if two runs have written at the same time because each believed that it was
alone. The token keeps their names apart; `duplicates` decides which of their rows count.
"""

from __future__ import annotations

import os
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from paramsurvey.checkpoint.atomic_files import write_whole
from paramsurvey.checkpoint.format.part_table import PartTable, join_tables
from paramsurvey.checkpoint.format.schema import check_columns, field_info
from paramsurvey.checkpoint.format.time_columns import TIME_TYPES
from paramsurvey.checkpoint.plain_files import is_plain, open_plain
from paramsurvey.checkpoint.typed_hash import Hasher
from paramsurvey.errors import NotACheckpoint
from paramsurvey.fast_dataclass import dataclass

RESULTS, FAILURES = "results", "failures"  # the directories in which a checkpoint has its parts
FAN_IN = 16  # how many parts of about the same size are merged into one
LARGEST_BYTES = 32 * 2**20  # no merge makes a larger part, because it happens in memory
SMALL_BYTES = 2**20  # reading a file of this size takes hardly longer than opening it
NUMBER_BYTES = 8
DIFFERENCES = (pa.int64(), pa.int32(), TIME_TYPES["start"])  # types that are stored as differences
MAX_POSITION = np.iinfo(np.int64).max
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio: spreads neighbours far apart

TRIES = 20  # because parts may be merged and removed while a directory is read
TOKEN_LENGTH = 8
ARROW_SCHEMA = "ARROW:schema"  # the key under which Parquet files have the schema that Arrow reads
MAGIC = b"PAR1"  # every Parquet file ends with it

_NAME = re.compile(r"(\d{8,})-(\d{8,})-(\d{9,})-([0-9a-f]{8})(?:-([0-9a-f]{8}))?\.parquet")


class PartDamaged(Exception):
    """A part is not what was written."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file, as its name describes it."""

    path: Path
    first: int
    last: int
    rows: int
    checksum: int
    writer: str = ""

    @classmethod
    def of(cls, path: Path) -> Part | None:
        """Return the part at `path`, or None if the name is not that of a part."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            return None
        first, last, rows, checksum, writer = match.groups()
        return cls(path, int(first), int(last), int(rows), int(checksum, 16), writer or "")

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory, where numbers take more than on disk; 0 if it is gone."""
        try:
            return max(self.path.stat().st_size, NUMBER_BYTES * self.rows * _columns_of(self.path))
        except FileNotFoundError:
            return 0
        except (OSError, pa.ArrowException):  # whatever reads the part will report what is wrong
            return LARGEST_BYTES


@lru_cache(maxsize=10_000)
def _columns_of(path: Path) -> int:
    return int(pq.read_metadata(path).num_columns)


def live_parts(directory: Path) -> tuple[list[Part], list[Part]]:
    """Return a directory's parts in order, and those that were merged and no longer count."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):  # one was merged and removed just now: try again
            return _split_off_merged(_list_parts(directory))
    raise RuntimeError(f"the parts in {str(directory)!r} are merged faster than they can be read: try again")


def _list_parts(directory: Path) -> list[Part]:
    try:
        paths = sorted(directory.iterdir())
    except FileNotFoundError:
        return []
    except PermissionError:
        raise
    except OSError as error:
        raise NotACheckpoint(
            f"{str(directory)!r} is not a directory that can be read ({error.strerror}): put back the "
            "checkpoint's own"
        ) from None
    found = [part for path in paths if (part := Part.of(path)) is not None and is_plain(path)]
    # of those with the same first batch, the widest comes first: a part is always merged into an earlier one
    return sorted(found, key=lambda part: (part.first, -part.last, part.path.name))


def strange_parts(directory: Path) -> list[Part]:
    """Return what has the name of a part but is not a file: a pipe, a device, a broken link."""
    paths = sorted(directory.iterdir()) if directory.is_dir() else []
    found = [part for path in paths if (part := Part.of(path)) is not None]
    with suppress(FileNotFoundError):  # one was merged and removed just now
        return [part for part in found if not is_plain(part.path)]
    return []


def _split_off_merged(found: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    live: list[Part] = []
    stale: list[Part] = []
    highest = -1
    for part in found:
        covered = part.first <= highest and any(_was_merged_into(wider, part) for wider in live)
        (stale if covered else live).append(part)
        highest = max(highest, part.last)
    return live, stale


def _was_merged_into(wider: Part, part: Part) -> bool:
    inside = wider.first <= part.first and part.last <= wider.last
    return inside and wider.last - wider.first > part.last - part.first and _has_all_rows_of(wider, part)


@lru_cache(maxsize=1000)
def _has_all_rows_of(wider: Part, part: Part) -> bool:
    """Tell whether a part has every row of another one: the same psets at the same positions."""
    try:
        return bool(np.isin(row_identities(read_part(part)), row_identities(read_part(wider))).all())
    except PartDamaged:
        return False


def row_identities(table: PartTable) -> NDArray[np.uint64]:
    """Return for each row a number that identifies its pset and its position."""
    psets = pset_identities(table)
    psets ^= table.positions.view(np.uint64) * GOLDEN
    psets ^= psets >> np.uint64(29)
    psets *= GOLDEN
    return psets


def pset_identities(table: PartTable) -> NDArray[np.uint64]:
    """Return for each row a number that identifies its pset, without unpickling anything."""
    keys = Hasher().keys(table.pset_columns(), len(table))
    return keys.one ^ keys.two * GOLDEN


def holds_parts(directory: Path) -> bool:
    """Tell whether a directory has parts of a checkpoint."""
    return any(live_parts(directory / kind)[0] for kind in (RESULTS, FAILURES))


def is_empty_checkpoint(directory: Path) -> bool:
    """Tell whether a directory has the folders for parts, but nothing in them."""
    folders = [directory / kind for kind in (RESULTS, FAILURES)]
    return all(folder.is_dir() and not any(folder.iterdir()) for folder in folders)


def write_part(directory: Path, table: Any, first: int, last: int, writer: str) -> Part:
    """Write a part so that it is either there for good, or not there at all."""
    content = _serialized(table)
    checksum = zlib.crc32(content)
    name = f"{first:08d}-{last:08d}-{table.num_rows:09d}-{checksum:08x}-{writer}.parquet"
    try:
        write_whole(directory / name, content)
    except BaseException:
        with suppress(OSError):
            (directory / name).unlink()  # it may be there, but perhaps not durably: it will be written again
        raise
    return Part(directory / name, first, last, table.num_rows, checksum, writer)


def _serialized(table: Any) -> Any:
    """Return a Parquet file as a buffer.

    A dictionary is worthwhile for text only. Integers are written as differences, which makes most of them
    small. Everything else is written as it is, which costs a fifth of what compressing it would.

    A column that is a dictionary in memory is text for everybody who reads the file. Arrow would say in the
    schema that it stores what the column was in memory, therefore we store that schema ourselves.
    """
    sink, stored = pa.BufferOutputStream(), pa.schema([_as_stored(field) for field in table.schema])
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="none",
        use_dictionary=[f.name for f in stored if pa.types.is_string(f.type)],
        column_encoding={f.name: "DELTA_BINARY_PACKED" for f in stored if f.type in DIFFERENCES},
        write_statistics=False,
        store_schema=False,
    ) as file:
        file.write_table(table)
        file.add_key_value_metadata({ARROW_SCHEMA: b64encode(stored.serialize().to_pybytes()).decode()})
    return sink.getvalue()


def _as_stored(field: Any) -> Any:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def read_part(part: Part, unpickle: bool = False) -> PartTable:
    """Return a part's rows; its objects are unpickled only if `unpickle` is true.

    Raises
    ------
    PartDamaged
        Its content is not what was written.
    FileNotFoundError
        It has been merged in the meantime.
    """
    content = _checked_content(part)
    with _raising_part_damaged():
        table = PartTable(_read(content, content.size()), unpickle)
    if len(table) != part.rows:
        raise PartDamaged("it does not have as many rows as its name says")
    return table


def read_columns(part: Part, columns: Sequence[str] | None = None) -> Any:
    """Return some columns of a part, or all, as they are stored, without checking its checksum.

    Raises
    ------
    PartDamaged
        It is not a Parquet file, or has no such column.
    FileNotFoundError
        It has been merged in the meantime.
    """
    with _raising_part_damaged():
        table = _read(part.path, part.path.stat().st_size, columns)
    if missing := set(columns or ()) - set(table.column_names):
        raise PartDamaged(f"it has no column {missing.pop()!r}")
    return table


def _read(source: Any, size: int, columns: Sequence[str] | None = None) -> Any:
    """Read a Parquet file, using threads only if it is large.

    Arrow's `read_table` loads and starts everything that datasets need, which takes longer than reading a
    small part; and a process that ends while Arrow is starting its first threads is aborted.
    """
    with pq.ParquetFile(source) as file:
        return file.read(columns=columns, use_threads=size > SMALL_BYTES)


def read_schema(part: Part) -> Any:
    """Return the schema of a part, and check the whole file if it is small.

    Raises
    ------
    PartDamaged
        Its content is not what was written.
    FileNotFoundError
        It has been merged in the meantime.
    """
    with _raising_part_damaged():
        small = part.path.stat().st_size <= SMALL_BYTES
        schema = pq.read_schema(_checked_content(part) if small else part.path)
        infos = {field.name: field_info(field) for field in schema}
        try:
            check_columns(schema, infos)
        except NotACheckpoint:
            _checked_content(part)  # a large one may be damaged instead
            raise
    return schema


@contextmanager
def _raising_part_damaged() -> Iterator[None]:
    """Raise `PartDamaged` for whatever reading a damaged file raises.

    A file that is gone, or that a later version has written, is not damaged.
    """
    try:
        yield
    except (FileNotFoundError, NotACheckpoint):
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PartDamaged(str(error)) from error


def _read_bytes(path: Path) -> bytes:
    """Return a file's content; nothing if it does not end like a Parquet file, since it may be huge."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size < len(MAGIC):
            return b""
        file.seek(-len(MAGIC), os.SEEK_END)
        if file.read() != MAGIC:
            return b""
        file.seek(0)
        return file.read()


def _checked_content(part: Part) -> Any:
    """Return a part's bytes as a file that Arrow can read."""
    with _raising_part_damaged():
        content = pa.py_buffer(_read_bytes(part.path))
    if zlib.crc32(content) != part.checksum:
        raise PartDamaged("its checksum is wrong")
    return pa.BufferReader(content)


def merge(directory: Path, parts: Sequence[Part], writer: str, go_on: Callable[[], bool]) -> Part | None:
    """Merge neighbouring parts into one, and remove them; return None if `go_on` said no in between."""
    tables = []
    for part in parts:
        if not go_on():
            return None
        tables.append(read_part(part, unpickle=True))
    # ordered by position, because columns come in the order in which they are first seen
    tables.sort(key=lambda table: int(table.positions.min(initial=MAX_POSITION)))
    table = join_tables(tables)
    if not go_on():
        return None
    merged = write_part(directory, table, parts[0].first, parts[-1].last, writer)
    for part in parts:
        part.path.unlink(missing_ok=True)
    return merged


def worth_merging(spans: Sequence[int], sizes: Sequence[int]) -> slice | None:
    """Return which parts to merge next, given how many batches and how many bytes each of them holds.

    The last `FAN_IN` parts that hold about equally many batches become one, which holds `FAN_IN` times as
    many. So a row is rewritten only as often as the number of batches has digits in base `FAN_IN`.

    Examples
    --------
    >>> worth_merging([16] + 15 * [1], 16 * [500])
    >>> worth_merging([16] + 16 * [1], 17 * [500])
    slice(1, 17, None)
    """
    stop = start = len(spans)
    level = FAN_IN
    while start > 0 and sizes[start - 1] < LARGEST_BYTES // 2:
        while start > 0 and spans[start - 1] < level and sizes[start - 1] < LARGEST_BYTES // 2:
            start -= 1
        if stop - start >= FAN_IN:
            fitting = int(np.searchsorted(np.cumsum(sizes[start:stop]), LARGEST_BYTES, side="right"))
            return slice(start, start + fitting)
        stop, level = start, level * FAN_IN
    return None
