"""Writing small files so that they are there for good, or not at all."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot, and need not
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_aside(directory: Path, name: str, text: str) -> Path:
    """Write a synced file next to where it shall be; return its path."""
    aside = directory / f".{name}.{uuid.uuid4().hex}.tmp"
    try:
        with open(aside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    return aside


def replace_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file by another at once: nobody ever sees half of it."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
    aside = write_aside(path.parent, path.name, text + "\n")
    try:
        os.replace(aside, path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's content, None where there is no such file or it holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None
