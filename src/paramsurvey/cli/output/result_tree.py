"""``--results DIR``: each pset's output in a directory of its own.

Axes, or placeholders, name the directory. Workers load this module.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from paramsurvey.cli.failures import CommandFailed
from paramsurvey.cli.placeholders import NUMBER, names_used, placeholders_in, tokens
from paramsurvey.cli.value_text import value_text
from paramsurvey.transport.new_files import make_directory

KEPT = " +,=@()[]~^%"  # allowed in a directory's name, besides letters, digits and _.-
LONGEST = 100  # characters of a value; the rest would be too long for a file system


def tree_path(pset: Mapping[str, Any]) -> Path:
    """Return the directory of a pset: a level for each name, and below it one for each value.

    Examples
    --------
    >>> str(tree_path({"a": 1, "f": "x/y"})), str(tree_path({"f": ".."}))
    ('a/1/f/x%2Fy', 'f/%2E%2E')
    """
    return Path(
        *(part for name, value in pset.items() for part in (name, _directory_name(value_text(value))))
    )


def result_directory(template: str, pset: Mapping[str, Any], values: Mapping[str, Any]) -> Path:
    """Return where ``--results`` keeps a pset's output: as placeholders say, then by other parameters.

    Parameters
    ----------
    template : str
    pset : mapping
    values : mapping
        The pset, `NUMBER` and `JOB`.

    Examples
    --------
    >>> str(result_directory("out", {"a": 1}, {"a": 1, "#": 7}))
    'out/a/1'
    >>> str(result_directory("out/{a}x", {"a": "u/v", "b": 2}, {"a": "u/v", "b": 2, "#": 7}))
    'out/u%2Fvx/b/2'
    >>> str(result_directory("out/{#:03d}", {"a": 1}, {"a": 1, "#": 7}))
    'out/007'
    """
    placed = names_used([template], [*pset])
    is_numbered = any(one.name == NUMBER for one in placeholders_in(template))
    below = {name: value for name, value in pset.items() if name not in placed and not is_numbered}
    parts = tokens(template)
    directory = (part if isinstance(part, str) else _directory_name(part.value(values)) for part in parts)
    return Path("".join(directory)) / tree_path(below)


def _directory_name(text: str) -> str:
    """Return a value as the name of a directory, so that no value can lead elsewhere."""
    name = quote(text.replace("%", "%25"), safe=KEPT)[:LONGEST] if text else "%"
    return name.replace(".", "%2E") if set(name) == {"."} else name


def save_in_tree(
    template: str,
    pset: Mapping[str, Any],
    values: Mapping[str, Any],
    code: int | None,
    seconds: float,
    out: IO[bytes],
    err: IO[bytes],
) -> None:
    """Save what a command printed, its exit code and its parameters, in `result_directory`.

    Raises
    ------
    CommandFailed
        A file cannot be written.
    """
    directory = result_directory(template, pset, values)
    params = {"number": values[NUMBER], "pset": dict(pset), "exit_code": code, "seconds": round(seconds, 3)}
    try:
        make_directory(directory)
        _copy(out, directory / "stdout")
        _copy(err, directory / "stderr")
        _write(directory / "exit_code", f"{'timeout' if code is None else code}\n".encode())
        _write(directory / "params.json", (json.dumps(params, default=str) + "\n").encode())
    except OSError as error:
        raise CommandFailed(f"its output cannot be saved in {directory} ({error.strerror})") from None


def _copy(file: IO[bytes], path: Path) -> None:
    file.seek(0)
    with open(path, "wb", opener=_no_link) as target:
        shutil.copyfileobj(file, target, 1 << 20)


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=_no_link) as target:
        target.write(data)


def _no_link(path: str, flags: int) -> int:
    """Open a file of an earlier run, or make it, without following a link that was put in its place."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
