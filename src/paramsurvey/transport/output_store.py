"""Captures what psets print, at the file descriptors, so that output of C code and subprocesses is included.

Workers load this module, so it loads only the standard library.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import cache
from typing import IO, Any, Protocol

from paramsurvey.transport.kernel_files import unnamed_file
from paramsurvey.transport.messages import CaptureMode, CaptureSettings, Rows, WorkerFunction
from paramsurvey.transport.new_files import make_new

KEPT_BYTES = 1 << 15  # of the beginning, and of the end, of a pset's output; a file gets all of longer output
STREAMS = (1, 2)  # stdout, stderr
LABEL = b"\0"  # begins a line that says which pset prints what follows


class Offset(Protocol):
    """Memory that holds, at index 0, the running pset's offset in its group."""

    def __getitem__(self, at: int, /) -> int: ...


class Capture(Protocol):
    """Wraps the worker function, so that its output can be told apart by pset."""

    def around(
        self,
        function: WorkerFunction,
        rows: Rows,
        offset: Offset,
        outputs: MutableMapping[int, str],
    ) -> WorkerFunction:
        """Return a function that does the same, and puts the pset's output in `outputs`, at ``offset[0]``."""
        ...


class LineLabels:
    """Writes a line before each pset's output, so that the reader of both streams knows the pset."""

    def begin(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Write an empty label: what follows was not printed by a pset."""
        _write_label("")

    def around(
        self,
        function: WorkerFunction,
        rows: Rows,
        offset: Offset,
        outputs: MutableMapping[int, str],
    ) -> WorkerFunction:
        """Return a function that writes the label, then calls `function`."""

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
    """Redirects both streams into a file, and reads and empties the file after every pset.

    Psets must run one after the other, in one thread.

    Parameters
    ----------
    fd : int
        File descriptor of an empty file that was opened for appending. Another process that has it open can
        read the output of a pset that crashed or was stopped.
    stem : str
        If a pset prints more than is kept, all of its output goes into a file whose name is this and the
        pset's number.
    """

    def __init__(self, fd: int, stem: str) -> None:
        self._fd = fd
        self._stem = stem
        self._saved: list[int] = []
        self._streams: tuple[Any, Any] | None = None

    def begin(self) -> None:
        """Redirect the streams, even a `sys.stdout` that was replaced, as notebooks do; they write UTF-8."""
        flush_streams()
        self._saved = [os.dup(stream) for stream in STREAMS]
        for stream in STREAMS:
            os.dup2(self._fd, stream)
        if not _writes_utf_8_to(sys.stdout, 1) or not _writes_utf_8_to(sys.stderr, 2):
            self._streams = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = _text_stream(1), _text_stream(2)

    def end(self) -> None:
        """Restore the streams. May be called twice."""
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
        outputs: MutableMapping[int, str],
    ) -> WorkerFunction:
        """Return a function that calls `function`, then takes its output out of the file."""

        flush, flush_c, size_of, fd = _python_flush(), _c_flush(), os.lseek, self._fd

        def stored(pset: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
            try:
                return function(pset, system_kwargs, user_kwargs)
            finally:
                flush()
                flush_c(None)
                if size_of(fd, 0, os.SEEK_END):
                    at = offset[0]
                    outputs[at] = take_output(self._fd, f"{self._stem}pset-{int(rows[at])}.txt")

        return stored


def capture_for(settings: CaptureSettings, fd: int) -> LineLabels | OutputStore | None:
    """Return the capture that the settings ask for, if any; `fd` is the file of an `OutputStore`."""
    if settings.mode is CaptureMode.STORE:
        return OutputStore(fd, settings.stem)
    return LineLabels() if settings.labels else None


def take_output(fd: int, whole_file: str) -> str:
    """Return the text in a file, and empty the file. Long text is copied to `whole_file`, then shortened."""
    size = os.lseek(fd, 0, os.SEEK_END)
    if size <= 2 * KEPT_BYTES:
        text = os.pread(fd, size, 0).decode(errors="replace")
    else:
        first, last = os.pread(fd, KEPT_BYTES, 0), os.pread(fd, KEPT_BYTES, size - KEPT_BYTES)
        where = _copy_whole(fd, size, whole_file)
        left_out = f"\n[... {size - 2 * KEPT_BYTES} bytes; all of it is in {where} ...]\n"
        text = first.decode(errors="replace") + left_out + last.decode(errors="replace")
    os.ftruncate(fd, 0)
    return text


def _copy_whole(fd: int, size: int, path: str) -> str:
    """Copy a file; return the path, or why there is no copy."""
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)  # an earlier attempt's; or a link, whose target is not touched
        with open(path, "wb", opener=make_new) as file:
            for place in range(0, size, 1 << 20):
                file.write(os.pread(fd, min(1 << 20, size - place), place))
    except OSError as error:
        return f"no file, because it cannot be written ({error})"
    return path


def new_file() -> IO[bytes]:
    """Return an empty file without a name, for an `OutputStore`: in memory if no disk takes it."""
    import fcntl  # here, because Windows does not have it and must be able to import this module
    from tempfile import TemporaryFile  # here, because workers never need it

    try:
        file: IO[bytes] = TemporaryFile(buffering=0, prefix="paramsurvey-")  # noqa: SIM115  (the caller closes it)
    except OSError:  # as in a container whose root is read-only
        file = unnamed_file(buffering=0)
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    appending = flags | os.O_APPEND  # so that the file can be emptied while subprocesses write to it
    fcntl.fcntl(file, fcntl.F_SETFL, appending)
    return file


def flush_streams() -> None:
    """Write what Python and C code have printed, and still hold in buffers, to the descriptors."""
    _python_flush()()
    _c_flush()(None)


def _python_flush() -> Callable[[], None]:
    """Return a function that flushes both streams as they are now: a pset may replace or close them."""
    out, err = (getattr(stream, "flush", lambda: None) for stream in (sys.stdout, sys.stderr))

    def flush() -> None:
        try:
            out()
            err()
        except Exception:  # stdout may be closed; stderr must be flushed all the same
            with suppress(Exception):
                err()

    return flush


def _writes_utf_8_to(stream: Any, fd: int) -> bool:
    try:
        return bool(stream.fileno() == fd) and codecs.lookup(stream.encoding).name == "utf-8"
    except (AttributeError, OSError, ValueError, LookupError, TypeError):  # it is not one of Python's own
        return False


def _text_stream(fd: int) -> Any:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


@cache
def _c_flush() -> Callable[[None], object]:
    """Return C's fflush(), which flushes all streams when it is called with NULL (None)."""
    import ctypes

    flush: Callable[[None], object] = getattr(ctypes.CDLL(None), "fflush", lambda _: None)
    return flush
