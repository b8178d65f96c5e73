"""Notices that are shown once to each user on each machine, and not in every run."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress

from paramsurvey.reporting.reporters.screen import in_notebook, is_terminal
from paramsurvey.transport.new_files import make_new

DIRECTORY = "paramsurvey"


def was_told_before(notice: str) -> bool:
    """Tell whether this user has seen a notice on this machine, and note that it is being shown now.

    Only a user at a terminal or in a notebook can have seen it. Output that goes to a file or a pipe, such as
    that of a batch job, has the notice in each run, since nobody knows who reads it.

    Parameters
    ----------
    notice : str
        A name of letters and hyphens. An empty file in the user's cache directory (``$XDG_CACHE_HOME``, or
        ``~/.cache``) marks it as seen; without that file, the user is told again.
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
