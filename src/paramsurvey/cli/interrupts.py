"""Ctrl-C where Python code may turn it into another error, as half-loaded modules do."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

INTERRUPTED = 130  # the exit code, as a shell reports a program that Ctrl-C ended


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], bool]]:
    """Have the system note each SIGINT; yield a function that tells whether there was one.

    It is raised as a KeyboardInterrupt all the same. But code that catches that, while pandas is imported for
    example, may go on with a module that is only half loaded, and raise an AttributeError.
    """
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    seen = bytearray()

    def was_interrupted() -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(reading, 1 << 12))
        return signal.SIGINT in seen

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield was_interrupted
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
