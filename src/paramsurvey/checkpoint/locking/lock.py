"""One driver at a time on a checkpoint, even if the file system has no locks.

``lock.json`` names the process that holds the directory. It is made in a way that fails if it exists: written
under another name and linked into place or, on file systems without links, created exclusively. The holder
touches it every few seconds, so that processes on any machine can see that it is alive.

The lock of a dead holder is never removed to make room for a new one: if several processes did that, one of
them could remove what another had just made. It is *claimed* by a file whose name contains the dead holder's
token, ``.lock-<token>.json``, made in the same way. So only one process can follow a holder, whatever the
others do, and whenever they do it: a process that comes too late looks again, and finds the new holder. The
holder is thus the process at the end of a chain: ``lock.json``, the claim on its token, the claim on that
claim's token, and so on. A claim on a token that is no longer in the chain, because its holder has been
followed and cleared away, counts for nothing. So after each claim, a process checks that it is really at the
end.

The winner then rewrites ``lock.json``, which makes the chain short again, and keeps its claim: if the winner
itself were taken for dead at this moment, the claim on its own token would still lead to its follower.

A process on this machine is dead when the kernel says so, which is certain. A process on another machine
counts as dead when it has not touched its lock for a minute by the file system's clock, though it may be
merely slow. So each holder checks before every write that the directory is still its own. If two processes
write nevertheless, their files have names that never collide, and are told apart later: see `duplicates`. The
same happens if a user removes ``lock.json`` by hand. The kernel's locks (flock, fcntl) are not used in
addition: where they are reliable, they would say the same, and on some file systems they hang, or exclude
nobody.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from paramsurvey.checkpoint.atomic_files import NOFOLLOW, sync_file, write_aside, write_whole
from paramsurvey.checkpoint.locking.lock_holder import DEAD_SECONDS, LockHolder
from paramsurvey.errors import CheckpointInUse
from paramsurvey.fast_dataclass import dataclass

NAME = "lock.json"
CLAIM = ".lock-"
BEAT_SECONDS = 5.0  # how often the holder touches it
LONGEST = 1 << 16  # bytes: a larger file is not a lock
TRIES = 10  # because other programs may take and release the lock meanwhile

# Tokens of locks that this process has released but could not remove, as on a read-only disk. Their files
# still name this process, which is alive; so the whole process has to remember that they no longer count.
_released: set[str] = set()


@dataclass(frozen=True, slots=True)
class LockFile:
    """The content of a lock, or of a claim.

    Attributes
    ----------
    path : Path
    token : str
        The token after which a claim on it is named.
    holder : LockHolder or None
        None if it cannot be read, because it was cut off or is just being written.
    touched : float
        When it was last touched, by the file system's clock.
    """

    path: Path
    token: str
    holder: LockHolder | None
    touched: float

    @classmethod
    def read(cls, path: Path) -> LockFile | None:
        """Return the lock at `path`; None if there is none."""
        try:
            content, status = _read(path)
        except FileNotFoundError:
            return None
        try:
            holder = LockHolder.from_json(json.loads(content))
        except (ValueError, RecursionError):
            holder = None
        if holder is not None:
            return cls(path, holder.token, holder, status.st_mtime)
        identity = content + f"{status.st_ino} {status.st_mtime_ns}".encode()
        return cls(path, hashlib.blake2b(identity, digest_size=16).hexdigest(), None, status.st_mtime)

    def silent_for(self) -> float:
        """Return how many seconds ago it was touched."""
        return _file_system_time(self.path.parent) - self.touched

    def is_alive(self) -> bool:
        """Tell whether its holder is alive, or may be."""
        if self.holder is None:
            return self.silent_for() < DEAD_SECONDS
        return self.holder.is_alive(self.silent_for)


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """Return a file's content and status; opening the file makes a file server's client ask for it anew."""
    flags = os.O_RDONLY | NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError:  # a link, or a file that we may not read: it does exist
        return b"", os.lstat(path)
    try:
        status = os.fstat(descriptor)
        is_plain = stat.S_ISREG(status.st_mode)  # a pipe could block us, and a device be endless
        return os.read(descriptor, LONGEST) if is_plain else b"", status
    finally:
        os.close(descriptor)


def _file_system_time(directory: Path) -> float:
    """Return the time by the file system's own clock, or by ours if nothing can be written."""
    try:
        with tempfile.TemporaryFile(dir=directory, prefix=".lock.", suffix=".tmp") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def _claim_on(token: str, directory: Path) -> Path:
    return directory / f"{CLAIM}{token}.json"


def find_holder(directory: Path) -> LockFile | None:
    """Return the lock of the process, dead or alive, that holds a directory; None if there is none."""
    held = LockFile.read(directory / NAME)
    seen: set[str] = set()
    while held is not None and held.token not in seen:
        seen.add(held.token)
        claim = LockFile.read(_claim_on(held.token, directory))
        if claim is None:
            return held
        held = claim
    return held


def holder_of(directory: Path) -> tuple[LockHolder, bool] | None:
    """Return the holder of a directory's lock, and whether it is alive; None if there is no lock."""
    held = find_holder(directory)
    if held is None or held.holder is None:
        return None
    return held.holder, held.is_alive()


class Lock:
    """Holds a directory from when it is constructed until `release`.

    Parameters
    ----------
    directory : Path
    tell : callable, optional
        Called with a message if the lock was removed while we hold it.

    Raises
    ------
    CheckpointInUse
        It names the host and the process that holds the directory, and is alive.
    """

    def __init__(self, directory: Path, tell: Callable[[str], object] = lambda text: None) -> None:
        self._directory = directory
        self._tell = tell
        self._me = LockHolder.me()
        self._last_beat = time.monotonic()
        for _ in range(TRIES):
            held = find_holder(directory)
            if held is None:
                if self._create(directory / NAME) and self._is_mine():
                    return
            elif not self._is_in_use(held) and self._follow(held):
                return
        raise CheckpointInUse(self._refusal())

    @property
    def token(self) -> str:
        """The token, which no other holder has."""
        return self._me.token

    # taking it

    def _is_in_use(self, held: LockFile) -> bool:
        if held.token in _released or not held.is_alive():
            return False
        if held.holder is None:
            time.sleep(0.1)  # another process may be writing it just now
            return True
        raise CheckpointInUse(
            f"the checkpoint {str(self._directory)!r} is in use by {held.holder}: wait until it ends, "
            "or give another directory"
        )

    def _follow(self, dead: LockFile) -> bool:
        """Claim the lock of a dead process; return whether we were the first, so that we hold it now."""
        claim = _claim_on(dead.token, self._directory)
        if not self._create(claim):
            return False
        if not self._is_mine():  # it was followed before, and the files that led to its follower are gone
            claim.unlink(missing_ok=True)
            return False
        with suppress(OSError):  # the disk may be full, but our claim says that we are the holder
            write_whole(self._directory / NAME, self._text())
            self._clear_away(keep=claim)
        return True

    def _clear_away(self, keep: Path) -> None:
        """Remove the claims that led to our predecessor, and files that killed processes have left behind."""
        for path in self._directory.glob(f"{CLAIM}*.json"):
            if path not in (keep, _claim_on(self.token, self._directory)):
                path.unlink(missing_ok=True)
        old = _file_system_time(self._directory) - DEAD_SECONDS  # younger files may still be written
        for path in self._directory.glob(".*lock*.tmp"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()

    def _text(self) -> bytes:
        return (json.dumps(asdict(self._me), indent=2) + "\n").encode()

    def _create(self, path: Path) -> bool:
        """Make a file that names us, unless there is one already; return whether we did."""
        aside = write_aside(path, self._text())
        try:
            os.link(aside, path)
        except OSError as error:
            if os.stat(aside).st_nlink > 1:  # the link was made, but the file server's answer was lost
                return True
            return not isinstance(error, FileExistsError) and self._create_without_link(path)
        finally:
            aside.unlink(missing_ok=True)
        return True

    def _create_without_link(self, path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | NOFOLLOW, 0o666)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, self._text())
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        return True

    def _refusal(self) -> str:
        held = find_holder(self._directory)
        if held is None or held.holder is not None:
            return f"the lock {self._directory / NAME} changes hands again and again: try again later"
        return (
            f"the lock {held.path} does not say which process holds it: its writer was cut off, or it is not "
            f"a lock. It is ignored once it has not been touched for {DEAD_SECONDS:.0f} seconds: try again "
            "then, or remove it if no other program uses the checkpoint"
        )

    # having it

    def _is_mine(self) -> bool:
        held = find_holder(self._directory)
        return held is not None and held.token == self.token

    def check(self) -> str | None:
        """Return None if the lock is ours, else the process that has it; make it again if it was removed."""
        try:
            held = find_holder(self._directory)
            if held is None and self._create(self._directory / NAME):
                self._tell(
                    f"the lock {self._directory / NAME} was removed while this program holds it, and is made "
                    "again: never remove the lock of a running program"
                )
            held = held or find_holder(self._directory)
        except OSError:  # the file system does not answer at the moment
            return None
        if held is not None and held.token == self.token:
            return None
        return "another program" if held is None or held.holder is None else str(held.holder)

    def beat(self) -> None:
        """Touch the lock from time to time, to show that we are alive."""
        if time.monotonic() - self._last_beat < BEAT_SECONDS:
            return
        self._last_beat = time.monotonic()
        with suppress(OSError):
            held = find_holder(self._directory)
            if held is not None and held.token == self.token:
                os.utime(held.path)

    def release(self) -> None:
        """Let others have the directory, or at least this process if the lock cannot be removed."""
        try:
            if not self._is_mine():
                return
            claims = list(self._directory.glob(f"{CLAIM}*.json"))
            (self._directory / NAME).unlink(missing_ok=True)
            for path in claims:
                path.unlink(missing_ok=True)
        except OSError:
            _released.add(self.token)
