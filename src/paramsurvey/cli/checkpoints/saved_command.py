"""The command line that made a checkpoint. It is saved there, so that ``resume`` can run it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.new_files import make_directory
from paramsurvey.transport.safe_text import safe_line

FILE_NAME = ".command.json"  # hidden, as a checkpoint refuses a directory with other visible files


@dataclass(frozen=True)
class SavedCommand:
    """The arguments of ``paramsurvey run``, and all else that decides what they mean.

    Parameters
    ----------
    options : list of str
        What stood before ``--``.
    command : list of str, optional
        What stood after it.
    directory : str
        The working directory, from which relative paths start.
    config : dict, optional
        The configuration, as the file may be changed or removed later. None: it was not saved.
    stdin : str, optional
        What was read from standard input, which can be read only once.
    text : str, optional
        The command, with what decides its results: what another run's command is compared with.
    names : dict, optional
        By column, the names that were typed with dots.
    """

    options: list[str]
    command: list[str] | None
    directory: str
    config: dict[str, Any] | None = None
    stdin: str | None = None
    text: str | None = None
    names: dict[str, str] | None = None

    def arguments(self, more: Sequence[str] = ()) -> list[str]:
        """Return the arguments for ``paramsurvey run``, with more options, which win."""
        return [*self.options, *more, *(["--", *self.command] if self.command is not None else [])]


def save_command(checkpoint: str, command: SavedCommand) -> None:
    """Save the command in its checkpoint; any other directory, or one in use, stays as it is."""
    path = Path(checkpoint)
    if not may_save(path):
        return
    from paramsurvey.checkpoint.atomic_files import replace_json

    with suppress(OSError):  # opening the checkpoint will tell the user what is wrong with the directory
        make_directory(path)
        replace_json(path / FILE_NAME, asdict(command), ascii_only=True)


def discard_unstarted(checkpoint: str) -> None:
    """Remove the saved command of a run that ended before it began, and the directory if it is then empty."""
    if not has_started(checkpoint):
        with suppress(OSError):
            (Path(checkpoint) / FILE_NAME).unlink()
            Path(checkpoint).rmdir()


def may_save(path: Path) -> bool:
    """Tell whether a directory is new, empty, or a checkpoint that no other run uses."""
    from paramsurvey.checkpoint.locking.lock import holder_of
    from paramsurvey.checkpoint.run_json.run_file import NAME as RUN_FILE

    if not path.exists():
        return True
    try:
        names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
        holder = holder_of(path)
    except OSError:
        return False
    return (not names or RUN_FILE in names) and not (holder is not None and holder[1])


def load_command(checkpoint: str) -> SavedCommand:
    """Return the command that made a checkpoint.

    Raises
    ------
    BadUsage
        A Python program made the checkpoint, which the message names; or the command is damaged.
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    """
    from paramsurvey.checkpoint.atomic_files import read_json
    from paramsurvey.checkpoint.run_json.run_file import read_run

    path = Path(checkpoint) / FILE_NAME
    if path.exists():
        saved = _checked(read_json(path))
        if saved is None:
            raise BadUsage(
                f"the command that is saved in {path} is damaged: run the same paramsurvey command again, "
                "with the same --checkpoint, and it resumes"
            )
        values: dict[str, Any] = {field.name: saved.get(field.name) for field in fields(SavedCommand)}
        return SavedCommand(**values)
    raise BadUsage(
        f"{checkpoint} was made by a Python program: run that program again, and it resumes: "
        f"{_python_command(read_run(Path(checkpoint)))}"
    )


def how_to_resume(checkpoint: str) -> str:
    """Return what to type to run what is missing; a Python program has to be run again itself."""
    from paramsurvey.checkpoint.run_json.run_file import read_run

    if (Path(checkpoint) / FILE_NAME).exists():
        return f"paramsurvey resume {shlex.quote(checkpoint)}"
    return f"run the same program again, {_python_command(read_run(Path(checkpoint)))}"


def _python_command(run: Mapping[str, Any]) -> str:
    """Return the command line of the Python program that made a checkpoint."""
    words = ["python", *map(str, run.get("command", ["..."]))]
    return safe_line(f"cd {shlex.quote(str(run.get('directory', '?')))} && {shlex.join(words)}")


def saved_text(checkpoint: str) -> str | None:
    """Return the command that made a checkpoint, None if it is not known."""
    text: str | None = (_saved(checkpoint) or {}).get("text")
    return text


def saved_names(checkpoint: str) -> dict[str, str]:
    """Return, by column, the names that were typed with dots."""
    return (_saved(checkpoint) or {}).get("names") or {}


def _saved(checkpoint: str) -> dict[str, Any] | None:
    from paramsurvey.checkpoint.atomic_files import read_json

    path = Path(checkpoint) / FILE_NAME
    return _checked(read_json(path)) if path.exists() else None


def _checked(saved: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what a file holds, None if it is not what was saved; older files have no checksum."""
    from paramsurvey.checkpoint.atomic_files import CHECKSUM, checksum_of

    if saved is None or saved.get(CHECKSUM) not in (None, checksum_of(saved)):
        return None
    whole = (
        _are_texts(saved.get("options"))
        and "command" in saved
        and (saved["command"] is None or _are_texts(saved["command"]))
        and isinstance(saved.get("directory"), str)
        and isinstance(saved.get("config"), (dict, type(None)))
        and isinstance(saved.get("names"), (dict, type(None)))
        and all(isinstance(saved.get(name), (str, type(None))) for name in ("stdin", "text"))
    )
    return saved if whole else None


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def has_started(checkpoint: str) -> bool:
    """Tell whether a run has got far enough for its checkpoint to be read."""
    from paramsurvey.checkpoint.run_json.run_file import NAME as RUN_FILE

    return (Path(checkpoint) / RUN_FILE).exists()


def check_started(checkpoint: str) -> None:
    """Refuse the directory of a run that has written nothing yet.

    Raises
    ------
    BadUsage
        The run may be about to start, or may have been interrupted before that.
    """
    if not has_started(checkpoint) and (Path(checkpoint) / FILE_NAME).exists():
        raise BadUsage(
            f"{checkpoint}: the run has not written anything yet: try again in a moment, "
            f"or, if it no longer runs, paramsurvey resume {shlex.quote(checkpoint)}"
        )
