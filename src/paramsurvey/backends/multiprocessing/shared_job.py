"""A job on its way to the workers of this machine, with large arrays in memory that all of them share."""

from __future__ import annotations

import mmap
import os
import pickle
from dataclasses import replace
from typing import IO, Any

from paramsurvey.backends.multiprocessing.channel import DriverChannel
from paramsurvey.backends.multiprocessing.inbox import HEADER, ArrivedJob, MessageKind
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.kernel_files import unnamed_file
from paramsurvey.transport.messages import Job

ALIGNMENT = 64  # bytes, at which vector instructions are fastest


@dataclass(frozen=True, slots=True)
class JobMessage:
    """What is sent to a worker: the job without its buffers, and where these are in the shared file."""

    job: Job
    places: tuple[tuple[int, int], ...]  # (begin, end)


class SharedJob:
    """A job, pickled once for all workers.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self.key = job.key
        buffers = [pickle.PickleBuffer(buffer) for buffer in job.buffers]
        self._file = unnamed_file(buffering=0) if buffers else None
        places = [] if self._file is None else [_append(self._file, buffer) for buffer in buffers]
        self._message = pickle.dumps(JobMessage(replace(job, buffers=()), tuple(places)))

    def send(self, channel: DriverChannel) -> None:
        """Send it to a worker. The buffers are not copied: the worker gets the file that holds them.

        Raises
        ------
        OSError
            The worker is gone.
        """
        header = HEADER.pack(MessageKind.JOB, self._file is not None)
        channel.send(header, self._message, fd=None if self._file is None else self._file.fileno())

    def close(self) -> None:
        """Let go of the buffers; they stay in memory while a worker uses them."""
        if self._file is not None:
            self._file.close()


def unpack(arrived: ArrivedJob) -> Job:
    """Return the job that has arrived. Other processes do not see what is written to its arrays."""
    message: JobMessage = pickle.loads(arrived.message)
    views: list[Any] = []
    if arrived.fd is not None:
        memory = memoryview(mmap.mmap(arrived.fd, 0, access=mmap.ACCESS_COPY))
        os.close(arrived.fd)
        views = [memory[begin:end] for begin, end in message.places]
    return replace(message.job, buffers=tuple(views))


def _append(file: IO[bytes], buffer: pickle.PickleBuffer) -> tuple[int, int]:
    """Write a buffer at the next aligned place, and return where it begins and ends."""
    begin = -(-file.tell() // ALIGNMENT) * ALIGNMENT
    file.seek(begin)
    rest = buffer.raw()
    while len(rest):
        rest = rest[file.write(rest) :]
    return begin, file.tell()
