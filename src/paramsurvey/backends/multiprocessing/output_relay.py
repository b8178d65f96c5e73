"""Passes on what workers print, in whole lines. The last lines are kept to explain why a worker died."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import field

from paramsurvey.backends.multiprocessing.worker_logs import WorkerLogs
from paramsurvey.errors import SurveyError
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.own_descriptors import OwnDescriptors
from paramsurvey.transport.patient_writing import write_patiently
from paramsurvey.transport.threads import start_thread

TAIL_LINES = 30
LABEL = "\0"  # begins a line by which a worker says which pset prints what follows
PIPE = 1 << 16  # bytes that a pipe holds
LONGEST_LINE = 1 << 24  # bytes; a longer line is passed on in pieces
FINISH_SECONDS = 1.0  # how long the end of a survey waits, at most, for a terminal that takes no output
LAST_SECONDS = 5.0  # the same at the end of the session
RETRY_SECONDS = 0.05  # before a stream that took no output is tried again
MOST_QUEUED = 1 << 26  # characters that may wait for a stream that takes none; further lines are only counted


@dataclass
class WorkerStream:
    """One worker's stdout or stderr."""

    fd: int
    name: str  # 'stdout' or 'stderr': the driver's stream that gets the lines
    pid: int = 0
    label: str = ""  # which pset prints, where the worker tells
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    closed: threading.Event = field(default_factory=threading.Event)
    pending: bytearray = field(default_factory=bytearray)  # the beginning of a line
    ending: bool = False  # whether it is being closed

    def __post_init__(self) -> None:
        self._own = OwnDescriptors(self.fd)

    def is_ours(self) -> bool:
        """Tell whether its file descriptor is still the driver's own."""
        # in this order, because it is closed only after `ending` was set
        return self._own.are_ours() or self.ending

    def lines(self) -> str:
        """Return the last lines that were written."""
        return "".join(self.tail)


class OutputRelay:
    """Reads what all workers print, in one thread, so that none of them ever waits for the driver.

    Nor do they wait for the driver's stdout: what it does not take yet (in a pager, after Ctrl-S) waits here.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._bell = socket.socketpair()
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        sockets = self._wakeup.fileno(), self._bell.fileno()
        self._own = OwnDescriptors(*sockets, *selector_descriptors(self._selector))
        self._arrivals: deque[WorkerStream] = deque()
        self._finishes: deque[threading.Event] = deque()  # requests to pass on all that has arrived
        self._finishing: deque[threading.Event] = deque()  # those of which the lines are in the queue
        self._ended = False
        self._queue: deque[tuple[str, str]] = deque()  # (stream, lines) that are not written yet
        self._queued = 0  # characters in it
        self._left_out: Counter[str] = Counter()  # lines that were too many for it, by stream
        self._written = 0  # characters
        self._logs = WorkerLogs()
        self._thread = threading.Thread(target=self._relay, daemon=True, name="paramsurvey-output")
        try:
            start_thread(self._thread)
        except SurveyError:
            for file in (self._selector, self._wakeup, self._bell):
                file.close()
            raise

    def log_to(self, stem: str | None) -> None:
        """From now on, write a file for each worker, whose name begins with `stem`; None: write none."""
        self._logs.stem = stem

    def add(self, fd: int, name: str, pid: int = 0) -> WorkerStream:
        """Pass on what arrives at `fd`, and close it when it ends."""
        stream = WorkerStream(fd, name, pid)
        self._arrivals.append(stream)
        self._bell.send(b"+")
        return stream

    def finish_lines(self) -> None:
        """Pass on what has arrived so far, and complete unfinished lines, because a survey is over."""
        finished = threading.Event()
        self._finishes.append(finished)
        self._bell.send(b"n")
        finished.wait(FINISH_SECONDS)

    def is_ours(self) -> bool:
        """Tell whether the file descriptors that it needs are still the driver's own."""
        return self._own.are_ours()

    def abandon(self) -> None:
        """End without touching a descriptor, as the program has closed some. The thread may wait for ever."""
        self._ended = True
        for finished in (*self._finishes, *self._finishing):
            finished.set()

    def close(self) -> None:
        """Pass on what has arrived so far, and end. May be called twice.

        This waits while the output is being read, but no longer than `LAST_SECONDS` without progress.
        """
        if self._ended:
            return
        self._ended = True
        self._bell.send(b".")
        written = -1
        while self._thread.is_alive() and written != self._written:
            written = self._written
            self._thread.join(LAST_SECONDS)
        self._report_lost_lines()
        if self._thread.is_alive():
            return  # it waits inside a stream that is not a file
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, WorkerStream):
                self._end(key.data)
        self._selector.close()
        self._wakeup.close()
        self._bell.close()

    def _relay(self) -> None:
        while not self._ended:
            pause = RETRY_SECONDS if self._queue else None
            ready = [key.data for key, _ in self._selector.select(pause)]
            for stream in filter(None, ready):
                self._read(stream)
            self._print_queue()
            if None in ready:  # after the streams, since handling them may end some
                self._wakeup.recv(4096)
                self._register_arrivals()
                self._finish()
        self._register_arrivals()
        self._read_all()
        until = time.monotonic() + LAST_SECONDS
        while self._queue and time.monotonic() < until:
            if self._print_queue():
                until = time.monotonic() + LAST_SECONDS
            elif self._queue:
                time.sleep(RETRY_SECONDS)

    def _read_all(self) -> None:
        """Read what has arrived by now: as much from each stream as a pipe holds."""
        for key, _ in self._selector.select(timeout=0):
            if key.data is not None:
                self._read(key.data)

    def _finish(self) -> None:
        if not self._finishes:
            return
        while self._finishes:
            self._finishing.append(self._finishes.popleft())
        self._read_all()
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                self._end_line(key.data)
        self._print_queue()

    def _print_queue(self) -> bool:
        """Write what waits, as far as the streams take it now; tell whether they took anything."""
        before = self._written
        while self._queue:
            name, text = self._queue.popleft()
            done = _print(name, text)
            self._written += done
            self._queued -= done
            if done < len(text):
                self._queue.appendleft((name, text[done:]))
                break
        for name in list(self._left_out) if self._queued < MOST_QUEUED // 2 else ():
            self._enqueue(name, f"[{self._left_out.pop(name)} lines were left out here: nobody read them]\n")
        while self._finishing and not self._queue:
            self._finishing.popleft().set()
        return self._written > before

    def _enqueue(self, name: str, lines: str) -> None:
        if self._queued + len(lines) > MOST_QUEUED:
            self._left_out[name] += lines.count("\n")
            return
        self._queue.append((name, lines))
        self._queued += len(lines)

    def _report_lost_lines(self) -> None:
        lost = sum(text.count("\n") for _, text in self._queue) + self._left_out.total()
        if lost:
            _print("stderr", f"paramsurvey: {lost} lines that workers printed are lost: nobody read them\n")

    def _register_arrivals(self) -> None:
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
        """Pass on an unfinished line as a line, so that another worker's output does not continue it."""
        if stream.pending:
            self._pass_on(stream, bytes(stream.pending + b"\n"))
            stream.pending.clear()

    def _pass_on(self, stream: WorkerStream, lines: bytes) -> None:
        text = lines.decode(errors="replace")
        if LABEL in text or stream.label:
            text = "".join(_labelled(stream, text))
        stream.tail.extend(text.splitlines(keepends=True))
        if self._logs.stem is None:
            self._enqueue(stream.name, text)
        else:
            self._logs.write(self._logs.stem, stream.pid, text)

    def _end(self, stream: WorkerStream) -> None:
        self._end_line(stream)
        with suppress(KeyError, ValueError):
            self._selector.unregister(stream.fd)
        is_ours, stream.ending = stream.is_ours(), True
        if is_ours:
            os.close(stream.fd)
        stream.closed.set()


def selector_descriptors(selector: selectors.BaseSelector) -> tuple[int, ...]:
    """Return the file descriptor of a selector, if it has one."""
    fileno = getattr(selector, "fileno", None)
    return () if fileno is None else (fileno(),)


def _print(name: str, text: str) -> int:
    """Write text to one of the driver's streams; return how many characters need not be written again."""
    try:
        return write_patiently(getattr(sys, name), text)
    except Exception:  # there is no stream, or the user has closed it, so nobody wants to read it
        return len(text)


def _labelled(stream: WorkerStream, text: str) -> Iterator[str]:
    """Yield the lines, each preceded by the pset that printed it if the worker says which that was."""
    for line in text.splitlines(keepends=True):
        words, label, number = line.partition(LABEL)
        if words:
            end = "\n" if label else ""  # the previous pset did not finish its line
            yield f"pset {stream.label}: {words}{end}" if stream.label else f"{words}{end}"
        if label:
            stream.label = number.strip()
