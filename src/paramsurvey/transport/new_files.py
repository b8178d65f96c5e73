"""Makes files whose names other users can guess, without following links that these may have put there.

Workers load this module, so it loads only the standard library.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def make_new(path: str, flags: int) -> int:
    """Make a file and return its descriptor. This is an opener for `open`, in any mode.

    Raises
    ------
    FileExistsError
        There is a file, or a link, with this name.
    """
    return _make(path, flags, 0o666)


def make_private(path: str, flags: int) -> int:
    """Make a file as `make_new` does, but readable by its owner alone, since its contents may be secret."""
    return _make(path, flags, 0o600)


def _make(path: str, flags: int, mode: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC | os.O_CREAT | os.O_EXCL | NOFOLLOW, mode)


def open_own(path: str, flags: int) -> int:
    """Open a file that `make_new` made, without following a link. This is an opener for `open`."""
    return os.open(path, flags & ~os.O_CREAT | NOFOLLOW)


def first_new(paths: Iterable[str]) -> str:
    """Make a file with the first of `paths` that does not exist, and return that path."""
    for path in paths:
        try:
            os.close(make_new(path, os.O_WRONLY))
        except FileExistsError:
            continue
        return path
    raise FileExistsError("every one of the file's possible names exists already: remove old files")
