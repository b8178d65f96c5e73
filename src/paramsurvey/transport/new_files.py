"""Makes files whose names other users can guess, without following links that these may have put there.

Workers load this module, so it loads only the standard library.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
MOST_LINKS = 40  # one leading to another, as Linux has it


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


def resolve_links(path: str) -> str:
    """Return the file or directory that is to be written: where links lead, if `path` is one.

    As in Linux, a link in a directory where everybody may write, such as /tmp, is not followed unless it is
    this user's, or that of the directory's owner: another user could have it lead to any file of this user's.

    Raises
    ------
    PermissionError
        Somebody else's link is in such a directory.
    """
    for _ in range(MOST_LINKS):
        path = path.rstrip(os.sep) or os.sep  # with a slash at its end, a link is what it leads to
        if not os.path.islink(path):
            break
        if _may_be_a_trap(path):
            raise PermissionError(
                errno.EACCES,
                "it is another user's link, in a directory where everybody may write; remove it, or choose "
                "another place",
                path,
            )
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)  # a link that appears there now is replaced itself


def _may_be_a_trap(link: str) -> bool:
    folder = os.stat(os.path.dirname(link) or os.curdir)
    trusted = (folder.st_uid, os.geteuid()) if hasattr(os, "geteuid") else ()
    return bool(trusted and folder.st_mode & stat.S_IWOTH and os.lstat(link).st_uid not in trusted)


def make_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory, and those above it, unless they are there already.

    Raises
    ------
    PermissionError
        Somebody else's link is in its place, as `resolve_links` says.
    OSError
        It cannot be made.
    """
    resolve_links(os.fspath(path))
    os.makedirs(path, exist_ok=True)


def first_new(paths: Iterable[str]) -> str:
    """Make a file with the first of `paths` that does not exist, and return that path."""
    for path in paths:
        try:
            os.close(make_new(path, os.O_WRONLY))
        except FileExistsError:
            continue
        return path
    raise FileExistsError("every one of the file's possible names exists already: remove old files")
