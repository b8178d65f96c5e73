"""Whoever reads files of a checkpoint never waits for a pipe, and is told what is no file."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest

from paramsurvey.checkpoint.plain_files import NotAPlainFile, PlainFile, checkpoint_path, is_plain, open_plain
from paramsurvey.errors import NotACheckpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes pipes and sockets")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(path.parent)  # a socket's path may not be long
        one.bind(path.name)


STRANGE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a directory": os.mkdir,
    "a socket": a_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a directory": lambda path: path.symlink_to("/"),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_no_file_is_refused_at_once_and_nothing_stays_open(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "part"
    make(path)
    assert not is_plain(path)
    before = os.listdir("/dev/fd")
    with pytest.raises((NotAPlainFile, FileNotFoundError)) as told:
        open_plain(path)
    assert told.value.filename in (path, str(path))
    if isinstance(told.value, NotAPlainFile):
        assert told.value.strerror == "it is not a plain file"
    assert os.listdir("/dev/fd") == before


def test_a_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"content\r\n\x1a\xff")
    (tmp_path / "link").symlink_to("part")
    for name in ("part", "link"):
        assert is_plain(tmp_path / name)
        with open_plain(tmp_path / name) as file:
            assert file.read() == b"content\r\n\x1a\xff"
            assert not os.get_inheritable(file.fileno()), "workers do not get it"


def test_where_reading_would_wait_as_in_some_files_of_the_kernel_there_is_nothing_to_read() -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    with PlainFile(FileIO(ours)) as file, open(theirs, "wb"):
        assert file.read() == b""


def test_what_is_not_there_is_neither(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_plain(tmp_path / "part")
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "part")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_a_file_that_cannot_be_opened_is_told_as_the_system_tells_it(
    number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "part").touch()

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=os.strerror(number)) as told:
        open_plain(tmp_path / "part")
    assert not isinstance(told.value, NotAPlainFile)


def test_who_may_not_look_is_told_that_not_that_it_is_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "part")

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        open_plain(tmp_path / "part")


def test_the_path_of_a_checkpoint_is_what_was_given_where_it_can_be_one(tmp_path: Path) -> None:
    assert checkpoint_path(str(tmp_path)) == tmp_path
    assert checkpoint_path("nowhere") == Path("nowhere")
    (tmp_path / "file").touch()
    assert checkpoint_path(tmp_path / "file" / "dir") == tmp_path / "file" / "dir"


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_path_that_can_be_none_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(NotACheckpoint, match=r"give the directory of a checkpoint$"):
        checkpoint_path(name)
