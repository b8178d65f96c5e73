"""What workers print: passed on in whole lines, the last ones kept for whoever asks why a worker died."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from paramsurvey.transport.new_files import first_new, open_own

TAIL_LINES = 30
LABEL = "\0"  # begins the line by which a worker tells which pset prints what follows
PIPE = 1 << 16  # bytes that a pipe holds
LONGEST_LINE = 1 << 24  # bytes: what has no newline for so long is passed on in pieces
FINISH_SECONDS = 1.0  # a terminal that takes no output for so long holds up no survey


@dataclass
class WorkerStream:
    """One worker's stdout or stderr."""

    fd: int
    name: str  # 'stdout' or 'stderr': the driver's stream that gets the lines
    pid: int = 0
    label: str = ""  # which pset prints, where the worker tells
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    closed: threading.Event = field(default_factory=threading.Event)
    pending: bytearray = field(default_factory=bytearray)  # the begin of a line

    def lines(self) -> str:
        """Return the last lines that were written."""
        return "".join(self.tail)


class OutputRelay:
    """Reads what all workers print, in one thread, so that none of them ever waits for the driver."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._bell = socket.socketpair()
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._arrivals: deque[WorkerStream] = deque()
        self._finishes: deque[threading.Event] = deque()
        self._ended = False
        self._stem: str | None = None
        self._logs: dict[tuple[str, int], str] = {}
        self._thread = threading.Thread(target=self._relay, daemon=True, name="paramsurvey-output")
        self._thread.start()

    def log_to(self, stem: str | None) -> None:
        """From now on write a file for each worker, whose name begins with `stem`; None: none."""
        self._stem = stem

    def add(self, fd: int, name: str, pid: int = 0) -> WorkerStream:
        """Pass on what arrives at `fd`, and close it at its end."""
        stream = WorkerStream(fd, name, pid)
        self._arrivals.append(stream)
        self._bell.send(b"+")
        return stream

    def finish_lines(self) -> None:
        """Pass on what has arrived so far, and end lines that have no end: a survey is over."""
        finished = threading.Event()
        self._finishes.append(finished)
        self._bell.send(b"n")
        finished.wait(FINISH_SECONDS)

    def close(self) -> None:
        """Pass on what has arrived so far, and end. May be called twice."""
        if self._ended:
            return
        self._ended = True
        self._bell.send(b".")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, WorkerStream):
                self._end(key.data)
        self._selector.close()
        self._wakeup.close()
        self._bell.close()

    def _relay(self) -> None:
        while not self._ended:
            ready = [key.data for key, _ in self._selector.select()]
            for stream in filter(None, ready):
                self._read(stream)
            if None in ready:  # after the others, of which some may end in here
                self._wakeup.recv(4096)
                self._welcome()
                self._finish()
        self._welcome()
        self._read_all()

    def _read_all(self) -> None:
        """Read what has arrived by now: from each stream what a pipe holds."""
        for key, _ in self._selector.select(timeout=0):
            if key.data is not None:
                self._read(key.data)

    def _finish(self) -> None:
        if not self._finishes:
            return
        self._read_all()
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                self._end_line(key.data)
        while self._finishes:
            self._finishes.popleft().set()

    def _welcome(self) -> None:
        while self._arrivals:
            stream = self._arrivals.popleft()
            self._selector.register(stream.fd, selectors.EVENT_READ, stream)

    def _read(self, stream: WorkerStream) -> None:
        try:
            data = os.read(stream.fd, PIPE)
        except OSError:
            data = b""
        if not data:
            self._end(stream)
            return
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self._pass_on(stream, bytes(stream.pending + whole + newline))
            stream.pending.clear()
        stream.pending += rest
        if len(stream.pending) > LONGEST_LINE:
            self._end_line(stream)

    def _end_line(self, stream: WorkerStream) -> None:
        """Pass on the begin of a line as a line: another worker's shall not go on in it."""
        if stream.pending:
            self._pass_on(stream, bytes(stream.pending + b"\n"))
            stream.pending.clear()

    def _pass_on(self, stream: WorkerStream, lines: bytes) -> None:
        text = lines.decode(errors="replace")
        if LABEL in text or stream.label:
            text = "".join(_labelled(stream, text))
        stream.tail.extend(text.splitlines(keepends=True))
        with suppress(Exception):  # no stream, or one that the user has closed: nobody wants to read it
            if self._stem is not None:
                path = self._log_of(self._stem, stream.pid)
                with open(path, "a", errors="backslashreplace", opener=open_own) as file:
                    file.write(text)
                return
            target = getattr(sys, stream.name)
            target.write(text)
            target.flush()

    def _log_of(self, stem: str, pid: int) -> str:
        """Return the file of a worker, which is made when the worker first prints."""
        if (stem, pid) not in self._logs:
            name = f"{stem}worker-{pid}"
            names = (f"{name}.log" if number == 1 else f"{name}-{number}.log" for number in range(1, 1000))
            self._logs[stem, pid] = first_new(names)
        return self._logs[stem, pid]

    def _end(self, stream: WorkerStream) -> None:
        self._end_line(stream)
        with suppress(KeyError, ValueError):
            self._selector.unregister(stream.fd)
        os.close(stream.fd)
        stream.closed.set()


def _labelled(stream: WorkerStream, text: str) -> Iterator[str]:
    """Yield the lines with the pset that printed them in front, where the worker tells which it is."""
    for line in text.splitlines(keepends=True):
        words, label, number = line.partition(LABEL)
        if words:
            end = "\n" if label else ""  # the pset before did not finish its line
            yield f"pset {stream.label}: {words}{end}" if stream.label else f"{words}{end}"
        if label:
            stream.label = number.strip()
