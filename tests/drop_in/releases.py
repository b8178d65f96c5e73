"""Runs one program on release 0.4.21 and on this package, as a user runs it, and compares what it showed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = HERE / "programs"
OLD_ENVIRONMENT = ROOT / ".venv-0.4"
OLD_VERSION = "0.4.21"
HANGS = 100  # seconds: no program of this suite takes that long on any machine
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")  # of the developer's environment


@dataclass(frozen=True)
class Release:
    """A Python interpreter with one of the two releases."""

    name: str
    python: Path

    def program(self, name: str) -> Path:
        """Return the path of a program that the release has installed."""
        return self.python.parent / name


NEW = Release("new", Path(sys.executable))
OLD = Release("old", OLD_ENVIRONMENT / "bin" / "python")


@dataclass(frozen=True)
class Ran:
    """What a program did: what it showed by name, what it printed, and the directory that it worked in."""

    shown: dict[str, Any]
    stdout: str
    stderr: str
    code: int
    directory: Path

    def __getitem__(self, name: str) -> Any:
        assert name in self.shown, f"the program did not show {name!r}, and wrote on stderr:\n{self.stderr}"
        return self.shown[name]

    def logs(self) -> list[str]:
        """Return the names of the hidden log files."""
        return sorted(path.name for path in self.directory.glob(".paramsurvey-*"))

    def log(self) -> str:
        """Return the text of the only log file."""
        (name,) = self.logs()
        return (self.directory / name).read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        """Return the contents of the files that the program wrote, by path; the logs are left out."""
        found = [path for path in self.directory.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in found
            if not path.name.startswith(".paramsurvey-") and path.name != "shown.jsonl"
        }


def run(
    release: Release,
    program: str | Path,
    directory: Path,
    *args: str,
    env: dict[str, str] | None = None,
    fails: bool = False,
) -> Ran:
    """Run a program in an empty directory, with a clean environment.

    Parameters
    ----------
    program
        A name in `programs`, or the path of a program.
    directory
        The program's own will be in it.
    fails
        Whether the program is to end with an error.
    """
    place = directory / release.name
    place.mkdir()
    shown = place / "shown.jsonl"
    shown.touch()
    clean = {name: os.environ[name] for name in KEPT if name in os.environ}
    ours = {"SHOWN": str(shown), "PYTHONPATH": str(PROGRAMS), "PYTHONHASHSEED": "0", "COLUMNS": "80"}
    command = [str(release.python), str(PROGRAMS / program), *args]
    stdout, stderr, code = _finish(command, place, clean | ours | (env or {}))
    assert fails == (code != 0), f"on the {release.name} release:\n{stderr}"
    return Ran(_read(shown), stdout, stderr, code, place)


def _finish(command: list[str], directory: Path, env: dict[str, str]) -> tuple[str, str, int]:
    """Run a command to its end; kill it, and all that it has started, when that does not come."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, cwd=directory, env=env, text=True, start_new_session=True, **pipes
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=HANGS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise AssertionError(f"did not end within {HANGS} s: {command}\n{stdout}\n{stderr}") from None
        finally:
            with suppress(ProcessLookupError):  # what the program has left behind
                os.killpg(process.pid, signal.SIGKILL)
    return stdout, stderr, process.returncode


def _read(shown: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in shown.read_text(encoding="utf-8").splitlines()]
    return {line.pop("name"): line for line in lines}


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return a line for each thing that the two programs did not show alike."""
    return [
        f"{name}:\n    0.4.21 {_short(old.get(name))}\n    here   {_short(new.get(name))}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _short(shown: Any) -> str:
    text = "was not shown" if shown is None else json.dumps(shown)
    return text if len(text) < 2000 else f"{text[:2000]}..."
