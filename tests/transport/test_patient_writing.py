"""Text for streams that stand still: no write waits, and what was not written is known."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import pty
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from paramsurvey.testing.waiting import wait_until
from paramsurvey.transport import patient_writing
from paramsurvey.transport.patient_writing import takes_text, write_patiently
from paramsurvey.transport.readiness import ready
from paramsurvey.worker.machine import allow_open_files

LINES = "".join(f"{number} naïve {'x' * 200}\n" for number in range(2000))  # more than any pipe holds
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at pipes of Linux")


@contextmanager
def ends(kind: str) -> Iterator[tuple[int, TextIO]]:
    """Yield the end where a terminal or a pipe is read, and a stream that writes into it."""
    reading, writing = pty.openpty() if kind == "terminal" else os.pipe()
    with open(writing, "w", encoding="utf-8") as stream:
        yield reading, stream
        os.set_blocking(reading, False)
        while select.select([reading], [], [], 0)[0]:
            os.read(reading, 1 << 16)
    os.close(reading)


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_nobody_waits_for_who_does_not_read(kind: str, seconds: float) -> None:
    with ends(kind) as (_, stream):
        first = write_patiently(stream, LINES, seconds)
        assert 0 < first < len(LINES)
        assert write_patiently(stream, LINES[first:], seconds) < 1024


def test_nobody_waits_where_the_descriptor_is_too_large_for_select_either() -> None:
    allow_open_files(4096)
    with ends("pipe") as (_, stream), open(fcntl.fcntl(stream, fcntl.F_DUPFD, 1100), "w") as high:
        written = write_patiently(high, LINES)
        assert 0 < written < len(LINES)
        assert not takes_text(high)


@pytest.mark.parametrize("number", [60, 1100])
def test_a_descriptor_that_is_closed_is_an_error(number: int) -> None:
    allow_open_files(4096)
    descriptor = fcntl.fcntl(0, fcntl.F_DUPFD, number)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        ready([descriptor], [], 0.0)


def read_all(reading: int, count: int) -> bytes:
    found = b""
    while len(found) < count and (data := os.read(reading, 1 << 16)):
        found += data
    return found


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_who_reads_late_gets_everything_once_and_in_order(kind: str) -> None:
    wanted = LINES.replace("\n", "\r\n" if kind == "terminal" else "\n").encode()
    with ends(kind) as (reading, stream):
        found: list[bytes] = []
        written = write_patiently(stream, LINES)
        reader = threading.Thread(target=lambda: found.append(read_all(reading, len(wanted))))
        reader.start()
        while written < len(LINES):
            written += write_patiently(stream, LINES[written:], 1.0)
        reader.join()
    assert found == [wanted]


def test_what_the_program_has_printed_before_comes_first() -> None:
    with ends("pipe") as (reading, stream):
        stream.write("first ")
        assert write_patiently(stream, "second") == 6
        assert os.read(reading, 100) == b"first second"


def test_whoever_else_has_the_pipe_open_still_waits_for_it() -> None:
    with ends("pipe") as (_, stream):
        write_patiently(stream, LINES)
        assert os.get_blocking(stream.fileno())


def test_a_pipe_that_nobody_will_read_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w")  # noqa: SIM115  (it is closed below)
    with pytest.raises(BrokenPipeError):
        write_patiently(stream, "a\n")
    stream.close()


def test_a_stream_of_the_users_own_gets_the_text_itself() -> None:
    class Tee(io.StringIO):
        def fileno(self) -> int:
            return 1

    stream = Tee()
    assert write_patiently(stream, "a\n") == 2
    assert stream.getvalue() == "a\n"


def test_a_stream_that_python_made_of_something_else_than_a_file_gets_the_text_itself() -> None:
    memory = io.BytesIO()
    stream = io.TextIOWrapper(memory, encoding="utf-8")
    assert write_patiently(stream, "naïve\n") == 6
    assert memory.getvalue() == "naïve\n".encode()


def test_text_does_not_go_past_what_compresses_it() -> None:
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        compressed = gzip.GzipFile(fileobj=pipe, mode="wb")
        with io.TextIOWrapper(compressed, encoding="utf-8") as stream:
            assert write_patiently(stream, "naïve\n") == 6
    assert gzip.decompress(read_all(reading, 1 << 16)) == "naïve\n".encode()
    os.close(reading)


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_python_without_buffers_does_not_wait_either(kind: str) -> None:
    with ends(kind) as (_, other):
        raw = io.FileIO(os.dup(other.fileno()), "w")
        with io.TextIOWrapper(raw, encoding="utf-8", write_through=True) as stream:
            assert 0 < write_patiently(stream, LINES) < len(LINES)


def test_a_stream_without_its_file_is_an_error() -> None:
    with ends("pipe") as (_, other):
        stream = open(os.dup(other.fileno()), "w")  # noqa: SIM115  (its file is closed below)
        stream.detach().close()
        with pytest.raises(ValueError, match="detached"):
            write_patiently(stream, "a\n")


def fill(descriptor: int) -> None:
    """Fill a pipe, without a change of what others see of it."""
    again = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(again, b"x" * select.PIPE_BUF)
    except BlockingIOError:
        os.close(again)


def test_a_stream_of_the_users_own_that_stands_still_gets_nothing() -> None:
    class Tee(io.TextIOWrapper):
        pass

    with ends("pipe") as (_, other):
        fill(other.fileno())
        with Tee(io.BytesIO(), encoding="utf-8") as stream:
            stream.fileno = other.fileno  # type: ignore[method-assign]
            assert write_patiently(stream, "a\n") == 0
            assert stream.tell() == 0


def test_room_that_another_program_took_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    write, tries = os.write, iter([BlockingIOError(), BlockingIOError()])

    def taken_twice(descriptor: int, data: bytes) -> int:
        for error in tries:
            raise error
        return write(descriptor, data)

    with ends("pipe") as (reading, stream):
        monkeypatch.setattr(os, "write", taken_twice)
        assert write_patiently(stream, "a\nb\n", 60.0) == 4
        monkeypatch.undo()
        assert os.read(reading, 100) == b"a\nb\n"


def test_who_gives_no_time_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with ends("pipe") as (_, stream):
        fill(stream.fileno())
        waits = []
        monkeypatch.setattr(
            patient_writing, "ready", lambda *asked: (waits.append(asked[-1]), ready(*asked))[1]
        )
        assert write_patiently(stream, "a\n") == 0
        monkeypatch.undo()
    assert waits == [0.0]


def test_lines_stay_whole_and_no_piece_is_more_than_a_pipe_takes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write, pieces = os.write, []

    def noted(descriptor: int, data: bytes) -> int:
        pieces.append(data.decode())
        return write(descriptor, data)

    lines, long = "".join(f"{number}: {'x' * 300}\n" for number in range(9)), "😀" * 2500
    with ends("pipe") as (reading, stream):
        monkeypatch.setattr(os, "write", noted)
        assert write_patiently(stream, lines + long) == len(lines + long)
        monkeypatch.undo()
        assert read_all(reading, len((lines + long).encode())).decode() == lines + long
    assert all(len(piece.encode()) <= select.PIPE_BUF for piece in pieces)
    assert [piece.count("\n") for piece in pieces if piece.endswith("\n")] == [3, 3, 3]


def test_in_a_file_the_text_stands_behind_what_is_there(tmp_path: Path) -> None:
    with (tmp_path / "output").open("w") as stream:
        stream.write("first ")
        assert write_patiently(stream, "second ") == 7
        assert write_patiently(stream, "third") == 5
    assert (tmp_path / "output").read_text() == "first second third"


def test_while_the_programs_own_text_waits_no_other_stream_does() -> None:
    with ends("pipe") as (reading, stream):
        fill(stream.fileno())
        os.read(reading, select.PIPE_BUF)
        stream.write("y" * 6000)  # more than has room, and not flushed
        writer = threading.Thread(target=write_patiently, args=(stream, "z\n"))
        writer.start()
        wait_until(
            lambda: not select.select([], [stream.fileno()], [], 0)[1], "the program's text is not written"
        )
        is_free = not patient_writing._redirecting.locked()
        while writer.is_alive():
            if select.select([reading], [], [], 0.01)[0]:
                os.read(reading, 1 << 16)
        assert is_free


def test_a_lock_that_ctrl_c_or_a_fork_left_held_is_free_after_one_piece() -> None:
    patient_writing._redirecting.acquire()
    with ends("pipe") as (_, stream):
        assert write_patiently(stream, "a\n") == 2
    assert not patient_writing._redirecting.locked()


def test_a_character_that_a_terminal_took_in_part_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a€😀é€\n" * 3
    write = os.write
    with ends("pipe") as (reading, stream):
        for most in range(1, 8):
            monkeypatch.setattr(os, "write", lambda fd, data, most=most: write(fd, data[:most]))
            done = 0
            for _ in text.encode():
                done += write_patiently(stream, text[done:])
            monkeypatch.undo()
            assert os.read(reading, 1 << 16).decode() == text


@pytest.mark.parametrize("encoding", ["iso2022_jp", "utf-8-sig", "utf-16"])
def test_an_encoding_with_a_state_is_left_to_the_stream(encoding: str) -> None:
    text = "日本語\n日本\n"
    reading, writing = os.pipe()
    with open(writing, "w", encoding=encoding) as stream:
        assert write_patiently(stream, text) == len(text)
        assert not patient_writing._is_plain(stream)
    assert read_all(reading, 1 << 16).decode(encoding) == text
    os.close(reading)


@pytest.mark.parametrize("is_pipe", [True, False])
def test_a_character_that_the_encoding_lacks_is_written_with_a_backslash(is_pipe: bool) -> None:
    reading, writing = os.pipe()
    memory = io.BytesIO()
    file = io.FileIO(writing, "w") if is_pipe else memory
    stream = io.TextIOWrapper(file, encoding="latin-1")
    assert write_patiently(stream, "é 5 €\n") == 6
    assert (os.read(reading, 100) if is_pipe else memory.getvalue()) == b"\xe9 5 \\u20ac\n"
    stream.close()
    os.close(reading)
    if not is_pipe:
        os.close(writing)


def test_the_stream_says_what_becomes_of_a_character_that_its_encoding_lacks() -> None:
    reading, writing = os.pipe()
    with open(writing, "w", encoding="ascii", errors="replace") as stream:
        assert write_patiently(stream, "5 €\n") == 4
        assert os.read(reading, 100) == b"5 ?\n"
    os.close(reading)


def test_a_stream_that_does_not_say_what_it_takes_gets_ascii_where_it_refuses_a_character() -> None:
    class Refusing(io.StringIO):
        def write(self, text: str, /) -> int:
            return super().write(text.encode("ascii").decode())

    stream = Refusing()
    assert write_patiently(stream, "5 €\n") == 4
    assert stream.getvalue() == "5 \\u20ac\n"
