"""Whether a child process has ended. It stays a zombie, so that the system gives its id to no other process.

Workers load this module, so it loads only the standard library, except on macOS with an old Python.
"""

from __future__ import annotations

import errno
import os
import time

POLL_SECONDS = 0.005  # between two looks, where the system cannot wake us at the end of a process


def has_ended(pid: int) -> bool:
    """Tell whether a child process has ended.

    Raises
    ------
    ChildProcessError
        There is no such child, because other code in this program has waited for it.
    """
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return _is_zombie(pid)  # macOS has `os.waitid` only from Python 3.13 on


def wait_until_ended(pid: int, seconds: float | None = None) -> bool:
    """Wait until a child process has ended, at most `seconds`; tell whether it has.

    Raises
    ------
    ChildProcessError
        There is no such child, because other code in this program has waited for it.
    """
    if seconds is None and hasattr(os, "waitid"):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    deadline = float("inf") if seconds is None else time.monotonic() + seconds
    while not has_ended(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_zombie(pid: int) -> bool:
    import psutil  # takes a while to load

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.ZombieProcess:
        return True
    except psutil.NoSuchProcess:
        raise ChildProcessError(errno.ECHILD, os.strerror(errno.ECHILD)) from None
