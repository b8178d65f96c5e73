"""Files that are there whole and for good, or not at all; some of them only their owner reads."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.checkpoint import atomic_files
from paramsurvey.checkpoint.atomic_files import (
    LARGEST_JSON,
    checksum_of,
    read_json,
    replace_json,
    sync_directory,
    write_aside,
    write_whole,
)

on_unix = pytest.mark.skipif(os.name != "posix", reason="directories are synced where that is possible")
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the disk is asked to do, in order."""
    found: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        size = "" if is_directory else f" of {os.fstat(descriptor).st_size} bytes"
        found.append(f"sync {'the directory' if is_directory else 'a file'}{size}")
        sync(descriptor)

    def renamed(before: Path, after: Path) -> None:
        found.append(f"rename to {after.name}")
        replace(before, after)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", renamed)
    return found


@on_unix
def test_a_file_has_its_name_when_its_content_is_on_the_disk_and_then_the_name_gets_there(
    calls: list[str], tmp_path: Path
) -> None:
    write_whole(tmp_path / "part", b"12345")
    assert calls == ["sync a file of 5 bytes", "rename to part", "sync the directory"]
    assert (tmp_path / "part").read_bytes() == b"12345"


def test_what_need_not_be_on_the_disk_is_not_waited_for(calls: list[str], tmp_path: Path) -> None:
    aside = write_aside(tmp_path / "part", b"12345", sync=False)
    assert calls == []
    assert aside.read_bytes() == b"12345"
    write_aside(tmp_path / "part", b"12345")
    assert calls == ["sync a file of 5 bytes"]


def fail(*_: object) -> None:
    raise NO_SPACE


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_what_was_there_and_nothing_else(
    step: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "part").write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "part", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["part"]
    assert (tmp_path / "part").read_bytes() == b"old"


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_sync_is_written_to_all_the_same(
    error: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cannot(_: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", cannot)
    write_whole(tmp_path / "part", b"new")
    assert (tmp_path / "part").read_bytes() == b"new"


@on_unix
def test_a_directory_that_cannot_be_synced_is_no_error_and_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(os, "close", lambda descriptor: closed.append(descriptor) or close(descriptor))  # type: ignore[func-returns-value]
    sync_directory(tmp_path)
    assert len(closed) == 1


@on_unix
@pytest.mark.usefixtures("usual_umask")
def test_others_may_read_a_part_and_not_what_may_hold_secrets(tmp_path: Path) -> None:
    write_whole(tmp_path / "part", b"")
    replace_json(tmp_path / "run.json", {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"part": 0o644, "run.json": 0o600}
    aside = write_aside(tmp_path / "part", b"")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o644


# ---- JSON


def test_the_checksum_is_of_the_content_whatever_its_order_and_is_not_part_of_it() -> None:
    text = b'{"a":[1,"\\u00e9"],"b":{"x":2,"y":3}}'
    expected = hashlib.blake2b(text, digest_size=16).hexdigest()
    assert checksum_of({"b": {"y": 3, "x": 2}, "a": [1, "é"]}) == expected
    assert checksum_of({"b": {"y": 3, "x": 2}, "a": [1, "é"], "checksum": "another"}) == expected
    assert checksum_of({"b": {"y": 3, "x": 2}, "a": [2, "é"]}) != expected


def test_what_is_written_is_read_back_with_its_checksum(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None], "name": "naïve 日本"}
    replace_json(tmp_path / "run.json", content)
    assert read_json(tmp_path / "run.json") == {**content, "checksum": checksum_of(content)}
    text = (tmp_path / "run.json").read_text()
    assert text.startswith('{\n  "a": [\n'), "people read it"
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("ascii_only", "text", "kept"),
    [
        (False, "naïve", '"naïve"'),
        (True, "naïve", '"na\\u00efve"'),
        (False, "half \ud800", '"half ?"'),
        (True, "half \ud800", '"half \\ud800"'),
    ],
)
def test_halves_of_characters_are_question_marks_where_no_escapes_are_wanted(
    ascii_only: bool, text: str, kept: str, tmp_path: Path
) -> None:
    replace_json(tmp_path / "run.json", {"a": text}, ascii_only)
    assert kept in (tmp_path / "run.json").read_text()
    found: Any = read_json(tmp_path / "run.json")
    assert found["checksum"] == checksum_of(found)


def test_other_characters_are_written_as_they_are_unless_escapes_are_asked_for(tmp_path: Path) -> None:
    replace_json(tmp_path / "run.json", {"a": "naïve"})
    assert "naïve" in (tmp_path / "run.json").read_text()


@pytest.mark.parametrize("content", ["", "{", "[1]", '"text"', "null", "[" * 100_000, "\xff"])
def test_what_is_no_json_of_ours_is_as_good_as_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
    assert read_json(tmp_path / "run.json") is None


def test_where_there_is_no_file_there_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_json(tmp_path / "run.json") is None
    assert read_json(tmp_path / "file" / "run.json") is None
    assert read_json(tmp_path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="files may not be sparse there")
def test_a_file_that_is_far_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert LARGEST_JSON == 256 * 2**20
    monkeypatch.setattr(atomic_files, "LARGEST_JSON", 100)
    for size, is_read in ((100, True), (101, False)):
        (tmp_path / "run.json").write_text(json.dumps({"a": "x" * (size - 9)}))
        assert (tmp_path / "run.json").stat().st_size == size
        assert (read_json(tmp_path / "run.json") is not None) == is_read
