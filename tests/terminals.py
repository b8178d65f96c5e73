"""A terminal for tests: programs run in a pseudo-terminal, and what a person would see on it."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CODE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
BEGUN = re.compile(r"\x1b(\[[0-9;?]*)?\Z")  # a read may end inside a control code
DEADLINE = 60.0


class Screen:
    """Understands line ends, tabs, cursor up, erase below and colors; anything else is an error."""

    def __init__(self, columns: int = 80) -> None:
        self.columns = columns
        self.rows: list[str] = [""]
        self.row = self.column = 0
        self._begun = ""

    def feed(self, text: str) -> None:
        text = self._begun + text
        begun = BEGUN.search(text)
        self._begun = "" if begun is None else begun.group()
        text = text.removesuffix(self._begun)
        at = 0
        while at < len(text):
            code = CODE.match(text, at)
            if code is not None:
                self._obey(code.group(1), code.group(2))
                at = code.end()
                continue
            self._put(text[at])
            at += 1

    def _obey(self, argument: str, letter: str) -> None:
        if letter == "A":
            self.row = max(0, self.row - int(argument or 1))
        elif letter == "J":
            assert (self.row, self.column) != (0, 0), "tmux keeps in its history what is erased from there"
            del self.rows[self.row + 1 :]
            self.rows[self.row] = self.rows[self.row][: self.column]
        elif letter != "m":
            raise AssertionError(f"unexpected control code {argument}{letter}")

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
            self.column = 0
        elif character == "\t":
            self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)
        else:
            assert character.isprintable(), f"unexpected control character {character!r}"
            if self.column == self.columns:
                self._down()
                self.column = 0
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).rstrip()


class Program:
    """A Python program in a pseudo-terminal."""

    def __init__(self, code: str, columns: int = 80, **environ: str) -> None:
        Path("program.py").write_text(code)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            own = {"XDG_CACHE_HOME": os.getcwd(), "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
            os.environ.update({**own, **environ})
            os.execv(sys.executable, [sys.executable, "program.py"])
        self.resize(columns)
        self.raw = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end inside a character
        self.screen = Screen(columns)
        self.code: int | None = None

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read_until(self, wanted: str) -> str:
        """Read until `wanted` can be seen; return what can be seen then."""
        deadline = time.monotonic() + DEADLINE
        while wanted not in self.screen.text():
            assert time.monotonic() < deadline, self.screen.text()
            assert self._read(), f"it ended: {self.screen.text()}"
        return self.screen.text()

    def finish(self) -> str:
        """Read to the end; return what can be seen then."""
        while self._read():
            pass
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.screen.text()

    def _read(self) -> bool:
        ready, _, _ = select.select([self.fd], [], [], DEADLINE)
        assert ready, f"silence: {self.screen.text()}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # how Linux says that the other side has closed it
            data = b""
        text = self._decoder.decode(data)
        self.raw += text
        self.screen.feed(text)
        return bool(data)

    def press_ctrl_c(self) -> None:
        os.write(self.fd, b"\x03")

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextmanager
def running(code: str, columns: int = 80, **environ: str) -> Iterator[Program]:
    """Run a program until the end of the block."""
    program = Program(code, columns, **environ)
    try:
        yield program
    finally:
        program.close()
