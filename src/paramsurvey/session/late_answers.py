"""After Ctrl-C, waits for answers that are being read just then: what they say has finished is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from paramsurvey.engine.backend import AnswersLate, Backend
from paramsurvey.errors import INTERRUPTIONS

QUIET_SECONDS = 1.0  # before the user is told that the map waits
LATE_SECONDS = 10.0  # to wait; while this program computes, as it does when it unpickles a result, longer
LONGEST_SECONDS = 60.0
LOOK_SECONDS = 0.02
WAITING = "waiting for results that are just being read: press Ctrl-C again to end the map without them"


def wait_for_late_answers(backend: Backend, say: Callable[[str], object]) -> None:
    """Wait until nothing is being read, but not for ever, since the code that reads it may block.

    Another Ctrl-C ends the waiting, and raises nothing.

    Parameters
    ----------
    backend : Backend
    say : callable
        Tells the user something.
    """
    if not isinstance(backend, AnswersLate):
        return
    begun, computed = time.monotonic(), time.process_time()
    say_at = begun + QUIET_SECONDS
    with suppress(*INTERRUPTIONS):
        while backend.is_reading():
            now = time.monotonic()
            if now - begun > min(LATE_SECONDS + time.process_time() - computed, LONGEST_SECONDS):
                return
            if now > say_at:
                say_at = float("inf")
                say(WAITING)
            time.sleep(LOOK_SECONDS)
