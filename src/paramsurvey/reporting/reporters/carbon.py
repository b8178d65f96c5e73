"""Progress as time series: the counters go to a Carbon server, from which Graphite and Grafana plot them."""

from __future__ import annotations

import pickle
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.transport.own_descriptors import OwnDescriptors
from paramsurvey.transport.threads import start_thread

COUNTERS = ("total", "active", "finished", "failures", "exceptions")
DEFAULT_PORT = 2004  # Carbon's own, for pickles
DEFAULT_PREFIX = "paramsurvey"

TICK = 0.5  # seconds between two samples: half of Carbon's finest retention, so that each second has one
BACKLOG = 600  # seconds of samples that are kept for a server that cannot be reached
BATCH = 100  # samples in one message: 500 datapoints, as many as Carbon's own relay sends
PATIENCE = 0.8  # seconds for a server to accept a connection or a message
PARTING = 1.0  # seconds that close() may take: a little more than one PATIENCE
LONGEST_PAUSE = 30.0  # seconds between two attempts to reach a server

Counts = tuple[int, ...]
"""The value of each of `COUNTERS`."""


class CarbonReporter:
    """Pushes the counters as ``<prefix>.<counter>``, with Carbon's pickle protocol.

    A thread samples the counters and sends them. `report` only tells it what they are, so that no server can
    delay the survey, and every second has a sample however long a worker takes. If a server is absent, slow
    or gone, the user is told once, and the newest samples are kept for its return.

    Parameters
    ----------
    server : str
        A host name or address.
    port : int, optional
        The port where Carbon listens for pickles; 2004 by default.
    prefix : str, optional
        The first part of the metrics' names; ``paramsurvey`` by default. Dots at its end are removed.
    note : callable
        Called with one sentence, and only by the thread that calls `report` and `close`.
    """

    interval = TICK

    def __init__(
        self, server: str, port: int | None, prefix: str | None, note: Callable[[str], object]
    ) -> None:
        self._note = note
        self._noted = False
        self._closing = threading.Event()
        self._sender = _Sender(_Connection(server, port or DEFAULT_PORT), prefix)
        self._thread = threading.Thread(
            target=self._sender.run, args=[self._closing], name="paramsurvey-carbon", daemon=True
        )
        start_thread(self._thread)

    def report(self, progress: MapProgress, final: bool) -> None:
        """Tell the sender what the counters are."""
        self._sender.counts = tuple(int(getattr(progress, name)) for name in COUNTERS)
        self._note_trouble()

    def close(self) -> None:
        """Give the last counters a second to leave, and end the thread."""
        self._sender.connection.deadline = time.monotonic() + PATIENCE
        self._closing.set()
        self._thread.join(PARTING)
        if self._thread.is_alive():  # only looking up a name has no time limit of ours
            self._sender.trouble = self._sender.trouble or TimeoutError("its name takes long to look up")
        self._note_trouble()

    def _note_trouble(self) -> None:
        if self._sender.trouble is not None and not self._noted:
            self._noted = True
            self._note(
                f"Progress does not reach Carbon at {self._sender.connection} ({self._sender.trouble}); the "
                "survey goes on without waiting for it: check carbon_server and carbon_port."
            )


class _Sender:
    """The thread's side: the driver sets `counts`, and reads `trouble`, the first exception."""

    def __init__(self, connection: _Connection, prefix: str | None) -> None:
        self.counts: Counts | None = None
        self.trouble: Exception | None = None
        self.connection = connection
        self._prefix = (prefix or "").rstrip(".") or DEFAULT_PREFIX
        self._samples: dict[int, Counts] = {}  # by second, and not sent yet

    def run(self, closing: threading.Event) -> None:
        """Sample and send; after each failure, only sample for an ever longer time."""
        pause, again = TICK, 0.0
        while not closing.wait(TICK):
            self._sample()
            if time.monotonic() < again:
                continue
            if self._succeeds(self._send):
                pause = TICK
            else:
                pause = min(2 * pause, LONGEST_PAUSE)
                again = time.monotonic() + pause
        self._sample()
        # the second attempt is for a server that has hung up and is back
        if self._succeeds(self._send) or self._succeeds(self._send):
            self._succeeds(self.connection.hang_up)
        self.connection.drop()

    def _sample(self) -> None:
        if self.counts is not None:
            self._samples[int(time.time())] = self.counts
        if len(self._samples) > BACKLOG:
            del self._samples[next(iter(self._samples))]

    def _send(self) -> None:
        while self._samples:
            batch = list(islice(self._samples.items(), BATCH))
            self.connection.send(_message(self._prefix, batch))
            for second, _ in batch:
                del self._samples[second]

    def _succeeds(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except Exception as error:  # no survey may end because of a graph
            self.connection.drop()
            self.trouble = self.trouble or error
            return False
        return True


class _Connection:
    """A connection that is made when it is needed, and never waits for longer than `PATIENCE`."""

    def __init__(self, server: str, port: int) -> None:
        self.deadline = float("inf")
        self._address = (server, port)
        self._socket: socket.socket | None = None
        self._own = OwnDescriptors()

    def __str__(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    def send(self, message: bytes) -> None:
        if not self._own.are_ours():
            self.drop()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._patience())
            self._own = OwnDescriptors(self._socket.fileno())
        elif self._is_cut(self._socket):
            raise ConnectionResetError("the server closed the connection")
        self._socket.settimeout(self._patience())
        self._socket.sendall(message)

    def hang_up(self) -> None:
        """Say that nothing follows, and wait until the server has read everything and closed its side."""
        if self._socket is None or not self._own.are_ours():
            return
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.settimeout(self._patience())
        while self._socket.recv(1024):
            pass

    def drop(self) -> None:
        if self._socket is not None:
            if self._own.are_ours():
                self._socket.close()
            else:
                self._socket.detach()  # the program has closed it, and another file may have its number now
            self._socket, self._own = None, OwnDescriptors()

    def _patience(self) -> float:
        return max(0.05, min(PATIENCE, self.deadline - time.monotonic()))

    @staticmethod
    def _is_cut(connection: socket.socket) -> bool:
        """Tell whether the server has hung up; if that went unnoticed, the next message would be lost."""
        connection.settimeout(0)
        with suppress(BlockingIOError):  # there is nothing to read, because Carbon never sends anything
            return not connection.recv(1024)
        return False


def _message(prefix: str, samples: Iterable[tuple[int, Counts]]) -> bytes:
    data = [
        (f"{prefix}.{name}", (second, value))
        for second, counts in samples
        for name, value in zip(COUNTERS, counts, strict=True)
    ]
    body = pickle.dumps(data, protocol=2)  # every Carbon can read this protocol
    return struct.pack("!L", len(body)) + body


if TYPE_CHECKING:
    _: Reporter = CarbonReporter("localhost", None, None, print)
