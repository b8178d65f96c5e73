"""What a checkpoint remembers of the program that made it, so that ``resume`` can run it again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from paramsurvey.cli.problems import BadUsage

STDIN = "@-"
NAME = ".command.json"  # hidden: the checkpoint takes no directory that has other files


@dataclass(frozen=True)
class Remembered:
    """The arguments of ``paramsurvey run``, and the directory in which they mean what they say.

    Parameters
    ----------
    options : list of str
        What stood before ``--``.
    command : list of str, optional
        What stood after it.
    directory : str
    config : dict, optional
        What a configuration had, which may be gone or another one later. None: an older version kept none.
    """

    options: list[str]
    command: list[str] | None
    directory: str
    config: dict[str, Any] | None = None

    def with_values(self, read: Mapping[str, Sequence[Any]]) -> Remembered:
        """Return the same with values in place of ``@-``: standard input is read once.

        Parameters
        ----------
        read : dict
            What was read there, by the parameter's name.
        """
        texts = {f"{name}={STDIN}": f"{name}={json.dumps(list(values))}" for name, values in read.items()}
        config = dict(self.config or {})
        params = config.get("params_config", {})
        read_again = {
            name: json.dumps(list(read[name]))
            for name, text in params.items()
            if text == STDIN and name in read
        }
        if read_again:
            config["params_config"] = {**params, **read_again}
        return replace(self, options=[_replaced(word, texts) for word in self.options], config=config)

    def arguments(self, more: Sequence[str] = ()) -> list[str]:
        """Return the arguments again, with more options, which win."""
        return [*self.options, *more, *(["--", *self.command] if self.command is not None else [])]


def _replaced(word: str, texts: Mapping[str, str]) -> str:
    """Return a word of the command line, such as ``a=@-`` or ``-pa=@-``, with another text at its end."""
    for text, other in texts.items():
        before = word.removesuffix(text)
        if word.endswith(text) and (not before or before in ("-p", "--param=")):
            return before + other
    return word


def remember(checkpoint: str, remembered: Remembered) -> None:
    """Keep the arguments with the checkpoint; a directory that is none, or is in use, stays as it is."""
    path = Path(checkpoint)
    if not _is_ours(path):
        return
    with suppress(OSError):  # the checkpoint itself will say what is wrong with the directory
        path.mkdir(parents=True, exist_ok=True)
        aside = path / f"{NAME}.{os.getpid()}.tmp"
        try:
            aside.write_text(json.dumps(asdict(remembered), indent=2) + "\n", encoding="utf-8")
            os.replace(aside, path / NAME)
        finally:
            aside.unlink(missing_ok=True)


def forget(checkpoint: str) -> None:
    """Take the arguments of a run away that never began, with the directory if that is all there was."""
    if not has_begun(checkpoint):
        with suppress(OSError):
            (Path(checkpoint) / NAME).unlink()
            Path(checkpoint).rmdir()


def _is_ours(path: Path) -> bool:
    from paramsurvey.checkpoint.lock import holder_of
    from paramsurvey.checkpoint.run_file import NAME as RUN

    if not path.exists():
        return True
    try:
        names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
        holder = holder_of(path)
    except OSError:
        return False
    return (not names or RUN in names) and not (holder is not None and holder[1])


def recall(checkpoint: str) -> Remembered:
    """Return the arguments that made a checkpoint.

    Raises
    ------
    BadUsage
        It is no checkpoint, or a program in Python made it, which is named.
    """
    from paramsurvey.checkpoint.run_file import read_run

    try:
        kept: dict[str, Any] = json.loads((Path(checkpoint) / NAME).read_text(encoding="utf-8"))
        return Remembered(kept["options"], kept["command"], kept["directory"], kept.get("config"))
    except (OSError, ValueError, KeyError, TypeError):
        run = read_run(Path(checkpoint))
    raise BadUsage(
        f"{checkpoint} was made by a program in Python: run that again, it goes on from there: "
        f"cd {run.get('directory', '?')} && python {' '.join(map(str, run.get('command', ['...'])))}"
    )


def has_begun(checkpoint: str) -> bool:
    """Tell whether a run has come so far that its checkpoint can be read."""
    from paramsurvey.checkpoint.run_file import NAME as RUN

    return (Path(checkpoint) / RUN).exists()


def check_begun(checkpoint: str) -> None:
    """Refuse the directory of a run that has written nothing yet."""
    if not has_begun(checkpoint) and (Path(checkpoint) / NAME).exists():
        raise BadUsage(
            f"{checkpoint}: the run has written nothing yet: look again in a moment, "
            f"or go on with it: paramsurvey resume {checkpoint}"
        )
