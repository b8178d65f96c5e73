"""Starting the page's process beside a survey, and ending it with the session."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer

from paramsurvey.errors import WorkerStartError
from paramsurvey.transport import child_startup

START_SECONDS = 20.0  # how long the page may take to print its address
GOODBYE_SECONDS = 3.0
ROOT = str(Path(__file__).resolve().parents[2])  # the directory that this package is in
BOOT = (
    "import sys; sys.path[:] = {path!r}; from paramsurvey.live_page.serving import main; main({directory!r})"
)


class Pages:
    """The live pages of one session, one for each checkpoint."""

    def __init__(self) -> None:
        self._pages: dict[str, subprocess.Popen[str]] = {}

    def open(self, directory: str) -> str | None:
        """Start the page of a checkpoint, and return its address.

        Parameters
        ----------
        directory : str

        Returns
        -------
        str or None
            Empty if the page could not be started, None if it is already there.
        """
        path = os.path.abspath(directory)
        known = self._pages.get(path)
        if known is not None and known.poll() is None:
            return None
        if known is not None:
            _end(known)
        try:
            self._pages[path] = process = _started(path)
        except (OSError, WorkerStartError):
            return ""
        return _address(process)

    def close(self) -> None:
        """End all of them."""
        for process in self._pages.values():
            _end(process)
        self._pages.clear()


def _started(directory: str) -> subprocess.Popen[str]:
    from paramsurvey.backends.multiprocessing.new_process import interpreter  # a session may not need it

    path = [os.path.abspath(entry) for entry in sys.path]
    boot = BOOT.format(path=path if ROOT in path else [*path, ROOT], directory=directory)
    return subprocess.Popen(
        [interpreter(), "-c", boot],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the survey
        env=child_startup.starting_environment(),
    )


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that a page prints first; empty if it ends, or takes too long."""
    assert process.stdout is not None
    timer = Timer(START_SECONDS, process.kill)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:  # no thread can be started
        process.kill()
        return ""
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()
        timer.join()
        process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()  # the page ends when its stdin does
    try:
        process.wait(GOODBYE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
