"""What commands print, on a terminal and elsewhere: a stranger's text must not drive one's terminal."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from paramsurvey.cli.output import viewer as viewer_module
from paramsurvey.cli.output.printed_output import PrintedOutput
from paramsurvey.cli.output.viewer import OutputViewer
from paramsurvey.cli.placeholders import NUMBER
from paramsurvey.cli.subcommands import tail as tail_module
from paramsurvey.testing.waiting import wait_until

HOSTILE = b"\x1b]0;new title\x07\x1b[2J\x1b[31mred\x1b[0m\rforged \xff\n"
SHOWN = "\\x1b]0;new title\\x07\\x1b[2J\x1b[31mred\x1b[0m\\rforged \\xff\n\x1b[0m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def piped() -> tuple[io.TextIOWrapper, io.BytesIO]:
    file = io.BytesIO()
    return io.TextIOWrapper(file, encoding="utf-8", write_through=True), file


def test_a_terminal_gets_the_colors_and_everything_else_as_text() -> None:
    terminal = Terminal()
    PrintedOutput(terminal).write(HOSTILE)
    assert terminal.getvalue() == SHOWN


def test_a_pipe_gets_every_byte_as_it_is() -> None:
    stream, file = piped()
    PrintedOutput(stream).write(HOSTILE)
    assert file.getvalue() == HOSTILE


def test_a_character_that_comes_in_two_pieces_is_one() -> None:
    terminal, text_only = Terminal(), io.StringIO()
    for stream in (terminal, text_only):
        output = PrintedOutput(stream)
        for piece in ("é".encode()[:1], "é".encode()[1:], b"\n", b"\xc3"):
            output.write(piece)
        output.write(b"", is_last=True)
        assert stream.getvalue() == "é\n\\xc3"


def test_tail_prints_so_the_last_lines_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "1.stdout").write_bytes(b"".join(b"%d\n" % i for i in range(20)) + HOSTILE)
    tail_module._print_last(str(tmp_path), 1)
    last = b"".join(b"%d\n" % i for i in range(11, 20))
    assert capfdbinary.readouterr().out == b"==> 1 stdout <==\n" + last + HOSTILE
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    tail_module._print_last(str(tmp_path), 1)
    assert terminal.getvalue() == f"==> 1 stdout <==\n{last.decode()}{SHOWN}"


def test_lines_that_are_followed_keep_their_colors_and_cannot_hide_their_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def viewed(stream: io.StringIO) -> str:
        (tmp_path / "1.stdout").write_bytes(b"a\r\n" + HOSTILE)
        monkeypatch.setattr(sys, "stdout", stream)
        with OutputViewer(str(tmp_path), "tag", {}, False, False, lambda number: {}, [1]) as viewer:
            viewer.done({"pset": {"_number": 1}}, {}, None)
        return stream.getvalue()

    assert viewed(Terminal()) == f"tag\ta\ntag\t{SHOWN.replace(chr(10), '')}\n"
    assert viewed(io.StringIO()) == "tag\ta\r\ntag\t" + HOSTILE.decode(errors="backslashreplace")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_a_pipe_gets_the_bytes_that_are_followed_as_they_are(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b"5 \xe2\x82\xac", b"caf\xe9", b"\x1b[2J\0\r"]
    (tmp_path / "1.stdout").write_bytes(b"\n".join(lines))
    reading, writing = os.pipe()
    with open(writing, "w", encoding=encoding, errors="backslashreplace") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        stream.write("printed before\n")
        with OutputViewer(str(tmp_path), "é{a}", {}, False, False, lambda number: {"a": 1}, [1]) as viewer:
            viewer.done({"pset": {NUMBER: 1}}, {}, None)
        stream.write("printed after\n")
    with open(reading, "rb") as pipe:
        shown = b"".join("é1\t".encode() + line + b"\n" for line in lines)
        assert pipe.read() == b"printed before\n" + shown + b"printed after\n"


def test_a_command_is_followed_while_others_finish_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    (tmp_path / "1.stdout").write_text("it runs\n")
    with OutputViewer(str(tmp_path), "", {}, True, False, lambda number: {}, [1, 2]) as viewer:

        def is_shown() -> bool:
            viewer.done({"pset": {NUMBER: 2}}, {}, None)
            return stream.getvalue() == "it runs\n"

        wait_until(is_shown, "nobody looks at what runs")


def test_what_is_done_is_shown_when_the_viewer_has_caught_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(viewer_module, "CATCH_UP_SECONDS", 60.0)
    (tmp_path / "1.stdout").write_text("done\n")
    with OutputViewer(str(tmp_path), "", {}, False, False, lambda number: {}, [1]) as viewer:
        viewer.done({"pset": {NUMBER: 1}}, {}, None)
        viewer.catch_up()
        assert stream.getvalue() == "done\n"
