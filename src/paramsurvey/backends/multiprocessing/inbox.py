"""Receives what the driver sends to a worker, in a thread, so that the driver can reach a busy worker.

The thread keeps groups until the worker begins them. When the driver recalls what has not begun, the thread
gives back the waiting groups, and has the running group end after its running pset. If that pset takes long,
the thread gives back the rest of the group right away.

The same thread sends what has finished before a long pset, so that little has to wait for it, or is lost with
it.
"""

from __future__ import annotations

import select
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from time import perf_counter  # not time.perf_counter, which a pset may replace
from typing import Any

from paramsurvey.backends.multiprocessing.channel import WorkerChannel
from paramsurvey.backends.multiprocessing.identity import be_worker
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Reply
from paramsurvey.worker.runner import Runner
from paramsurvey.worker.running_mark import RunningMark

LOOK_SECONDS = 0.2  # between checks of the running pset
LONG_SECONDS = 0.3  # once a pset has run for this long, what finished before it is sent
RECALL_SECONDS = 0.005  # how long the running pset may delay the psets that the driver has recalled

HEADER = struct.Struct(">BQ")  # begins a message to a worker: its kind, and a number that depends on the kind


class MessageKind(IntEnum):
    """What a message to a worker is. The comments say what the number in its header means."""

    JOB = 1  # 1 if a file descriptor follows, else 0
    GROUP = 2  # the group's id
    RECALL = 3  # nothing: 0
    NUMBER = 4  # the worker's number from now on


@dataclass(frozen=True, slots=True)
class ArrivedJob:
    """A pickled `JobMessage`, and the file descriptor of its buffers."""

    message: memoryview
    fd: int | None


@dataclass(frozen=True, slots=True)
class ArrivedGroup:
    """A pickled `Group`, and its id."""

    message: memoryview
    id: int


class Inbox:
    """Receives messages. The worker takes jobs and groups out of it in their order.

    Parameters
    ----------
    channel : WorkerChannel
    mark : RunningMark
        Where the worker notes which pset it runs.
    send : callable
        Sends a reply. The inbox calls it in its own thread.
    number : int
        The worker's number.

    Attributes
    ----------
    number : int
        The worker's number, which the driver may change.
    """

    def __init__(
        self, channel: WorkerChannel, mark: RunningMark, send: Callable[[Reply], Any], number: int
    ) -> None:
        self.number = number
        self._channel = channel
        self._mark = mark
        self._send = send
        self._waiting: deque[ArrivedJob | ArrivedGroup] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._in_hand: int | None = None  # the id of the group that the worker runs
        self._runner: Runner | None = None
        threading.Thread(target=self._receive_all, daemon=True, name="paramsurvey-inbox").start()

    def follow(self, runner: Runner) -> None:
        """Watch this runner's groups from now on."""
        self._runner = runner

    def take(self) -> ArrivedJob | ArrivedGroup | None:
        """Wait for the next job or group, and return it; None when the driver has hung up."""
        with self._changed:
            self._in_hand = None
            while not self._waiting and not self._ended:
                self._changed.wait()
            if not self._waiting:
                return None
            taken = self._waiting.popleft()
            if isinstance(taken, ArrivedGroup):
                self._in_hand = taken.id
            return taken

    def _receive_all(self) -> None:
        """Receive until the driver hangs up. If anything else ends this thread, the worker must end, too.

        Otherwise it would wait for groups for ever.
        """
        try:
            with suppress(EOFError, OSError):  # the driver is gone
                self._receive_and_look()
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _receive_and_look(self) -> None:
        readable = select.poll()
        readable.register(self._channel.fileno(), select.POLLIN)
        while True:
            wait = RECALL_SECONDS if self._is_recalled() else LOOK_SECONDS
            if readable.poll(wait * 1000):
                self._receive()
            self._look_at_running_pset()

    def _receive(self) -> None:
        message = memoryview(self._channel.receive())
        kind, number = HEADER.unpack_from(message)
        if kind == MessageKind.RECALL:
            self._give_back_waiting()
        elif kind == MessageKind.NUMBER:
            self.number = number
            be_worker(number)
        else:
            content = message[HEADER.size :]
            fd = self._channel.receive_fd() if kind == MessageKind.JOB and number else None
            arrived = ArrivedJob(content, fd) if kind == MessageKind.JOB else ArrivedGroup(content, number)
            with self._changed:
                self._waiting.append(arrived)
                self._changed.notify()

    def _give_back_waiting(self) -> None:
        """Give back the waiting groups, and have the running one end after its running pset."""
        with self._changed:
            groups = [arrived for arrived in self._waiting if isinstance(arrived, ArrivedGroup)]
            for group in groups:
                self._waiting.remove(group)
            if self._runner is not None and self._in_hand is not None:
                self._runner.recalled = self._in_hand
        for group in groups:
            self._send(Reply(group.id, 0, 0))

    def _is_recalled(self) -> bool:
        runner = self._runner
        return runner is not None and runner.recalled is not None and runner.recalled == self._in_hand

    def _look_at_running_pset(self) -> None:
        buffer = None if self._runner is None else self._runner.buffer
        if buffer is None or self._mark.group[0] != buffer.group_id:
            return
        if self._is_recalled():
            buffer.give_back_rest(self._mark, self._send)
        elif perf_counter() - self._mark.begun[0] > LONG_SECONDS:
            buffer.send_early(self._mark.offset[0], self._send)
