"""A few lines at the bottom of a terminal, below everything that is printed."""

from __future__ import annotations

import os
import pty
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramsurvey.errors import SurveyError
from paramsurvey.reporting.reporters.screen import Screen, _Relay, is_terminal
from paramsurvey.reporting.reporters.terminal_codes import ScreenText
from paramsurvey.worker.machine import allow_open_files
from terminals import Screen as Picture


class Shown:
    """What a person would see of a `ScreenText`."""

    def __init__(self, columns: int = 80) -> None:
        self.columns = columns
        self.text = ScreenText(lambda: os.terminal_size((self.columns, 24)))
        self.written = b""

    def show(self, *lines: str) -> None:
        self.written += self.text.show(lines, [len(line) for line in lines])

    def printed(self, text: str) -> None:
        self.written += self.text.printed(text.encode())

    def lines(self) -> list[str]:
        picture = Picture(self.columns)
        picture.feed(self.written.decode())
        return picture.text().splitlines()


def test_prints_appear_above() -> None:
    shown = Shown()
    shown.show("bar", "counts")
    shown.printed("one\ntwo\n")
    assert shown.lines() == ["one", "two", "bar", "counts"]
    shown.show("bar!")
    assert shown.lines() == ["one", "two", "bar!"]
    shown.written += shown.text.clear()
    assert shown.lines() == ["one", "two"]


def test_a_prompt_is_alone_until_the_next_picture() -> None:
    shown = Shown()
    shown.show("bar")
    shown.printed("(Pdb) ")
    assert shown.lines() == ["(Pdb)"]
    shown.show("bar")
    assert shown.lines() == ["(Pdb)", "bar"]


def test_a_line_is_whole_though_a_picture_was_drawn_while_it_was_printed() -> None:
    shown = Shown()
    shown.show("bar")
    shown.printed("begun, ")
    shown.show("bar")
    shown.printed("and ")
    shown.show("bar")
    shown.printed("ended\nnext\n")
    assert shown.lines() == ["begun, and ended", "next", "bar"]


def test_an_unfinished_line_that_is_too_long_to_be_drawn_again_is_broken() -> None:
    shown = Shown()
    shown.show("bar")
    shown.printed("x" * 100)
    shown.show("bar")
    shown.printed("y\n")
    assert shown.lines() == ["x" * 80, "x" * 20, "y", "bar"]


def test_a_terminal_that_became_narrower_is_cleaned() -> None:
    shown = Shown()
    shown.printed("above\n")
    shown.show("x" * 70, "y" * 30)
    shown.columns = 40  # it has wrapped what was drawn before
    shown.show("z")
    assert shown.lines() == ["above", "z"]


def test_bytes_that_are_no_text_are_passed_on() -> None:
    shown = Shown()
    shown.show("bar")
    assert b"\xff\n" in shown.text.printed(b"\xff\n")
    assert shown.text.printed(b"\xe2\x94").endswith(b"\xe2\x94")


def test_a_stream_that_only_says_that_it_is_a_terminal_is_none() -> None:
    class Pretender:
        def isatty(self) -> bool:
            return True

    assert not is_terminal(Pretender())


@pytest.fixture(params=["few", "more than select(2) takes"])
def open_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold so many files open, as a driver with many workers does."""
    allow_open_files(4096)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(10 if request.param == "few" else 1100)]
    yield
    for fd in held:
        os.close(fd)


@pytest.mark.usefixtures("open_files")
def test_the_descriptors_are_given_back_and_nothing_is_lost() -> None:
    ours, theirs = pty.openpty()
    read: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(ours, read))
    with os.fdopen(theirs, "w") as stream:
        reader.start()
        screen = Screen(stream)
        screen.open()
        screen.open()
        screen.show(["bar"], [3])
        for number in range(1000):
            os.write(stream.fileno(), f"line {number}\n".encode())
        screen.close()
        screen.close()
        os.write(stream.fileno(), b"after\n")
    reader.join()
    os.close(ours)
    picture = Picture(80)
    picture.feed(b"".join(read).decode())
    assert picture.text().splitlines() == [*(f"line {number}" for number in range(1000)), "after"]


def _read_all(fd: int, read: list[bytes]) -> None:
    while True:
        try:
            read.append(os.read(fd, 65536))
        except OSError:  # how Linux says that the other side has closed it
            return


def test_the_relay_waits_for_what_is_printed_last_however_late_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[int] = []
    finish = _Relay.finish

    def late(relay: _Relay) -> bool:
        poll = select.poll()
        poll.register(relay._source, 0)  # asks only whether nobody can print there any more
        found.extend(event for _, event in poll.poll(0))
        return finish(relay)

    monkeypatch.setattr(_Relay, "finish", late)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        screen = Screen(stream)
        screen.open()
        relay = screen._relay
        screen.close()
        assert relay is not None
        relay.join()  # once it was asked, it ends
    os.close(ours)
    assert found == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_where_no_thread_can_be_started_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        before = os.listdir("/proc/self/fd")
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(SurveyError, match=r"no more threads .*: end processes, or raise the limit"):
                Screen(stream).open()
        assert os.listdir("/proc/self/fd") == before
        assert os.ttyname(stream.fileno()) == os.ttyname(theirs)
    os.close(ours)


def test_a_relay_that_has_ended_writes_into_nobodys_file(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    source, slave = pty.openpty()
    relay = _Relay(os.dup(theirs), source)
    os.close(slave)
    relay.start()
    relay.join()
    with open(tmp_path / "file", "wb") as file:
        bell = os.dup2(file.fileno(), relay._bell)
        relay._ring()
        if bell != file.fileno():
            os.close(bell)
    assert (tmp_path / "file").read_bytes() == b""
    os.close(ours)
    os.close(theirs)
