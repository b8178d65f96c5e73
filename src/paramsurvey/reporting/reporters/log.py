"""The hidden log file: one per run, with everything that helps to understand the run afterwards."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.next_steps import PythonNextSteps
from paramsurvey.reporting.reporter import Reporter, plain_line
from paramsurvey.transport import child_startup
from paramsurvey.transport.new_files import make_directory, make_private, open_own
from paramsurvey.transport.own_descriptors import OwnDescriptors, never_finalize
from paramsurvey.transport.safe_text import safe_block, safe_line

GIVEN_STREAM = "(the given stream)"
ELSEWHERE = PythonNextSteps().log_elsewhere()
LOGGED_VARIABLES = ("PARAMSURVEY", "CONDA_", "PYTHONPATH", "VIRTUAL_ENV")


class RunLog:
    """A log that never ends or delays a run: if it cannot write, it says so once and goes on.

    Use `RunLog.open` to make one.

    Attributes
    ----------
    path : str or None
        The absolute path of the file, ``'(the given stream)'`` for a stream of the user's, or None if nothing
        is kept.
    saw_traceback : bool
        True once a traceback was written.
    """

    def __init__(
        self,
        stream: TextIO | None,
        path: str | None,
        on_warning: Callable[[str], object] | None,
        elsewhere: str = ELSEWHERE,
    ) -> None:
        self.path = path
        self.saw_traceback = False
        self._stream = stream
        self._on_warning, self._elsewhere = on_warning, elsewhere
        self._warned = False
        self._owner = os.getpid()
        self._logged_modules: set[str] = set()
        self._note_descriptor()

    @classmethod
    def open(
        cls,
        prefix: str | None = ".paramsurvey-",
        stream: TextIO | None = None,
        on_warning: Callable[[str], object] | None = None,
        elsewhere: str = ELSEWHERE,
    ) -> RunLog:
        """Start a log and write its header.

        A worker process never makes a file, because a run has only one log, the driver's.

        Parameters
        ----------
        prefix : str
            The beginning of the file's name, to which ``YYYYMMDD-HHMMSS.log`` (UTC) is added. It may include
            a directory, which is made. An existing file is never written to. If it is None, there is no file.
        stream : text stream, optional
            A stream to write to instead of a file. It is never closed here.
        on_warning : callable, optional
            Called with one sentence if the log cannot be made or, once, if it cannot be written.
        elsewhere : str
            How the user can have the log in another directory: the end of these sentences.
        """
        if stream is not None:
            log = cls(stream, GIVEN_STREAM, on_warning)
        elif prefix is None or child_startup.VARIABLE in os.environ:
            log = cls(None, None, on_warning)
        else:
            log = cls._in_new_file(prefix, on_warning, elsewhere)
        log._write_header()
        return log

    @classmethod
    def _in_new_file(cls, prefix: str, on_warning: Callable[[str], object] | None, elsewhere: str) -> RunLog:
        try:
            file = _create(prefix)
        except (OSError, ValueError) as error:
            if on_warning is not None:
                on_warning(
                    f"The log file {prefix}DATE-TIME.log cannot be created ({error}), so this run has "
                    f"no log: {elsewhere}."
                )
            return cls(None, None, on_warning)
        return cls(file, os.path.abspath(file.name), on_warning, elsewhere)

    def stem(self) -> str:
        """Return the beginning of the names of files that belong to the log, and are next to it."""
        path = self.path if self.path and self.path != GIVEN_STREAM else os.path.abspath(".paramsurvey.log")
        return f"{path.removesuffix('.log')}-"

    def write(self, text: str) -> None:
        """Write one or more lines, and flush them. This never raises."""
        self._open_again_if_lost()
        if self._stream is None:
            return
        text = safe_block(text)
        try:
            self._stream.write(text if text.endswith("\n") else text + "\n")
            self._stream.flush()
        except Exception as error:  # a stream of the user's may raise anything
            self._warn(error)

    def traceback(self, text: str) -> None:
        """Write a traceback, and remember that there is one."""
        self.saw_traceback = True
        self.write(text)

    def close(self) -> None:
        """Write the end time, and close the file if it is ours. Calling it twice is harmless.

        A forked child of the driver leaves the log alone, because the run goes on.
        """
        if self._stream is None or os.getpid() != self._owner:
            return
        self.write(self._new_versions("versions of modules loaded since"))
        self.write(f"paramsurvey end time {_now()}")
        stream, self._stream = self._stream, None
        if stream is not None and self.path != GIVEN_STREAM:
            self._close_file(stream)

    def _note_descriptor(self) -> None:
        is_file = self._stream is not None and self.path != GIVEN_STREAM
        self._own = OwnDescriptors(*((self._stream.fileno(),) if self._stream and is_file else ()))

    def _open_again_if_lost(self) -> None:
        """Go on in the same file if the program has closed its file descriptor."""
        if self._stream is None or self._own.are_ours():
            return
        never_finalize(self._stream)
        try:
            self._stream = open(  # noqa: SIM115  (`close` does)
                str(self.path), "a", encoding="utf-8", errors="backslashreplace", opener=open_own
            )
        except OSError as error:
            self._stream = None
            self._warn(error)
        self._note_descriptor()

    def _close_file(self, file: TextIO) -> None:
        try:
            file.close()
        except OSError as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if self._on_warning is not None and not self._warned:
            self._warned = True
            self._on_warning(
                f"The log {self.path} cannot be written ({error}), so lines are missing from it: "
                f"make room there, or {self._elsewhere}."
            )

    def _write_header(self) -> None:
        lines = [
            f"paramsurvey start time {_now()}",
            f"host: {socket.gethostname()}, process {os.getpid()}, directory {safe_line(_directory())}",
            f"command line: {safe_line(shlex.join(sys.orig_argv))}",
            f"python: {sys.version} on {sys.platform}",
            self._new_versions("versions"),
            *(safe_line(f"{name}={value}") for name, value in sorted(os.environ.items()) if _is_logged(name)),
        ]
        self.write("\n".join(lines))

    def _new_versions(self, title: str) -> str:
        """Return a line with the versions of modules that are not logged yet."""
        new = [(name, version) for name, version in _loaded_versions() if name not in self._logged_modules]
        self._logged_modules.update(name for name, _ in new)
        return f"{title}: {', '.join(f'{name} {version}' for name, version in new) or 'none'}"


class LogReporter:
    """Writes the progress line, with the time, to the run's log.

    Parameters
    ----------
    log : RunLog
    interval : float
        Seconds between two lines.
    """

    def __init__(self, log: RunLog, interval: float = 30.0) -> None:
        self.interval = interval
        self._log = log

    def report(self, progress: MapProgress, final: bool) -> None:
        """Write the counters."""
        self._log.write(f"{_now()} {plain_line(progress)}")

    def close(self) -> None:
        """Do nothing, because the log outlives the map."""


def _create(prefix: str) -> TextIO:
    """Make a file with a new name, and its directory if that does not exist."""
    make_directory(os.path.dirname(prefix) or ".")
    names = _names(prefix)
    while True:
        with suppress(FileExistsError):  # another run that began in the same second has this name
            # private, because it has the command line, and psets that failed
            # backslashreplace, so that a line with a file name that is not valid text is not lost
            return open(next(names), "w", encoding="utf-8", errors="backslashreplace", opener=make_private)


def _names(prefix: str) -> Iterator[str]:
    now = datetime.now(UTC)
    yield f"{prefix}{now:%Y%m%d-%H%M%S}.log"
    yield f"{prefix}{now:%Y%m%d-%H%M%S-%f}.log"
    count = 1
    while True:
        yield f"{prefix}{now:%Y%m%d-%H%M%S-%f}-{count}.log"
        count += 1


def _loaded_versions() -> Iterator[tuple[str, str]]:
    """Yield the names and versions of the loaded packages, sorted, without loading anything.

    Each version is read from the module's own dict, because `getattr` might run a module's ``__getattr__``,
    which may import something. Reading the metadata of installed packages would take too long.
    """
    for name, module in sorted(sys.modules.items()):
        if "." in name or name in sys.stdlib_module_names:
            continue
        version = getattr(module, "__dict__", {}).get("__version__")
        if isinstance(version, str):
            yield name, version


def _is_logged(variable: str) -> bool:
    return variable.startswith(LOGGED_VARIABLES)


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return "(removed)"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


if TYPE_CHECKING:
    _: Reporter = LogReporter(RunLog(None, None, None))
