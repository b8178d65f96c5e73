"""``run.json``: what a checkpoint's directory is, for people, and for programs on other machines."""

from __future__ import annotations

import functools
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.atomic_files import CHECKSUM, checksum_of, read_json
from paramsurvey.checkpoint.run_json.validation import is_whole
from paramsurvey.errors import NotACheckpoint

NAME = "run.json"
FORMAT = 2
READABLE = (1, FORMAT)  # 1 has no checksum, and no tokens in the names of parts
KEPT_RUNS = 100
GIT_SECONDS = 5.0  # how long to wait for git
NO_COMMIT = "(initial)"  # what git says if nothing was committed yet
PACKAGES = ("paramsurvey", "numpy", "pandas", "pyarrow", "cloudpickle")


def now() -> str:
    """Return the time in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def git_state(directory: str) -> dict[str, Any] | None:
    """Return the commit of the repository that a directory is in, and whether any files differ from it."""
    if not any((parent / ".git").exists() for parent in (Path(directory), *Path(directory).parents)):
        return None
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",  # names of branches and files may be in any encoding
            timeout=GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), NO_COMMIT)
    if done.returncode != 0 or commit == NO_COMMIT:
        return None
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


@functools.cache
def versions() -> Mapping[str, str]:
    """Return the versions of Python and of the packages that matter."""
    from importlib.metadata import version

    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(Exception):  # it is not installed, or what is left of it cannot be read
            if known := version(package):  # None if nothing says which it is
                found[package] = known
    return found


def surroundings() -> dict[str, Any]:
    """Return where this process runs, and how it was started."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": _command(),
        "directory": os.getcwd(),
    }


def _command() -> list[str]:
    """Return the command line of this process; a module that runs by ``python -m`` goes by its name."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None or spec.origin != sys.argv[0]:
        return list(sys.argv)
    return ["python", "-m", spec.name.removesuffix(".__main__"), *sys.argv[1:]]


class RunUnreadable(NotACheckpoint):
    """A directory has parts, but no ``run.json`` that can be read."""


def read_run(directory: Path) -> dict[str, Any]:
    """Return a checkpoint's ``run.json``.

    Raises
    ------
    RunUnreadable
        It is damaged or gone, but what was stored is there.
    NotACheckpoint
        There is no checkpoint, or this version cannot read it.
    """
    run = read_json(directory / NAME)
    if run is None or type(run.get("format")) is not int:
        raise _unreadable(directory)
    if run["format"] not in READABLE and not _is_format_damaged(run):
        raise NotACheckpoint(
            f"the checkpoint {str(directory)!r} has the format {run['format']!r}, but this version of "
            f"paramsurvey knows the formats up to {FORMAT}: read it with the version that wrote it "
            f"({_version(run)}), or give another directory"
        )
    if not _has_right_checksum(run) or not is_whole(run):
        raise _unreadable(directory)
    return run


def _has_right_checksum(run: Mapping[str, Any]) -> bool:
    """Tell whether the checksum is right; only format 1 may have none."""
    if CHECKSUM not in run:
        return bool(run["format"] == 1)
    return bool(run[CHECKSUM] == checksum_of(run))


def _is_format_damaged(run: Mapping[str, Any]) -> bool:
    """Tell whether it is the format itself that is damaged."""
    return any(checksum_of({**run, "format": known}) == run.get(CHECKSUM) for known in READABLE)


def _version(run: Mapping[str, Any]) -> str:
    versions = run.get("versions")
    return str(versions.get("paramsurvey", "unknown")) if isinstance(versions, dict) else "unknown"


def _unreadable(directory: Path) -> NotACheckpoint:
    from paramsurvey.checkpoint.format.part_files import holds_parts, is_empty_checkpoint

    is_damaged = (directory / NAME).exists()  # if it does not exist, it may be about to be written
    if holds_parts(directory) or (is_damaged and is_empty_checkpoint(directory)):
        return RunUnreadable(
            f"the {NAME} of the checkpoint {str(directory)!r} is damaged or gone, so there is no telling how "
            "far its run got; but results are still there: run the survey again, which goes on from them, "
            "or load them with paramsurvey.load()"
        )
    return NotACheckpoint(
        f"{str(directory)!r} is not a checkpoint, because it has no readable {NAME}: "
        "give the directory of a checkpoint, or a new one"
    )


def history(run: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the earlier runs, of which `run` is the last."""
    if run is None:
        return []
    kept = {key: run.get(key) for key in ("host", "pid", "status", "started", "ended", "git", "counts")}
    changed = {"function_hash": run["function"]["hash"], "user_kwargs_hash": run["user_kwargs"]["hash"]}
    return [*run.get("history", []), {**kept, **changed}][-KEPT_RUNS:]
