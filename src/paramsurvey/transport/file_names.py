"""Names that no file can have: the system does not even look for them."""

from __future__ import annotations

import os
from pathlib import Path

from paramsurvey.errors import OptionError


def why_no_name(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""Return what no file can be called, and the remedy; empty where a file can.

    Examples
    --------
    >>> why_no_name("a\0b")
    'no name that a file can have (leave out the character of code 0)'
    >>> why_no_name("run-7")
    ''
    """
    name = os.fsdecode(path)
    if "\0" in name:
        return "no name that a file can have (leave out the character of code 0)"
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        return f"no name that a file can have (leave out the character {name[error.start]!a})"
    return ""


def possible_path(path: str | os.PathLike[str]) -> Path:
    """Return a path at which there can be a file.

    Raises
    ------
    OptionError
        A ValueError: there cannot.
    """
    if why := why_no_name(path):
        raise OptionError(f"{os.fsdecode(path)!a} is {why}")
    return Path(path)
