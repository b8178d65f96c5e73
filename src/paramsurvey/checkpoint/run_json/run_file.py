"""``run.json``: what a checkpoint's directory is, for people and for programs on other machines."""

from __future__ import annotations

import difflib
import functools
import hashlib
import inspect
import os
import platform
import reprlib
import socket
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.atomic_files import CHECKSUM, checksum_of, read_json
from paramsurvey.checkpoint.run_json.run_check import is_whole
from paramsurvey.checkpoint.typed_hash import canonical, code_of
from paramsurvey.errors import NotACheckpoint
from paramsurvey.transport.safe_repr import describe
from paramsurvey.worker.keywords import KeywordWorker

NAME = "run.json"
FORMAT = 2
READABLE = (1, FORMAT)  # 1 has no checksum, and no tokens in the names of parts
LONGEST_REPR = 10_000  # characters
LONGEST_SOURCE = 100_000
LONGEST_NAME = 200
SHOWN_LINES = 60  # of a difference
KEPT_RUNS = 100
GIT_SECONDS = 5.0  # a repository that takes longer is not waited for
PACKAGES = ("paramsurvey", "numpy", "pandas", "pyarrow", "cloudpickle")


def now() -> str:
    """Return the time in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Program:
    """What was run: the function and its arguments, as far as they can be compared.

    What a function uses of its module, and the files that it reads, are not part of it.
    """

    function: str
    file: str
    source_hash: str
    source: str
    kwargs_hash: str
    kwargs_type: str
    kwargs: str | None

    @classmethod
    def of(cls, function: Any, user_kwargs: Any, store_user_kwargs: bool = False) -> Program:
        """Describe a worker function and its user_kwargs: of these, the text only where it shall be stored.

        It may hold passwords; so may what a partial carries with it.
        """
        inner = _innermost(function)
        name = (
            f"{getattr(inner, '__module__', '?')}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"
        )
        source = _source(inner)
        text = source or describe(function if store_user_kwargs else inner, LONGEST_REPR)
        return cls(
            name,
            _file(inner),
            _hash(canonical([source or _behaviour(inner), _bound(function)])),
            text[:LONGEST_SOURCE],
            _hash(canonical(user_kwargs)),
            type(user_kwargs).__qualname__[:LONGEST_NAME],
            _shown(user_kwargs) if store_user_kwargs else None,
        )

    @classmethod
    def from_json(cls, run: Mapping[str, Any]) -> Program:
        """Return what a run.json holds."""
        function, kwargs = run["function"], run["user_kwargs"]
        return cls(
            function["name"],
            function["file"],
            function["hash"],
            function["source"],
            kwargs["hash"],
            kwargs.get("type", "value"),  # format 1 does not have it
            kwargs.get("repr"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what a run.json holds."""
        return {
            "function": {
                "name": self.function,
                "file": self.file,
                "hash": self.source_hash,
                "source": self.source,
            },
            "user_kwargs": {
                "hash": self.kwargs_hash,
                "type": self.kwargs_type,
                **({} if self.kwargs is None else {"repr": self.kwargs}),
            },
        }

    def difference(self, new: Program) -> str:
        """Return what is different in `new`, for people; empty where nothing is."""
        parts = []
        if self.source_hash != new.source_hash:
            parts.append("the worker function has changed:\n" + _diff(self.source, new.source))
        if self.kwargs_hash != new.kwargs_hash:
            parts.append(self._difference_of_kwargs(new))
        return "\n".join(parts)

    def _difference_of_kwargs(self, new: Program) -> str:
        if self.kwargs is not None and new.kwargs is not None:
            return "user_kwargs have changed:\n" + _diff(_lines(self.kwargs), _lines(new.kwargs))
        return (
            f"user_kwargs have changed (a {self.kwargs_type} before, a {new.kwargs_type} now; their text is "
            "not stored, for it may hold passwords: store_user_kwargs=True stores and shows it from now on)"
        )


def _shown(thing: Any) -> str:
    """Return a repr of bounded length, which costs bounded time, with dicts in order."""
    shortened = _Repr()
    shortened.maxlevel = 10
    shortened.maxdict = shortened.maxlist = shortened.maxtuple = shortened.maxset = 200
    shortened.maxstring = shortened.maxother = shortened.maxlong = 1000
    try:
        return shortened.repr(thing)[:LONGEST_REPR]
    except Exception:  # of whatever the thing is made of
        return describe(thing, LONGEST_REPR)


class _Repr(reprlib.Repr):
    """Shows integers, too, that have more digits than Python is willing to tell."""

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:
            return f"<an integer of {x.bit_length()} bits>"


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, functools.partial) else inspect.unwrap(function)
    if inspect.ismethod(function):
        return function.__func__
    is_plain = inspect.isroutine(function) or isinstance(function, type)
    return function if is_plain else type(function)


def _bound(function: Any) -> list[Any]:
    """Return what a function carries with it: a partial's arguments, defaults, a closure's values."""
    if isinstance(function, KeywordWorker):
        return [function.result, _bound(function.__wrapped__.__wrapped__)]
    if isinstance(function, functools.partial):
        return [list(function.args), dict(function.keywords), _bound(function.func)]
    if inspect.isfunction(function):
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        return [list(function.__defaults__ or ()), cells]
    return []


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return None


def _source(thing: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError, IndentationError):
        return ""


def _behaviour(thing: Any) -> Any:
    """Return what stands for a function without a source."""
    code = getattr(thing, "__code__", None)
    return code_of(code) if code is not None else getattr(thing, "__qualname__", repr(type(thing)))


def _file(thing: Any) -> str:
    try:
        return os.path.abspath(inspect.getsourcefile(thing) or "")
    except TypeError:
        return ""


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _lines(text: str) -> str:
    """Break a repr at its commas, so that a difference shows the member."""
    return text.replace(", ", ",\n")


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="", n=2))
    if not lines:
        return "  (the difference is in the values that it carries with it)"
    shown = [f"  {line}" for line in lines[:SHOWN_LINES]]
    return "\n".join([*shown, *([f"  ... ({len(lines)} lines)"] if len(lines) > SHOWN_LINES else [])])


def git_state(directory: str) -> dict[str, Any] | None:
    """Return the commit of the repository that a directory is in, and whether files differ from it."""
    if not any((parent / ".git").exists() for parent in (Path(directory), *Path(directory).parents)):
        return None
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    commits = [line.split()[-1] for line in lines if line.startswith("# branch.oid")]
    if done.returncode != 0 or not commits:
        return None
    return {"commit": commits[0], "dirty": any(not line.startswith("#") for line in lines)}


@functools.cache
def versions() -> Mapping[str, str]:
    """Return the versions of Python and of the packages that matter."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def surroundings() -> dict[str, Any]:
    """Return where this process runs, and how it was started."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": list(sys.argv),
        "directory": os.getcwd(),
    }


class RunUnreadable(NotACheckpoint):
    """A directory has parts, but no ``run.json`` that can be read."""


def read_run(directory: Path) -> dict[str, Any]:
    """Return a checkpoint's ``run.json``.

    Raises
    ------
    RunUnreadable
        It is damaged or gone; what was stored is there.
    NotACheckpoint
        There is none, or it is one that this version does not understand.
    """
    run = read_json(directory / NAME)
    if run is None or type(run.get("format")) is not int:
        raise _unreadable(directory)
    if run["format"] not in READABLE and not _was_readable(run):
        raise NotACheckpoint(
            f"the checkpoint {str(directory)!r} has the format {run['format']!r}, and this version of "
            f"paramsurvey knows the formats up to {FORMAT}: read it with the version that wrote it "
            f"({_version(run)}), or give another directory"
        )
    if not _is_sound(run) or not is_whole(run):
        raise _unreadable(directory)
    return run


def _is_sound(run: Mapping[str, Any]) -> bool:
    """Tell whether the checksum is right; only format 1 may have none."""
    if CHECKSUM not in run:
        return bool(run["format"] == 1)
    return bool(run[CHECKSUM] == checksum_of(run))


def _was_readable(run: Mapping[str, Any]) -> bool:
    """Tell whether it is the format itself that is damaged."""
    return any(checksum_of({**run, "format": known}) == run.get(CHECKSUM) for known in READABLE)


def _version(run: Mapping[str, Any]) -> str:
    versions = run.get("versions")
    return str(versions.get("paramsurvey", "unknown")) if isinstance(versions, dict) else "unknown"


def _unreadable(directory: Path) -> NotACheckpoint:
    from paramsurvey.checkpoint.format.part_files import holds_parts, is_empty_checkpoint

    is_damaged = (directory / NAME).exists()  # else it may be just about to be written
    if holds_parts(directory) or (is_damaged and is_empty_checkpoint(directory)):
        return RunUnreadable(
            f"the {NAME} of the checkpoint {str(directory)!r} is damaged or gone, so how far its run is "
            "cannot be told; the results are still there: run the survey again, which goes on from them, "
            "or take them with paramsurvey.load()"
        )
    return NotACheckpoint(
        f"{str(directory)!r} is not a checkpoint, for it has no readable {NAME}: "
        "give the directory of a checkpoint, or a new one"
    )


def history(run: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the earlier runs, the last of them `run`."""
    if run is None:
        return []
    kept = {key: run.get(key) for key in ("host", "pid", "status", "started", "ended", "git", "counts")}
    changed = {"function_hash": run["function"]["hash"], "user_kwargs_hash": run["user_kwargs"]["hash"]}
    return [*run.get("history", []), {**kept, **changed}][-KEPT_RUNS:]
