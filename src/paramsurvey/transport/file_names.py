"""Names that no file can have, so that the system does not even look for them."""

from __future__ import annotations

import os
from pathlib import Path

from paramsurvey.errors import OptionError


def why_impossible(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""Return why no file can have this name, and the remedy; empty if a file can.

    Examples
    --------
    >>> why_impossible("a\0b")
    'not a valid file name (leave out the character with code 0)'
    >>> why_impossible("run-7")
    ''
    """
    name = os.fsdecode(path)
    if "\0" in name:
        return "not a valid file name (leave out the character with code 0)"
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        return f"not a valid file name (leave out the character {name[error.start]!a})"
    return ""


def possible_path(path: str | os.PathLike[str]) -> Path:
    """Return a path, or refuse it if no file can have this name.

    Raises
    ------
    OptionError
        A ValueError that says which character to leave out.
    """
    if why := why_impossible(path):
        raise OptionError(f"{os.fsdecode(path)!a} is {why}")
    return Path(path)
