"""Calls of Ray in a thread: while Ray's own code waits for a part that hangs, Python hears no Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Any, TypeVar

from paramsurvey.engine.deadline import LONGEST_WAIT
from paramsurvey.transport.threads import start_thread

Returned = TypeVar("Returned")


def call_in_thread(
    call: Callable[[], Returned], may_block: Callable[[], AbstractContextManager[None]]
) -> Returned:
    """Return what a call returns, or raise what it raises.

    A signal ends the waiting; a call that blocks is left behind.

    Parameters
    ----------
    call : callable
    may_block : callable
        As in `paramsurvey.engine.backend.CallsForeignCode`.
    """
    outcome: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:
            outcome.put((None, error))

    thread = threading.Thread(target=run, daemon=True, name="paramsurvey-ray-call")
    start_thread(thread)
    with may_block():
        while thread.is_alive() and outcome.empty():
            thread.join(LONGEST_WAIT)  # again and again: another thread may have got the signal
    returned, error = outcome.get()
    if error is not None:
        raise error
    result: Returned = returned
    return result
