"""Catching what psets print, at the level of file descriptors: of C code and of subprocesses, too.

Only the standard library is loaded here: workers import this module.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from types import FrameType
from typing import IO, Any, Protocol

from paramsurvey.transport.messages import CaptureMode, CaptureSettings, Rows, WorkerFunction
from paramsurvey.transport.new_files import make_new

KEPT = (
    1 << 15
)  # bytes of each end of a pset's output that are kept; all of it is in a file where there is more
STREAMS = (1, 2)  # stdout, stderr
LABEL = b"\0"  # begins the line that tells which pset prints what follows


class Offset(Protocol):
    """A cell that has the running pset's place in its group, at 0."""

    def __getitem__(self, at: int, /) -> int: ...


class Capture(Protocol):
    """Puts something around the worker function."""

    def around(
        self,
        function: WorkerFunction,
        rows: Rows,
        offset: Offset,
        found: MutableMapping[int, str],
    ) -> WorkerFunction:
        """Return a function that does the same; what the pset at ``offset[0]`` prints gets into `found`."""
        ...


class LineLabels:
    """Writes a line before what each pset prints, for whoever reads the two streams."""

    def begin(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Say that nothing is labelled from now on."""
        _write_label("")

    def around(
        self,
        function: WorkerFunction,
        rows: Rows,
        offset: Offset,
        found: MutableMapping[int, str],
    ) -> WorkerFunction:
        """Return a function that writes the labels first."""

        def labelled(pset: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
            _write_label(str(int(rows[offset[0]])))
            try:
                return function(pset, system_kwargs, user_kwargs)
            finally:
                flush_streams()

        return labelled


def _write_label(text: str) -> None:
    for stream in STREAMS:
        os.write(stream, LABEL + text.encode() + b"\n")


class OutputStore:
    """Lets both streams go into a file, which is cut after every pset. Made for one thread.

    Parameters
    ----------
    fd : int
        Of an empty file that is opened for appending. Who else holds it can read the output of a pset
        that never ended.
    stem : str
        A pset that prints more than is kept gets a file of its own: its name is this and the pset's number.
    """

    def __init__(self, fd: int, stem: str) -> None:
        self._fd = fd
        self._stem = stem
        self._saved: list[int] = []
        self._streams: tuple[Any, Any] | None = None

    def begin(self) -> None:
        """Redirect the streams. A `sys.stdout` that somebody has replaced follows them."""
        flush_streams()
        self._saved = [os.dup(stream) for stream in STREAMS]
        for stream in STREAMS:
            os.dup2(self._fd, stream)
        if not _is_real(sys.stdout, 1) or not _is_real(sys.stderr, 2):
            self._streams = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = _text(1), _text(2)

    def end(self) -> None:
        """Give the streams back. Twice is harmless."""
        flush_streams()
        if self._streams is not None:
            sys.stdout, sys.stderr = self._streams
            self._streams = None
        for stream, saved in zip(STREAMS, self._saved, strict=False):
            os.dup2(saved, stream)
            os.close(saved)
        self._saved = []

    def around(
        self,
        function: WorkerFunction,
        rows: Rows,
        offset: Offset,
        found: MutableMapping[int, str],
    ) -> WorkerFunction:
        """Return a function after which the file is cut."""

        flush, flush_c, size_of, fd = _python_flush(), _c_flush(), os.lseek, self._fd

        def stored(pset: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
            try:
                return function(pset, system_kwargs, user_kwargs)
            finally:
                flush()
                flush_c(None)
                if size_of(fd, 0, os.SEEK_END):
                    at = offset[0]
                    found[at] = take_output(self._fd, f"{self._stem}pset-{int(rows[at])}.txt")

        return stored


def capture_for(capturing: CaptureSettings, fd: int) -> LineLabels | OutputStore | None:
    """Return what a worker has to put around the function; `fd` is of an empty file for a `OutputStore`."""
    if capturing.mode is CaptureMode.STORE:
        return OutputStore(fd, capturing.stem)
    return LineLabels() if capturing.labels else None


def take_output(fd: int, spill: str) -> str:
    """Return what is in a file, bounded, and empty it; where that is not all, all of it is in `spill`."""
    size = os.lseek(fd, 0, os.SEEK_END)
    if size <= 2 * KEPT:
        text = os.pread(fd, size, 0).decode(errors="replace")
    else:
        first, last = os.pread(fd, KEPT, 0), os.pread(fd, KEPT, size - KEPT)
        left_out = f"\n[... {size - 2 * KEPT} bytes; all of it is in {_copied(fd, size, spill)} ...]\n"
        text = first.decode(errors="replace") + left_out + last.decode(errors="replace")
    os.ftruncate(fd, 0)
    return text


def _copied(fd: int, size: int, path: str) -> str:
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)  # of an earlier attempt; or a link, whose target stays as it is
        with open(path, "wb", opener=make_new) as file:
            for place in range(0, size, 1 << 20):
                file.write(os.pread(fd, min(1 << 20, size - place), place))
    except OSError as error:
        return f"no file, for it cannot be written ({error})"
    return path


def is_ours(frame: FrameType) -> bool:
    """Tell whether a frame of a traceback is of this module, which is no news to the user."""
    return frame.f_code.co_filename == __file__


def new_file() -> IO[bytes]:
    """Return an empty file without a name for a `OutputStore`."""
    file = tempfile.TemporaryFile(buffering=0, prefix="paramsurvey-")  # noqa: SIM115  (the caller closes it)
    import fcntl  # not on Windows, where this module must be importable

    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    fcntl.fcntl(file, fcntl.F_SETFL, flags | os.O_APPEND)  # so that it can be cut while others write
    return file


def flush_streams() -> None:
    """Have everything that was printed so far behind the descriptors, that of C code too."""
    _python_flush()()
    _c_flush()(None)


def _python_flush() -> Callable[[], None]:
    """Return a function that flushes both streams as they are now: a pset may replace or close them."""
    out, err = (getattr(stream, "flush", lambda: None) for stream in (sys.stdout, sys.stderr))

    def flush() -> None:
        try:
            out()
            err()
        except Exception:  # one was closed: the other has its chance
            with suppress(Exception):
                err()

    return flush


def _is_real(stream: Any, fd: int) -> bool:
    try:
        return bool(stream.fileno() == fd)
    except (AttributeError, OSError, ValueError):
        return False


def _text(fd: int) -> Any:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


_found: list[Callable[[None], object]] = []


def _c_flush() -> Callable[[None], object]:
    if not _found:
        import ctypes

        _found.append(getattr(ctypes.CDLL(None), "fflush", lambda _: None))
    return _found[0]
