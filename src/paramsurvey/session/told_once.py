"""What a person is told once: not in every run, and again on another machine or as another user."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress

from paramsurvey.reporting.reporters.screen import in_notebook, is_terminal
from paramsurvey.transport.new_files import make_new

DIRECTORY = "paramsurvey"


def is_told(notice: str) -> bool:
    """Tell whether this user has seen a notice on this machine, and note that it is now shown.

    Only a user at a terminal or in a notebook can have seen it. What goes to a file or a pipe, as the
    output of a batch job does, says everything in each run: nobody knows who reads it.

    Parameters
    ----------
    notice : str
        A name of letters and hyphens. Its mark is an empty file in the user's cache directory
        (``$XDG_CACHE_HOME``, or ``~/.cache``); without that file the user is told again.
    """
    if not (in_notebook() or is_terminal(sys.stderr)):
        return False
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    directory = os.path.join(home, DIRECTORY)
    with suppress(OSError):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        try:
            os.close(make_new(os.path.join(directory, f"told-{notice}-{socket.gethostname()}"), os.O_WRONLY))
        except FileExistsError:
            return True
    return False
