"""Files whose names others can guess: made new, so that a link that waits in their place is not followed.

Only the standard library is loaded here: workers import this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def make_new(path: str, flags: int) -> int:
    """Make a file and return its descriptor; an opener for `open`, whatever its mode.

    Raises
    ------
    FileExistsError
        Something is there: a file, or a link to somewhere.
    """
    return os.open(path, flags & ~os.O_TRUNC | os.O_CREAT | os.O_EXCL | NOFOLLOW, 0o666)


def open_own(path: str, flags: int) -> int:
    """Open a file that was made by `make_new`; an opener for `open`."""
    return os.open(path, flags & ~os.O_CREAT | NOFOLLOW)


def first_new(paths: Iterable[str]) -> str:
    """Make a file with the first of some names that is free, and return that."""
    for path in paths:
        try:
            os.close(make_new(path, os.O_WRONLY))
        except FileExistsError:
            continue
        return path
    raise FileExistsError("all names are taken")
