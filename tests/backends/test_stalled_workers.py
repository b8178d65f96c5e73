"""Workers that hang where no pset runs: while they start, load the function, wait, receive or send."""

from __future__ import annotations

import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.backends.multiprocessing import backend
from paramsurvey.backends.multiprocessing.channel import HEADER, MARK
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport.messages import Reply


@pytest.fixture(autouse=True)
def short_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "LEAST_STALL_SECONDS", 1.0)


def message(content: bytes) -> bytes:
    """Return what a worker sends."""
    return HEADER.pack(MARK, len(content)) + content


def block() -> None:
    threading.Event().wait()


def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": 2 * pset["a"]}


def test_a_worker_init_that_blocks_ends_the_map_with_the_line_where_it_is(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0, worker_init=block, start_timeout=1.0)
    with pytest.raises(WorkerStartError, match=r"(?s)worker_init.*start_timeout=1.*in block"):
        paramsurvey.map(double, [{"a": 1}], timeout=1.0)


def test_a_module_whose_import_blocks_ends_the_map(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("blocking.py").write_text(
        "import os, threading\n"
        "if os.environ.get('PARAMSURVEY_WORKER'):\n    threading.Event().wait()\n"
        "def double(p, s, u):\n    return {'b': 2 * p['a']}\n"
    )
    monkeypatch.syspath_prepend(str(in_tmp))
    import blocking  # type: ignore[import-not-found]

    paramsurvey.init(ncores=2, verbose=0, start_timeout=1.0)
    with pytest.raises(WorkerStartError, match=r"(?s)start_timeout=1.*blocking\.py"):
        paramsurvey.map(blocking.double, [{"a": 1}])
    sys.modules.pop("blocking")


def stop_after_this_pset() -> None:
    """Have a thread stop this process when the pset has ended."""

    def stop() -> None:
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGSTOP)

    threading.Thread(target=stop).start()


def stopped_between_groups(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 3 and not Path("stopped").exists():
        Path("stopped").touch()
        stop_after_this_pset()
    return {"b": 2 * pset["a"]}


def test_a_worker_that_is_stopped_while_it_waits_costs_no_pset(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(stopped_between_groups, [{"a": a} for a in range(4)], timeout=1.0)
    time.sleep(0.2)
    more = paramsurvey.map(double, [{"a": a} for a in range(50)], timeout=1.0)
    assert results.b.tolist() == [0, 2, 4, 6]
    assert more.b.tolist() == list(range(0, 100, 2))


def hold_the_interpreter(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Leave a thread behind that, in C code, holds the interpreter's lock for ever."""
    if pset["a"] == 0 and not Path("held").exists():
        Path("held").touch()
        import ctypes

        libc = ctypes.PyDLL(None)

        def hold() -> None:
            time.sleep(0.05)
            libc.pause()

        threading.Thread(target=hold, daemon=True).start()
    else:
        time.sleep(0.2)
    return {"b": 2 * pset["a"]}


def test_a_thread_that_a_pset_left_behind_and_that_holds_the_interpreter(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(
        hold_the_interpreter, [{"a": a} for a in range(3)], timeout=1.0, retries=1, group_size=1
    )
    assert results.b.tolist() == [0, 2, 4]


def write_into_connections(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 5:
        for fd in map(int, os.listdir("/proc/self/fd")):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, user_kwargs)
            except OSError:
                pass
    return {"b": 2 * pset["a"]}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize(
    "stray",
    [
        b"hello\n",
        b"p",
        b"psvy\0\0\0\0\0\0\1\0half a message",
        message(b"hello"),  # as if it had just begun
        message(b""),
        message(pickle.dumps("no answer at all")),
        message(pickle.dumps(Reply(1_000_000, 0, 1))),  # of a group that it does not have
        *(message(pickle.dumps(Reply(id, 0, 1000))) for id in (1, 2)),  # of more psets than there are
    ],
    ids=["line", "letter", "half", "hello", "empty", "text", "unknown group", "too long 1", "too long 2"],
)
def test_something_written_into_the_connection_costs_that_pset_only(in_tmp: Path, stray: bytes) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    psets = [{"a": a} for a in range(30)]
    results = paramsurvey.map(write_into_connections, psets, user_kwargs=stray, timeout=2.0)
    lost = results.missing.a.tolist()
    assert lost == [5]
    assert results.a.tolist() == [a for a in range(30) if a != 5]


def write_into_memory(pset: dict[str, Any], system_kwargs: Any, cells: bytes) -> dict[str, Any]:
    """Write into the memory in which the worker notes what it runs, and die."""
    if pset["a"] == 5:
        for fd in map(int, os.listdir("/proc/self/fd")):
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode) and os.fstat(fd).st_size == 32:
                    os.pwrite(fd, cells, 8)
            except OSError:
                pass
        os._exit(3)
    return {"b": 2 * pset["a"]}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("cells", [bytes([one]) * 24 for one in (0x00, 0x7F, 0x80, 0xFF)], ids=bytes.hex)
def test_something_written_into_the_running_mark_costs_that_pset_only(in_tmp: Path, cells: bytes) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    psets = [{"a": a} for a in range(30)]
    results = paramsurvey.map(write_into_memory, psets, user_kwargs=cells, group_size=4)
    assert results.missing.a.tolist() == [5]
    assert results.a.tolist() == [a for a in range(30) if a != 5]


def test_a_stopped_worker_and_a_group_that_no_pipe_holds(in_tmp: Path) -> None:
    session = paramsurvey.Session(ncores=2, verbose=0)
    numbers = session.map(lambda p, s, u: {"pid": os.getpid(), "t": time.sleep(0.2)}, [{"a": 1}, {"a": 2}])
    stopped = int(numbers.pid.iloc[0])
    os.kill(stopped, signal.SIGSTOP)
    text = "x" * 3_000_000
    results = session.map(
        lambda p, s, u: {"n": len(p["text"])}, [{"text": f"{text}{i}"} for i in range(6)], timeout=2.0
    )
    assert len(results) == 6
    session.close()


def hang_up_and_go_on(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 1:
        os.closerange(3, 256)
        block()
    return {"b": 2 * pset["a"]}


def test_a_worker_that_closes_its_connection_and_goes_on_is_not_said_to_be_killed_by_somebody(
    in_tmp: Path,
) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(hang_up_and_go_on, [{"a": a} for a in range(4)])
    assert results.b.tolist() == [0, 4, 6]
    assert "close only what the function has opened" in results.missing["_exception"][0]


def write_byte_by_byte(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Leave a thread behind that writes a message without an end, slowly, into each connection."""
    if pset["a"] == 1:

        def write(fd: int) -> None:
            os.write(fd, HEADER.pack(MARK, 1 << 30))
            while True:
                os.write(fd, b"x")
                time.sleep(0.05)

        for fd in map(int, os.listdir("/proc/self/fd")):
            with suppress(OSError):
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    threading.Thread(target=write, args=(fd,), daemon=True).start()
    return {"b": 2 * pset["a"]}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_bytes_that_trickle_into_the_connection_are_no_sign_of_life(in_tmp: Path) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(write_byte_by_byte, [{"a": a} for a in range(4)], timeout=1.0, group_size=1)
    assert set(results.a) >= {0, 2, 3}
    assert len(results) + len(results.missing) == 4


DESCRIBES_NOTHING = """
import paramsurvey


class DescribesNothing(Exception):
    def __repr__(self):
        raise SystemExit(3)

    __str__ = __repr__


def raises(pset, system_kwargs, user_kwargs):
    if pset["a"] == 1:
        raise DescribesNothing


paramsurvey.init(backend="{backend}", verbose=0)
missing = paramsurvey.map(raises, [{{"a": a}} for a in range(3)]).missing
print(missing.a.tolist(), "DescribesNothing" in missing._exception.iloc[0])
"""


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_an_exception_whose_repr_ends_the_program_is_that_psets_failure(in_tmp: Path, backend: str) -> None:
    program = DESCRIBES_NOTHING.format(backend=backend)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "[1] True\n", ended.stderr
