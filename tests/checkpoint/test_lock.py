"""The lock of a checkpoint: one holder at a time, whoever dies when."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from paramsurvey.checkpoint.locking import lock, lock_holder
from paramsurvey.checkpoint.locking.lock import CLAIM, NAME, Lock, find_holder, holder_of
from paramsurvey.checkpoint.locking.lock_holder import LockHolder
from paramsurvey.errors import CheckpointInUse

CONTENTION = Path(__file__).with_name("lock_contention.py")
PROCESSES, TRIES = 6, 6


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def dead() -> LockHolder:
    return replace(LockHolder.me(), pid=ended_process())


def write(directory: Path, holder: LockHolder, name: str = NAME) -> Path:
    path = directory / name
    path.write_text(json.dumps(asdict(holder)))
    return path


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# ---- many at once


@pytest.mark.parametrize("links", ["", "NO_LINKS"], ids=["links", "no links"])
@pytest.mark.parametrize("seed", [1, 2])
def test_of_many_processes_one_alone_holds_it_wherever_each_is_interrupted(
    tmp_path: Path, links: str, seed: int
) -> None:
    directory = tmp_path / "dir"
    directory.mkdir()
    write(directory, dead())
    commands = [
        [sys.executable, str(CONTENTION), str(directory), f"{seed}{number}", str(TRIES), links]
        for number in range(PROCESSES)
    ]
    started = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in started] == [0] * PROCESSES
    violations = tmp_path / "violations"
    assert not violations.exists(), violations.read_text()
    assert len((tmp_path / "entries").read_text().splitlines()) == PROCESSES * TRIES
    Lock(directory).release()
    assert files(directory) == []


# ---- following a dead holder


def test_the_winner_writes_the_lock_anew_and_leaves_nothing_when_it_ends(tmp_path: Path) -> None:
    write(tmp_path, dead())
    held = Lock(tmp_path)
    assert json.loads((tmp_path / NAME).read_text())["token"] == held.token
    assert held.check() is None
    with pytest.raises(CheckpointInUse, match=f"process {os.getpid()} on {socket.gethostname()}"):
        Lock(tmp_path)
    held.release()
    assert files(tmp_path) == []


def test_who_claims_what_has_been_followed_already_has_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = dead()
    write(tmp_path, gone)
    seen = find_holder(tmp_path)
    winner = Lock(tmp_path)
    (tmp_path / f"{CLAIM}{gone.token}.json").unlink()  # so that the claim of the slow one is made
    looks = iter([seen])
    real = find_holder
    monkeypatch.setattr(lock, "find_holder", lambda directory: next(looks, None) or real(directory))
    with pytest.raises(CheckpointInUse, match=f"process {os.getpid()}"):
        Lock(tmp_path)
    monkeypatch.undo()
    assert winner.check() is None
    assert files(tmp_path) == [NAME]
    winner.release()


def test_who_claims_a_moment_later_than_another_has_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, faster = dead(), LockHolder.me()
    write(tmp_path, gone)
    seen = find_holder(tmp_path)
    claim = write(tmp_path, faster, f"{CLAIM}{gone.token}.json")
    looks = iter([seen])
    real = find_holder
    monkeypatch.setattr(lock, "find_holder", lambda directory: next(looks, None) or real(directory))
    with pytest.raises(CheckpointInUse, match=f"process {os.getpid()}"):
        Lock(tmp_path)
    assert LockHolder.from_json(json.loads(claim.read_text())) == faster


def test_a_winner_that_was_killed_before_it_wrote_the_lock_anew_is_followed(tmp_path: Path) -> None:
    first, second = dead(), dead()
    write(tmp_path, first)
    write(tmp_path, second, f"{CLAIM}{first.token}.json")
    held = Lock(tmp_path)
    held.release()
    assert files(tmp_path) == []


def test_a_winner_that_cannot_write_the_lock_anew_holds_it_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write(tmp_path, dead())
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        held = Lock(tmp_path)
    assert held.check() is None
    with pytest.raises(CheckpointInUse):
        Lock(tmp_path)
    held.release()
    assert files(tmp_path) == []


def test_the_winner_clears_away_what_killed_processes_have_left(tmp_path: Path) -> None:
    first, second = dead(), dead()
    write(tmp_path, first)
    write(tmp_path, second, f"{CLAIM}{first.token}.json")
    old, young = tmp_path / ".lock.json.1.tmp", tmp_path / f"{CLAIM}2.json.3.tmp"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    held = Lock(tmp_path)
    assert files(tmp_path) == sorted([NAME, f"{CLAIM}{second.token}.json", young.name])
    held.release()


def test_one_that_was_only_slow_does_not_come_back(tmp_path: Path) -> None:
    slow = replace(LockHolder.me(), machine="another machine")
    os.utime(write(tmp_path, slow), (0, 0))
    follower = Lock(tmp_path)
    write(tmp_path, slow)  # it goes on where it was: just before it wrote the lock
    assert follower.check() is None
    found = find_holder(tmp_path)
    assert found is not None
    assert found.token == follower.token
    follower.release()


def test_a_lock_that_is_just_being_written_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).touch()
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: write(tmp_path, dead()))
    Lock(tmp_path).release()
    assert files(tmp_path) == []


def test_a_lock_that_stays_unreadable_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(lock.time, "sleep", waited.append)
    path = tmp_path / NAME
    path.write_text("[")
    with pytest.raises(CheckpointInUse, match=r"lock\.json does not say which process holds it.*try again"):
        Lock(tmp_path)
    assert 0.5 < sum(waited) < 2, "long enough for who is writing it, and short enough for who waits"
    assert path.read_text() == "["
    os.utime(path, (0, 0))
    Lock(tmp_path).release()
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("step", "there"), [("_follow", True), ("_create", False)], ids=["a dead holder", "no lock"]
)
def test_a_lock_that_changes_hands_again_and_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, there: bool
) -> None:
    if there:
        write(tmp_path, dead())
    monkeypatch.setattr(Lock, step, lambda self, what: False)  # another one has always been faster
    with pytest.raises(CheckpointInUse, match="changes hands again and again: try again later"):
        Lock(tmp_path)


# ---- while it is held


@pytest.mark.usefixtures("nothing_left")
def test_where_the_file_system_has_no_links_one_alone_holds_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    held = Lock(tmp_path)
    assert held.check() is None
    assert LockHolder.from_json(json.loads((tmp_path / NAME).read_text())) == held._me
    with pytest.raises(CheckpointInUse):
        Lock(tmp_path)
    held.release()
    assert files(tmp_path) == []


def test_a_lock_that_could_not_be_removed_does_not_keep_out_who_has_let_it_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Lock(tmp_path)
    with monkeypatch.context() as read_only:
        read_only.setattr(Path, "unlink", refuse)
        first.release()
    assert files(tmp_path) == [NAME]
    second = Lock(tmp_path)
    assert second.check() is None
    with pytest.raises(CheckpointInUse):
        Lock(tmp_path)
    second.release()
    assert files(tmp_path) == []


def refuse(path: Path, missing_ok: bool = False) -> None:
    raise OSError(errno.EROFS, "Read-only file system", str(path))


def test_a_lock_that_was_removed_by_hand_is_noticed_and_made_anew(tmp_path: Path) -> None:
    told: list[str] = []
    held = Lock(tmp_path, told.append)
    (tmp_path / NAME).unlink()
    assert held.check() is None
    assert "was removed while this program holds it" in told[0]
    with pytest.raises(CheckpointInUse):
        Lock(tmp_path)
    held.release()


def test_who_ends_after_its_lock_was_removed_leaves_nothing(tmp_path: Path) -> None:
    held = Lock(tmp_path)
    (tmp_path / NAME).unlink()
    held.release()
    assert files(tmp_path) == []


def test_a_link_that_was_made_though_the_file_server_says_no_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def answer_is_lost(*paths: Path) -> None:
        real(*paths)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", answer_is_lost)
    held = Lock(tmp_path)
    assert held.check() is None
    held.release()
    assert files(tmp_path) == []


def test_a_lock_that_was_removed_and_taken_by_another_one_is_lost(tmp_path: Path) -> None:
    first = Lock(tmp_path)
    (tmp_path / NAME).unlink()
    second = Lock(tmp_path)
    assert f"process {os.getpid()}" in str(first.check())
    first.release()
    assert second.check() is None, "who has lost it does not release it"
    second.release()


def test_the_holder_shows_every_few_seconds_that_it_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(lock.time, "monotonic", lambda: now[0])
    held = Lock(tmp_path)

    def is_touched_after(seconds: float) -> bool:
        os.utime(tmp_path / NAME, (0, 0))
        now[0] += seconds
        held.beat()
        return (tmp_path / NAME).stat().st_mtime > 0

    assert not is_touched_after(lock.BEAT_SECONDS - 0.1)
    assert is_touched_after(0.1)
    assert not is_touched_after(lock.BEAT_SECONDS - 0.1), "it is counted from the last time"
    write(tmp_path, dead())
    assert not is_touched_after(2 * lock.BEAT_SECONDS), "it is the lock of another one"


@pytest.mark.parametrize("name", [NAME, f"{CLAIM}{{token}}.json"])
def test_a_lock_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    holder = LockHolder.me()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / name.format(token=holder.token)).symlink_to(victim)
    if name != NAME:
        write(tmp_path, holder)
    assert holder_of(tmp_path) is None
    assert victim.read_text() == "mine"


def test_a_ring_of_claims_is_no_endless_way(tmp_path: Path) -> None:
    one, other = dead(), dead()
    write(tmp_path, one)
    write(tmp_path, other, f"{CLAIM}{one.token}.json")
    write(tmp_path, one, f"{CLAIM}{other.token}.json")
    assert find_holder(tmp_path) is not None


# ---- alive or dead


def test_a_change_of_the_clock_kills_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Lock(tmp_path)
    monkeypatch.setattr("psutil.boot_time", lambda: 1.0)
    monkeypatch.setattr("time.time", lambda: 4e9)
    monkeypatch.setattr("psutil.Process.create_time", lambda self: 4e9)
    found = holder_of(tmp_path)
    assert found is not None
    assert found[1]
    held.release()


@pytest.mark.parametrize("is_proc_there", [True, False])
def test_a_zombie_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_proc_there: bool) -> None:
    if not is_proc_there:
        monkeypatch.setattr(lock_holder, "PROC", tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        start = lock_holder._process_start(process.pid)
        assert start is not None
        holder = replace(LockHolder.me(), pid=process.pid, process_start=start)
        assert holder.is_alive(never)
        os.kill(process.pid, 9)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not holder.is_alive(never)


def never() -> float:
    raise AssertionError("who can look at the process looks at no clock")


def test_another_process_with_the_same_number_is_another_one() -> None:
    me = LockHolder.me()
    assert me.is_alive(never)
    assert not replace(me, process_start=me.process_start - 1).is_alive(never)


def test_in_another_time_namespace_where_processes_seem_to_have_started_at_other_times_silence_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/stat").touch()
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("a boot\n")
    (tmp_path / "self/ns/pid").symlink_to("pid:[1]")
    monkeypatch.setattr(lock_holder, "PROC", tmp_path)
    machines = set()
    for namespace in ("time:[1]", "time:[2]"):
        (tmp_path / "self/ns/time").unlink(missing_ok=True)
        (tmp_path / "self/ns/time").symlink_to(namespace)
        machines.add(LockHolder.me().machine)
    (tmp_path / "self/ns/time").unlink()  # before Linux 5.6
    assert machines == {"a boot pid:[1] time:[1]", "a boot pid:[1] time:[2]"}
    assert LockHolder.me().machine == "a boot pid:[1]"
    elsewhere = replace(LockHolder.me(), machine="a boot pid:[1] time:[1]", process_start=0.0)
    assert elsewhere.is_alive(lambda: 0.0)
    assert not elsewhere.is_alive(lambda: 3600.0)


def test_where_there_is_no_proc_psutil_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_holder, "PROC", tmp_path)
    me = LockHolder.me()
    assert me.is_alive(never)
    assert not replace(me, pid=ended_process()).is_alive(never)


def test_containers_are_told_apart_by_where_their_pids_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_holder, "PROC", tmp_path)
    for folder in ("sys/kernel/random", "self/ns"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("one boot\n")
    names = iter(["a", "b"])
    monkeypatch.setattr(socket, "gethostname", lambda: next(names))
    unknown = lock_holder._machine(), lock_holder._machine()
    assert unknown[0] != unknown[1], "without a namespace, only their names tell"
    monkeypatch.setattr(socket, "gethostname", lambda: "both")
    namespace = tmp_path / "self/ns/pid"
    seen = set()
    for number in (1, 2):
        namespace.unlink(missing_ok=True)
        namespace.symlink_to(f"pid:[{number}]")
        seen.add(lock_holder._machine())
    assert len(seen) == 2


@pytest.mark.parametrize("said", [b"", b"5 (a) b) S" + b" 1" * 18])
def test_a_process_of_which_the_kernel_says_too_little_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(lock_holder, "PROC", tmp_path)
    for folder in ("self", "5"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "stat").write_bytes(said)
    assert lock_holder._process_start(5) is None
    (tmp_path / "5/stat").write_bytes(b"5 (a) b) S" + b" 1" * 18 + b" 77 0")
    assert lock_holder._process_start(5) == 77.0


@pytest.mark.parametrize("silent", [0.0, 60.0, 3600.0])
def test_a_process_that_we_may_not_see_is_alive_while_it_is_not_silent(
    monkeypatch: pytest.MonkeyPatch, silent: float
) -> None:
    def forbidden(pid: int, number: int) -> None:
        raise PermissionError

    hidden = replace(LockHolder.me(), pid=ended_process())
    monkeypatch.setattr(os, "kill", forbidden)
    assert hidden.is_alive(lambda: silent) == (silent == 0)


def test_elsewhere_silence_is_measured_by_the_clock_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, replace(LockHolder.me(), machine="another machine"))
    monkeypatch.setattr("time.time", lambda: 4e9)
    found = holder_of(tmp_path)
    assert found is not None
    assert found[1]
    assert files(tmp_path) == [NAME]


BAD: dict[str, Callable[[LockHolder], dict[str, object]]] = {
    "no token": lambda me: {"token": ""},
    "a path": lambda me: {"token": "../../etc/passwd"},
    "a pid of 0": lambda me: {"pid": 0},
    "a pid too large for any kernel": lambda me: {"pid": 2**31},
    "a bool": lambda me: {"pid": True},
    "no time": lambda me: {"process_start": float("nan")},
    "a time beyond all floats": lambda me: {"process_start": 10**400},
    "a time in words": lambda me: {"process_start": "now"},
    "a list": lambda me: {"host": ["a"]},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_nonsense_is_no_holder(change: Callable[[LockHolder], dict[str, object]]) -> None:
    me = LockHolder.me()
    assert LockHolder.from_json(asdict(me)) == me
    assert LockHolder.from_json({**asdict(me), **change(me)}) is None


@pytest.mark.parametrize("pid", [1, 2**31 - 1])
def test_a_process_of_any_number_may_hold_it(pid: int) -> None:
    me = replace(LockHolder.me(), pid=pid)
    assert LockHolder.from_json(asdict(me)) == me
