"""Tells whether a process that we started got to our code: a PyInstaller program would run itself again.

Workers load this module, so it loads only the standard library.
"""

from __future__ import annotations

import os

VARIABLE, STARTING, BEGUN = "PARAMSURVEY_WORKER", "starting", "1"


def starting_environment() -> dict[str, str]:
    """Return the environment for a process that is to run our code; it says that it does not do so yet."""
    return {**os.environ, VARIABLE: STARTING}


def note_begun() -> None:
    """Note that this process runs our code."""
    os.environ[VARIABLE] = BEGUN


def runs_another_program() -> bool:
    """Tell whether this process was started to run our code, but runs a user's program instead."""
    return os.environ.get(VARIABLE) == STARTING
