"""Messages between the driver and one worker, over a socket. The driver never waits for a worker.

A message is a header, which gives its length, followed by its bytes. A worker sends and receives as usual.
The driver sends what the socket takes, keeps the rest, and reads what has arrived, so that a worker that is
stopped, or has written half a message, delays only itself.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter

HEADER = struct.Struct(">4sQ")
MARK = b"psvy"  # begins every header, so that it is noticed if something else wrote into the socket
PIECE = 1 << 18  # bytes to read at a time
MOST_ROOM = 1 << 26  # bytes to make room for before they arrive, whatever a header promises
LONGEST = 1 << 45  # bytes; no machine has room for more, so no worker sends that
FD_BYTE = b"\0"  # sent along with a file descriptor
MOST_JOINED = 1 << 16  # bytes; longer messages are not copied behind their header


class ConnectionGarbled(Exception):
    """What arrived is not a message: a worker function has written into the worker's connection."""


class DriverChannel:
    """The driver's end. No method waits.

    Parameters
    ----------
    connection : socket
        It belongs to the channel from now on.

    Attributes
    ----------
    active : float
        When bytes last arrived or left, by `time.perf_counter`. A few bytes of a long message do not count,
        because something that a function left behind may write byte after byte into the connection for ever.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._outgoing: deque[memoryview | int] = deque()  # an int is a file descriptor
        self._incoming = bytearray()  # the beginning of a message, with its header
        self._message: bytearray | None = None  # a long message: what has arrived of it, and room for more
        self._arrived = self._length = 0  # bytes of it that have arrived, and that its header promises
        self._arrived_before = 0  # bytes that had arrived at the time of `active`
        self.active = perf_counter()

    def fileno(self) -> int:
        """Return the socket's file descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether the socket has not taken everything yet; call `flush` when it is writable."""
        return bool(self._outgoing)

    def send(self, *parts: bytes, fd: int | None = None) -> None:
        """Send a message that consists of `parts`, followed by a file descriptor if one is given.

        Raises
        ------
        OSError
            The worker is gone.
        """
        header = HEADER.pack(MARK, sum(map(len, parts)))
        if sum(map(len, parts)) < MOST_JOINED:
            self._outgoing.append(memoryview(b"".join((header, *parts))))
        else:
            self._outgoing.extend(map(memoryview, (header, *parts)))
        if fd is not None:
            self._outgoing.append(os.dup(fd))
        self.flush()

    def flush(self) -> None:
        """Send as much as the socket takes now.

        Raises
        ------
        OSError
            The worker is gone.
        """
        with suppress(BlockingIOError):
            while self._outgoing:
                first = self._outgoing[0]
                if isinstance(first, int):
                    socket.send_fds(self._socket, [FD_BYTE], [first])
                    os.close(first)
                    self._outgoing.popleft()
                    continue
                sent = self._socket.send(first)
                self.active = perf_counter()
                if sent == len(first):
                    self._outgoing.popleft()
                else:
                    self._outgoing[0] = first[sent:]

    def receive(self) -> Iterator[bytes | bytearray]:
        """Yield the messages that have arrived.

        Raises
        ------
        EOFError
            The worker has closed its end, and all messages were yielded.
        ConnectionGarbled
            What arrived is not a message.
        OSError
            The connection is broken.
        """
        while True:
            try:
                if self._message is None:
                    self._read_start()
                else:
                    self._read_more(self._message)
            except BlockingIOError:
                return
            yield from self._whole_messages()

    def _read_start(self) -> None:
        data = self._socket.recv(PIECE)
        if not data:
            raise EOFError
        self.active = perf_counter()
        self._incoming += data

    def _read_more(self, message: bytearray) -> None:
        if self._arrived == len(message):
            message += bytes(min(self._length - self._arrived, MOST_ROOM))
        count = self._socket.recv_into(memoryview(message)[self._arrived :])
        if not count:
            raise EOFError
        self._arrived += count
        if self._arrived == self._length or self._arrived - self._arrived_before >= PIECE:
            self._arrived_before, self.active = self._arrived, perf_counter()

    def _whole_messages(self) -> Iterator[bytes | bytearray]:
        if self._message is not None:
            if self._arrived < self._length:
                return
            message, self._message = self._message, None
            yield message
        while self._incoming:
            if not self._incoming.startswith(MARK[: len(self._incoming)]):
                raise ConnectionGarbled
            if len(self._incoming) < HEADER.size:
                return
            length = HEADER.unpack_from(self._incoming)[1]
            if length > LONGEST:
                raise ConnectionGarbled
            if len(self._incoming) < HEADER.size + length:
                self._begin_long_message(length)
                return
            message = self._incoming[HEADER.size : HEADER.size + length]
            del self._incoming[: HEADER.size + length]
            yield message

    def _begin_long_message(self, length: int) -> None:
        """Make room for a message whose end has not arrived, so that the rest is read right into place.

        If the message is very long, room is made for a part of it, and grows with what arrives: something
        else may have written the header, and then what it promises never comes.
        """
        begin = self._incoming[HEADER.size :]
        self._incoming.clear()
        self._message = bytearray(min(length, MOST_ROOM))
        self._message[: len(begin)] = begin
        self._arrived = self._arrived_before = len(begin)
        self._length = length

    def close(self) -> None:
        """Close the connection. May be called twice."""
        while self._outgoing:
            unsent = self._outgoing.popleft()
            if isinstance(unsent, int):
                os.close(unsent)
        self._socket.close()


class WorkerChannel:
    """The worker's end. Its methods wait until they are done.

    Parameters
    ----------
    fd : int
        The file descriptor of the socket.
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises
        ------
        OSError
            The driver is gone.
        """
        header = HEADER.pack(MARK, len(message))
        if len(message) < MOST_JOINED:
            self._socket.sendall(header + message)
            return
        self._socket.sendall(header)
        self._socket.sendall(message)

    def receive(self) -> bytearray:
        """Return the next message.

        Raises
        ------
        EOFError
            The driver has closed its end.
        """
        length = HEADER.unpack(self._receive_exactly(HEADER.size))[1]
        return self._receive_exactly(length)

    def receive_fd(self) -> int:
        """Return the file descriptor that follows a message; it belongs to the caller."""
        _, fds, _, _ = socket.recv_fds(self._socket, len(FD_BYTE), 1)
        return fds[0]

    def _receive_exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            arrived = self._socket.recv_into(rest)
            if not arrived:
                raise EOFError
            rest = rest[arrived:]
        return data
