"""The bottom of a terminal, where a few lines are drawn again and again; what is printed appears above them.

This is true of everything that is printed. As long as there are lines, the descriptors of stdout and stderr
themselves lead to a pseudo-terminal, so that handlers of `logging`, C code and subprocesses are seen as well.
A thread writes what arrives there to the real terminal. Only this thread waits for the terminal, for example
after Ctrl-S.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO, cast

from paramsurvey.errors import SurveyError
from paramsurvey.reporting.reporters.terminal_codes import ScreenText
from paramsurvey.transport.patient_writing import open_without_waiting, redirection_lock
from paramsurvey.transport.readiness import ready
from paramsurvey.transport.threads import start_thread

READ = 1 << 16  # bytes
MOST_KEPT = 1 << 24  # bytes that wait for a stopped terminal; with more, the program waits when it prints
GATHER = 0.002  # seconds to wait for more, so that lines that are printed in succession are written together
FRAME = 0.05  # seconds between two drawings
FINISH = 1.0  # seconds to wait at the end for a terminal that takes no output
PIECE = 512  # bytes to write to a terminal at a time


class Screen:
    """Draws lines on a terminal, below everything else that is written there.

    Parameters
    ----------
    stream : text stream
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._relay: _Relay | None = None
        self._slave = -1  # the end of the pseudo-terminal to print to; while it is open, the relay goes on
        self._saved: dict[int, int] = {}  # copies of the descriptors that now lead to the pseudo-terminal

    def open(self) -> None:
        """Begin to draw, and to catch what is printed. Calling it twice is harmless.

        Raises
        ------
        OSError, SurveyError
            There is no pseudo-terminal, descriptor or thread left. Nothing was changed.
        """
        if self._relay is not None:
            return
        ours = self._stream.fileno()
        terminal = os.fstat(ours).st_rdev
        master, slave = _pseudo_terminal()
        try:
            reopened = open_without_waiting(ours)
            relay = _Relay(os.dup(ours) if reopened is None else reopened, master)
        except BaseException:
            os.close(master)
            os.close(slave)
            raise
        try:
            start_thread(relay)
        except SurveyError:
            relay.close()
            os.close(slave)
            raise
        with redirection_lock():
            for fd in {1, 2, ours}:
                with suppress(OSError):
                    if os.isatty(fd) and os.fstat(fd).st_rdev == terminal:
                        self._saved[fd] = os.dup(fd)
                        os.dup2(slave, fd)
        self._slave = slave
        self._relay = relay

    def show(self, lines: Sequence[str], widths: Sequence[int]) -> None:
        """Replace the lines; `widths` are the new ones' widths without control codes."""
        if self._relay is not None:
            self._relay.show(lines, widths)

    def close(self) -> None:
        """Remove the lines, and restore the descriptors. Calling it twice is harmless."""
        relay, self._relay = self._relay, None
        if relay is None:
            return
        try:
            is_clean = relay.end()  # first, since what others print into the lines would be removed with them
            with redirection_lock():
                for fd, saved in self._saved.items():
                    os.dup2(saved, fd)
                    os.close(saved)
            self._saved.clear()
            is_finished = is_clean and relay.finish()
        finally:
            os.close(self._slave)
        if is_finished:
            relay.join(FINISH / 10)  # it goes on while a process that was started meanwhile can still print

    def size(self) -> os.terminal_size:
        """Return the terminal's size now."""
        return _size(self._relay.terminal if self._relay is not None else self._stream.fileno())


class _Relay(threading.Thread):
    """Writes what is printed to the terminal, and the lines below it.

    Parameters
    ----------
    terminal : int
        A descriptor that only this thread uses.
    source : int
        The end of the pseudo-terminal from which what is printed is read.
    """

    def __init__(self, terminal: int, source: int) -> None:
        super().__init__(name="paramsurvey-screen", daemon=True)
        self.terminal = terminal
        self._source = source
        self._waking, self._bell = os.pipe()
        os.set_blocking(self._waking, False)
        os.set_blocking(self._bell, False)
        os.set_blocking(source, False)
        _copy_size(terminal, source)
        self._text = ScreenText(lambda: _size(terminal))
        self._wanted: tuple[Sequence[str], Sequence[int]] | None = None
        self._ending = False
        self._closing = threading.Lock()  # held while the bell is rung or closed
        self._is_closed = False
        self._drained = threading.Event()
        self._printed = bytearray()  # what was printed and not yet given to `_text`
        self._out = bytearray()  # what the terminal has not taken yet
        self._drawn_at = 0.0

    def show(self, lines: Sequence[str], widths: Sequence[int]) -> None:
        """Have the lines replaced soon."""
        _copy_size(self.terminal, self._source)
        self._wanted = lines, widths
        self._ring()

    def end(self) -> bool:
        """Have the lines removed; tell whether that and all output has reached the terminal in `FINISH`."""
        self._ending = True
        self._ring()
        return self._drained.wait(FINISH)

    def finish(self) -> bool:
        """Wait until the last output is on the terminal, but at most `FINISH`; tell whether it is."""
        self._drained.clear()
        self._ring()
        return self._drained.wait(FINISH)

    def _ring(self) -> None:
        with self._closing, suppress(BlockingIOError):
            if not self._is_closed:
                os.write(self._bell, b"!")

    def run(self) -> None:
        """Relay until nobody can print there any more."""
        more = True
        while more or self._printed or self._out:
            self._wait(more)
            if more and len(self._printed) + len(self._out) < MOST_KEPT:
                more = self._read()
            self._draw()
            self._write()
            if self._ending and not (self._printed or self._out or (more and _is_readable(self._source))):
                self._drained.set()
        self.close()

    def close(self) -> None:
        """Close all descriptors."""
        with self._closing:
            self._is_closed = True
            for fd in (self._source, self.terminal, self._waking, self._bell):
                os.close(fd)

    def _wait(self, more: bool) -> None:
        """Wait until there is something to do."""
        readers = [self._waking, self._source] if more else [self._waking]
        if len(self._printed) + len(self._out) >= MOST_KEPT:
            readers = [self._waking]
        due = max(0.0, self._drawn_at + FRAME - time.monotonic()) if self._printed else None
        there = ready(readers, [self.terminal] if self._out else [], due)
        if self._waking in there:
            os.read(self._waking, READ)
        if self._source in there:
            time.sleep(GATHER)

    def _read(self) -> bool:
        """Read what was printed; return False if nobody can print any more."""
        try:
            while len(self._printed) < READ:
                data = os.read(self._source, READ)
                if not data:
                    return False
                self._printed += data
        except BlockingIOError:
            return True
        except OSError:  # Linux raises it if the other end is closed
            return False
        return True

    def _draw(self) -> None:
        now = time.monotonic()
        wanted, self._wanted = self._wanted, None
        if self._printed and (self._ending or now >= self._drawn_at + FRAME or len(self._printed) >= READ):
            self._out += self._text.printed(bytes(self._printed))
            self._printed.clear()
            self._drawn_at = now
        if self._ending:
            self._out += self._text.clear()
        elif wanted is not None and not self._out_is_long():
            self._out += self._text.show(*wanted)
            self._drawn_at = now

    def _out_is_long(self) -> bool:
        """Tell whether the terminal has stopped, so that it should not get one drawing after another."""
        return len(self._out) > READ

    def _write(self) -> None:
        """Write as much as the terminal takes now."""
        try:
            while self._out and ready([], [self.terminal], 0):
                del self._out[: os.write(self.terminal, self._out[:PIECE])]
        except BlockingIOError:  # it has too little room
            time.sleep(FRAME)
        except OSError:  # the terminal was closed, but the survey goes on
            self._out.clear()


def _pseudo_terminal() -> tuple[int, int]:
    """Return a new pseudo-terminal that passes on what it gets unchanged."""
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave


def _is_readable(fd: int) -> bool:
    return bool(ready([fd], [], 0))


def _copy_size(terminal: int, other: int) -> None:
    """Give a pseudo-terminal the size of the terminal, because programs ask for it."""
    import termios

    with suppress(termios.error, OSError):
        size = termios.tcgetwinsize(terminal)
        if size != termios.tcgetwinsize(other):
            termios.tcsetwinsize(other, size)


def _size(fd: int) -> os.terminal_size:
    try:
        size = os.get_terminal_size(fd)
    except OSError:
        return os.terminal_size((80, 24))
    return os.terminal_size((size.columns or 80, size.lines or 24))


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook, without loading anything."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "ipykernel" in sys.modules and getattr(shell, "kernel", None) is not None


def is_terminal(stream: object) -> bool:
    """Tell whether a stream really writes to a terminal, whatever its own `isatty` says."""
    with suppress(AttributeError, ValueError, OSError):
        return os.isatty(cast(TextIO, stream).fileno())
    return False
