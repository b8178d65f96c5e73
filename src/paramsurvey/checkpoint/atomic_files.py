"""Writing files so that each is either there, whole and durable, or not there at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.plain_files import NotAPlainFile, open_plain

CHECKSUM = "checksum"
PRIVATE = 0o600  # for files that may hold secrets: only their owner can read them
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
NO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})  # of file systems that cannot sync
LARGEST_JSON = 1 << 28  # bytes: no file that this package writes is nearly as large


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable, if the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot, and need not
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(descriptor: int) -> None:
    """Wait until a file is on the disk, if its file system can tell.

    Raises
    ------
    OSError
        The disk is full or damaged.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def write_aside(path: Path, content: bytes | memoryview, mode: int = 0o666, sync: bool = True) -> Path:
    """Write a file beside `path`, with a name that cannot be guessed; return its path.

    It is always a new file: if there is a link with its name, this fails instead of following the link.

    Parameters
    ----------
    path : Path
        The file that the content is meant for.
    content : bytes
    mode : int
        The file's permissions, less the umask.
    sync : bool
        Whether to wait until it is on the disk.

    Raises
    ------
    OSError
        It cannot be written; nothing is left behind.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if sync:
                file.flush()
                sync_file(file.fileno())
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    return aside


def write_whole(path: Path, content: bytes | memoryview, mode: int = 0o666) -> None:
    """Write or replace a file so that a reader sees either the old content or all of the new.

    Parameters
    ----------
    path : Path
    content : bytes
    mode : int
        The file's permissions, less the umask.

    Raises
    ------
    OSError
        It cannot be written; the file that was there before still is.
    """
    aside = write_aside(path, content, mode)
    try:
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def replace_json(path: Path, content: Mapping[str, Any], ascii_only: bool = False) -> None:
    """Write or replace a JSON file, with a checksum, that only its owner can read.

    Parameters
    ----------
    path : Path
    content : mapping
    ascii_only : bool
        Whether to escape all other characters. If not, lone surrogates become question marks, because not
        every program understands them.
    """
    text = json.dumps(content, ensure_ascii=ascii_only, default=str)
    read_back = json.loads(text.encode("utf-8", "replace"))
    whole = {**read_back, CHECKSUM: checksum_of(read_back)}
    text = json.dumps(whole, indent=2, ensure_ascii=ascii_only)
    write_whole(path, (text + "\n").encode(), PRIVATE)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's content; None if there is no such file, or it does not hold a JSON object."""
    try:
        with open_plain(path) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_JSON:
                return None
            content = json.loads(file.read().decode())
    except (FileNotFoundError, NotADirectoryError, NotAPlainFile, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def checksum_of(content: Mapping[str, Any]) -> str:
    """Return the checksum of a file's content, without the checksum that is stored in it."""
    values = {name: value for name, value in content.items() if name != CHECKSUM}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
