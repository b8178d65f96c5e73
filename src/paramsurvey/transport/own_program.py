"""Tells whether a process that was started to run our code does: what PyInstaller has made would run itself.

Workers load this module, so it loads only the standard library.
"""

from __future__ import annotations

import os

VARIABLE, STARTING, BEGUN = "PARAMSURVEY_WORKER", "starting", "1"


def starting_environment() -> dict[str, str]:
    """Return the environment of a process that is to run our code: until it does, it says so."""
    return {**os.environ, VARIABLE: STARTING}


def note_begun() -> None:
    """Note that this process runs our code."""
    os.environ[VARIABLE] = BEGUN


def runs_another_program() -> bool:
    """Tell whether this process was started to run our code and runs a user's program in its place."""
    return os.environ.get(VARIABLE) == STARTING
