"""The worker function of ``paramsurvey run -- command``: it runs one command."""

from __future__ import annotations

import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from paramsurvey.cli.command.guard import GRACE_SECONDS, Guard
from paramsurvey.cli.command.parsing import NothingParsed, Parser
from paramsurvey.cli.command.template import Template
from paramsurvey.transport.messages import PlainFailure

KEPT_BYTES = 64 * 1024  # of each stream, in the results
PARSED_BYTES = 8 * 1024 * 1024  # of stdout, its end: where results are looked for
REASON_LINES = 10  # of stderr, in a failure's reason
REASON_BYTES = 2000
CAPTURED = ("exit_code", "duration", "stdout", "stderr")
FILES = ("stdout_file", "stderr_file")


class CommandFailed(PlainFailure):
    """A command ended with an exit code that is none of ``--ok-codes``, or could not be started."""


class CommandTimeout(PlainFailure):
    """A command was ended because it ran longer than ``--timeout``."""


@dataclass(frozen=True)
class Command:
    """What is run: what the results depend on.

    Parameters
    ----------
    template : Template
    ok_codes : collection of int
        The exit codes of success.
    parsers : tuple of Parser
    """

    template: Template
    ok_codes: Collection[int] = (0,)
    parsers: tuple[Parser, ...] = ()


@dataclass(frozen=True)
class Way:
    """How it is run: another one does not make the results others.

    Parameters
    ----------
    output_dir : str
        Where outputs go that are too long for the results, and those of failed commands; it is made
        when there is one.
    timeout : float, optional
        Seconds.
    grace : float
        Seconds between SIGTERM and SIGKILL, after a timeout.
    """

    output_dir: str
    timeout: float | None = None
    grace: float = GRACE_SECONDS


WAY = "way"  # its key in system_kwargs


def run_command(pset: dict[str, Any], system_kwargs: dict[str, Any], command: Command) -> dict[str, Any]:
    """Run the command of one pset.

    Returns
    -------
    dict
        ``exit_code``, ``duration`` in seconds, ``stdout`` and ``stderr`` (their last 64 kB),
        ``stdout_file`` and ``stderr_file`` where there was more, and what the parsers found.

    Raises
    ------
    CommandFailed, CommandTimeout, NothingParsed
        The message has the exit code and the last lines of stderr. An exit code's exception is of
        a subclass that is named after it.
    """
    way: Way = system_kwargs[WAY]
    arguments = command.template.fill(pset)
    with ExitStack() as stack:
        out, err = (stack.enter_context(_unnamed_file()) for _ in range(2))
        begun = time.perf_counter()
        code = _run(arguments, out, err, way)
        duration = time.perf_counter() - begun
        files = Outputs(pset, way, out, err)
        if code is None:
            shown = f"it ran longer than the timeout of {way.timeout:g} s and was stopped"
            raise CommandTimeout(shown + files.last_words())
        if code not in command.ok_codes:
            raise failed(code, files.last_words())
        parsed = files.parse(command.parsers)
        return {"exit_code": code, "duration": duration, **files.kept(), **parsed}


def _unnamed_file() -> Any:
    """Return a file for an output in progress.

    In the temporary directory: where the outputs that are kept go may be full, and no program fails of that.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise CommandFailed(
            f"there is no place for what it prints ({error.strerror}): set TMPDIR to a directory with room"
        ) from None


def failed(code: int, last_words: str) -> CommandFailed:
    """Return the exception of an exit code: each has a class of its own, by which failures are counted.

    Examples
    --------
    >>> failed(3, "")
    ExitCode3('exit code 3')
    """
    said = describe_code(code)
    name = f"ExitCode{code}" if code >= 0 else "".join(word[0].upper() + word[1:] for word in said.split())
    failure: CommandFailed = type(name, (CommandFailed,), {})(said + last_words)
    return failure


def describe_code(code: int) -> str:
    """Return an exit code in words.

    Examples
    --------
    >>> describe_code(3), describe_code(-11)
    ('exit code 3', 'killed by SIGSEGV')
    """
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


# ---- running


def _run(arguments: list[str], out: IO[bytes], err: IO[bytes], way: Way) -> int | None:
    """Run a program to its end and return its exit code, None after a timeout.

    It writes straight into files: however much it is, and however slowly it is read, nobody waits
    and nothing is in memory.
    """
    guard = _guard(os.getpid())
    try:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, process_group=0
        )
    except (OSError, ValueError) as error:
        raise CommandFailed(_not_started(arguments[0], error)) from None
    guard.watch(process.pid)
    try:
        in_time = _ends(process, way.timeout)
    except BaseException:  # Ctrl-C, where this is the driver's own process
        _end(process, way.grace)
        raise
    finally:
        guard.watch(0)
    _end(process, 0.0 if in_time else way.grace)
    return process.returncode if in_time else None


@cache
def _guard(pid: int) -> Guard:
    """Return this process's guard: one for each process id, as a fork needs its own."""
    return Guard()


def _not_started(program: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no program {program!r}: correct the name, or give its whole path"
    if isinstance(error, PermissionError):
        return f"{program!r} may not be executed: make it executable with chmod +x"
    return f"{program!r} cannot be started: {error}"


def _ends(process: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Wait until a process has ended, and tell whether it did in time. It is left a zombie."""
    if timeout is None:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return True
    if not hasattr(os, "pidfd_open"):
        return _ends_polled(process, time.monotonic() + timeout)
    descriptor = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            return bool(selector.select(timeout))
    finally:
        os.close(descriptor)


def _ends_polled(process: subprocess.Popen[bytes], deadline: float) -> bool:
    flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
    while os.waitid(os.P_PID, process.pid, flags) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End what a command left running in its process group, and reap it.

    Only then: as long as it is a zombie nobody else can get its id, which is the group's.
    """
    if grace:
        _stop(process, grace)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ask a process group to end, and wait for its first process."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGCONT)
    _ends(process, grace)


# ---- what it wrote


class Outputs:
    """What a command wrote on stdout and stderr.

    Parameters
    ----------
    pset : mapping
        Names the files.
    way : Way
    out, err : binary file
    """

    def __init__(self, pset: Mapping[str, Any], way: Way, out: IO[bytes], err: IO[bytes]) -> None:
        self._pset = pset
        self._way = way
        self._files = {"stdout": out, "stderr": err}

    def kept(self) -> dict[str, Any]:
        """Return the columns ``stdout`` and ``stderr``, and the files where one is too long."""
        columns: dict[str, Any] = {name: tail(file, KEPT_BYTES) for name, file in self._files.items()}
        for name, file in self._files.items():
            if size(file) > KEPT_BYTES:
                columns[f"{name}_file"] = self._save(name, file)
        return columns

    def parse(self, parsers: Collection[Parser]) -> dict[str, Any]:
        """Return what the parsers find in stdout."""
        if not parsers:
            return {}
        text = tail(self._files["stdout"], PARSED_BYTES)
        found: dict[str, Any] = {}
        try:
            for parser in parsers:
                found.update(parser(text))
        except NothingParsed as error:
            raise NothingParsed(f"{error}{self._saved()}") from None
        return dict(filter(None, (self._column(key, value) for key, value in found.items())))

    def _column(self, key: str, value: Any) -> tuple[str, Any] | None:
        """Return the column of a result; one that only repeats the pset is none."""
        if key in self._pset:
            return None if self._pset[key] == value else (f"{key}_parsed", value)
        return (f"{key}_parsed" if key in (*CAPTURED, *FILES) else key, value)

    def last_words(self) -> str:
        """Return the end of a failure's reason: the last lines of stderr, and where the rest is."""
        written = tail(self._files["stderr"], REASON_BYTES).strip().splitlines()
        lines = written[-REASON_LINES:]
        said = "; stderr ends with: " + "\n".join(lines) if lines else ""
        complete = size(self._files["stderr"]) <= REASON_BYTES and len(lines) == len(written)
        return said + self._saved("stdout" if complete else "stdout stderr")

    def _saved(self, names: str = "stdout stderr") -> str:
        """Keep what a failed command wrote, and say where."""
        files = {name: self._files[name] for name in names.split()}
        saved = [f"{name} is in {self._save(name, file)}" for name, file in files.items() if size(file)]
        return f" ({', '.join(saved)})" if saved else ""

    def _save(self, name: str, file: IO[bytes]) -> str:
        """Copy an output into a file of its own, and return its path; or why there is none."""
        directory = Path(self._way.output_dir)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with _new_file(directory, f"{label(self._pset)}.{name}") as target:
                _copy(file, target)
            return str(target.name)
        except OSError as error:  # the results are worth more than the long output
            return f"(not saved in {directory}: {error.strerror})"


def _copy(file: IO[bytes], target: IO[bytes]) -> None:
    """Copy all of a file, or leave nothing: half an output would take the room that results need."""
    try:
        file.seek(0)
        shutil.copyfileobj(file, target, 1 << 20)
        target.flush()
    except OSError:
        os.unlink(target.name)
        raise


def _new_file(directory: Path, name: str) -> Any:
    for number in range(1, 1_000_000):  # the same pset may be there twice, or be tried again
        with suppress(FileExistsError):
            return open(directory / (name if number == 1 else f"{name}.{number}"), "xb")
    raise FileExistsError(f"{directory} is full of files named {name}: choose another --output-dir")


def label(pset: Mapping[str, Any]) -> str:
    """Return a file name for a pset: what a person recognizes, and what makes it unique.

    Examples
    --------
    >>> label({"a": 1, "kind": "x/y"})
    'a=1,kind=x_y-394ba860'
    """
    text = ",".join(f"{name}={value}" for name, value in pset.items())
    readable = "".join(c if c.isascii() and (c.isalnum() or c in "=,.+-") else "_" for c in text)[:80]
    return f"{readable}-{hashlib.sha256(text.encode(errors='backslashreplace')).hexdigest()[:8]}"


def size(file: IO[bytes]) -> int:
    """Return how many bytes a file has."""
    return os.fstat(file.fileno()).st_size


def tail(file: IO[bytes], most: int) -> str:
    """Return the last `most` bytes of a file as text, from the beginning of a character on."""
    start = max(0, size(file) - most)
    file.seek(start)
    data = file.read(most)
    if start:
        data = data.lstrip(bytes(range(0x80, 0xC0)))  # the rest of a character that was cut
    return data.decode(errors="backslashreplace")
