"""Starts threads, which the system may refuse, because a limit on processes counts threads, too."""

from __future__ import annotations

import threading

from paramsurvey.errors import SurveyError


def start_thread(thread: threading.Thread) -> None:
    """Start a thread that a survey cannot do without.

    Raises
    ------
    SurveyError
        The system lets this program start no more threads.
    """
    try:
        thread.start()
    except RuntimeError as error:
        if "shutdown" in str(error):  # Python itself is ending
            raise
        raise SurveyError(
            f"the system lets this program start no more threads ({error}): end processes, "
            "or raise the limit on them (ulimit -u)"
        ) from None
