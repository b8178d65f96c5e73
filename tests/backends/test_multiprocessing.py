"""Worker processes: how they start, die, print and end. Real processes and signals."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conftest import runs, wait_until
from paramsurvey import Session
from paramsurvey.backends.multiprocessing.backend import MultiprocessingBackend
from paramsurvey.backends.multiprocessing.output_relay import LONGEST_LINE, PIPE, OutputRelay
from paramsurvey.backends.multiprocessing.process import describe_exit
from paramsurvey.backends.multiprocessing.shared_mark import new_file
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport.messages import Group

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these workers are Unix's")

PSETS = [{"a": i} for i in range(12)]


@pytest.fixture
def session(in_tmp: Path) -> Iterator[Session]:
    with Session(ncores=2, verbose=0, pslogger_fd=io.StringIO()) as session:
        yield session


def pids_of(session: Session) -> set[int]:
    found = session.map(lambda p, s, u: {"pid": os.getpid()}, PSETS, group_size=1)
    return set(found["pid"])


# death

DEATHS = {
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "segmentation fault": ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    "abort": ("os.abort()", "SIGABRT"),
    "exit": ("os._exit(7)", "exit code 7"),
    "exit 0": ("os._exit(0)", "exit code 0"),
}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("group_size", [None, 1, 12])
def test_a_pset_that_kills_its_worker_costs_itself_only(
    session: Session, death: str, group_size: int | None
) -> None:
    statement, reason = DEATHS[death]

    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] == 7:
            exec(statement, {"os": os, "signal": signal})
        return {"b": pset["a"]}

    results = session.map(worker, PSETS, group_size=group_size)
    assert results["b"].tolist() == [i for i in range(12) if i != 7]
    assert results.missing["a"].tolist() == [7]
    assert reason in results.missing["_exception"][0]
    assert str(results.progress) == "total: 12, active: 0, finished: 11, failures: 1, exceptions: 0"
    assert len(pids_of(session)) <= 2


def test_every_pset_that_kills_its_worker_is_found(session: Session) -> None:
    results = session.map(lambda p, s, u: os._exit(1) if p["a"] % 4 == 0 else {"b": 1}, PSETS)
    assert results.missing["a"].tolist() == [0, 4, 8]
    assert results["a"].tolist() == [i for i in range(12) if i % 4]


def test_what_the_worker_wrote_last_is_in_the_traceback(session: Session) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        print("the disk is on fire", file=sys.stderr)
        os._exit(1)

    results = session.map(worker, [{"a": 1}])
    assert "the disk is on fire" in results.missing["_traceback"][0]


def test_a_worker_that_dies_between_two_maps_is_replaced(session: Session) -> None:
    for pid in pids_of(session):
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=pid: not runs(pid), "it lives")
    results = session.map(lambda p, s, u: {"b": p["a"]}, PSETS)
    assert results["b"].tolist() == list(range(12))


def test_a_worker_whose_grandchild_holds_its_pipes_is_buried_all_the_same(session: Session) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] == 3:
            subprocess.Popen(["sleep", "1000"], close_fds=False)
            os._exit(1)
        return {"b": 1}

    results = session.map(worker, PSETS)
    assert results.missing["a"].tolist() == [3]


def test_what_a_worker_started_ends_with_it(session: Session) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return {"pid": subprocess.Popen(["sleep", "1000"]).pid}

    pids = session.map(worker, [{"a": 1}, {"a": 2}])["pid"].tolist()
    assert all(map(runs, pids))
    session.close()
    wait_until(lambda: not any(map(runs, pids)), "what a worker started still runs")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed by SIGKILL (possibly out of memory)"),
        (-11, "was killed by SIGSEGV"),
        (-250, "was killed by signal 250"),
    ],
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


# workers that cannot start


def test_workers_that_cannot_start_end_the_map_with_what_they_wrote(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    (in_tmp / "sitecustomize.py").write_text("import os\nos.write(2, b'no room here\\n')\nos._exit(5)")
    monkeypatch.setenv("PYTHONPATH", str(in_tmp))
    with (
        Session(ncores=2, verbose=0, pslogger_fd=io.StringIO()) as session,
        pytest.raises(WorkerStartError, match=r"before their first pset; .*exit code 5[\s\S]*no room here"),
    ):
        session.map(lambda p, s, u: None, PSETS)


def test_an_interpreter_that_is_not_there_is_an_error_at_once(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr(sys, "executable", str(in_tmp / "no-python"))
    with pytest.raises(WorkerStartError, match=r"no-python'.*set sys\.executable to your Python"):
        Session(ncores=2, verbose=0, pslogger_fd=io.StringIO())


def test_a_user_function_that_ends_every_worker_at_once_is_no_start_error(session: Session) -> None:
    results = session.map(lambda p, s, u: os._exit(1), PSETS)
    assert results.progress.failures == 12
    assert results.missing["_exception"].str.contains("exit code 1").all()


# what is left


def test_nothing_is_left_after_close(in_tmp: Path, nothing_left: None) -> None:
    for _ in range(3):
        with Session(ncores=2, verbose=0) as session:
            session.map(lambda p, s, u: {"b": 1}, PSETS)


def test_nothing_is_left_when_no_map_was_run(in_tmp: Path, nothing_left: None) -> None:
    Session(ncores=3, verbose=0).close()


def test_nothing_is_left_after_deaths_replacements_and_timeouts(in_tmp: Path, nothing_left: None) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        if pset["a"] == 2:
            os._exit(1)
        if pset["a"] == 5:
            time.sleep(1000)

    with Session(ncores=2, verbose=0, max_tasks_per_child=3) as session:
        results = session.map(worker, PSETS, timeout=0.5)
    assert results.missing["a"].tolist() == [2, 5]


def test_close_while_psets_run_does_not_wait_for_them(in_tmp: Path, nothing_left: None) -> None:
    session = Session(ncores=2, verbose=0)

    def survey() -> None:
        with pytest.raises(Exception):  # noqa: B017, PT011  (whatever a closed session says)
            session.map(lambda p, s, u: [Path(f"r{p['a']}").touch(), time.sleep(1000)], PSETS)

    thread = threading.Thread(target=survey)
    thread.start()
    wait_until(lambda: len(list(in_tmp.glob("r*"))) == 2, "the psets do not run")
    session.close()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, it ends when its C code is done")
def test_a_worker_in_c_code_ends_when_the_driver_is_killed(in_tmp: Path) -> None:
    code = """
import ctypes, os, paramsurvey

def stuck(pset, system_kwargs, user_kwargs):
    print(os.getpid(), flush=True)
    ctypes.PyDLL(None).sleep(1000)  # holds the interpreter's lock

paramsurvey.init(ncores=1, verbose=0)
paramsurvey.map(stuck, [{"a": 1}])
"""
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    worker = int(driver.stdout.readline())
    driver.kill()
    driver.communicate()
    wait_until(lambda: not runs(worker), "the worker lives on")


def test_closing_twice_is_harmless(in_tmp: Path) -> None:
    session = Session(ncores=1, verbose=0)
    session.close()
    session.close()


def test_a_forked_process_leaves_the_workers_alone(in_tmp: Path) -> None:
    program = """
import os, sys
import paramsurvey
paramsurvey.init(ncores=1, verbose=0)
before = paramsurvey.map(lambda p, s, u: {'pid': os.getpid()}, [{'a': 1}])['pid'][0]
child = os.fork()
if child == 0:
    paramsurvey.finalize()
    sys.exit(0)
os.waitpid(child, 0)
print(paramsurvey.map(lambda p, s, u: {'pid': os.getpid()}, [{'a': 1}])['pid'][0] == before)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "True\n"


# what they print


@pytest.fixture
def relay() -> Iterator[OutputRelay]:
    relay = OutputRelay()
    yield relay
    relay.close()


def test_output_is_passed_on_in_whole_lines(relay: OutputRelay, capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    stream = relay.add(reading, "stdout")
    os.write(writing, b"one\ntw")
    wait_until(lambda: stream.lines() == "one\n", "the first line does not arrive")
    assert capsys.readouterr().out == "one\n"
    os.write(writing, b"o\nthree")
    wait_until(lambda: stream.lines() == "one\ntwo\n", "the second line does not arrive")
    os.close(writing)
    assert stream.closed.wait(10)
    assert capsys.readouterr().out == "two\nthree\n"  # so that another worker's line does not go on in it


def test_at_the_end_of_a_survey_lines_end(relay: OutputRelay, capsys: pytest.CaptureFixture[str]) -> None:
    pipes = [os.pipe() for _ in range(2)]
    for reading, writing in pipes:
        relay.add(reading, "stdout")
        os.write(writing, b"begun")
    relay.finish_lines()
    assert capsys.readouterr().out == "begun\nbegun\n"
    for _, writing in pipes:
        os.write(writing, b" and ended\n")
        os.close(writing)
    relay.close()
    assert capsys.readouterr().out == " and ended\n" * 2


def test_a_stream_may_end_while_lines_are_ended(relay: OutputRelay, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, gate, written = threading.Event(), threading.Event(), []

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            busy.set()
            gate.wait(10)
            return len(text)

    monkeypatch.setattr(sys, "stdout", Screen())
    (first, to_first), (second, to_second) = os.pipe(), os.pipe()
    relay.add(first, "stdout")
    stream = relay.add(second, "stdout")
    os.write(to_first, b"one\n")
    assert busy.wait(10)  # by now the relay writes, and does not look
    finishing = threading.Thread(target=relay.finish_lines)
    finishing.start()
    wait_until(lambda: relay._finishes, "nobody wants lines to be ended")
    os.close(to_second)
    gate.set()
    finishing.join(10)
    assert stream.closed.wait(10)
    os.write(to_first, b"two")
    relay.finish_lines()
    assert written == ["one\n", "two\n"]
    os.close(to_first)


def test_long_lines_of_several_workers_stay_whole(
    relay: OutputRelay, capsys: pytest.CaptureFixture[str]
) -> None:
    pipes = [os.pipe() for _ in range(2)]
    streams = [relay.add(reading, "stderr") for reading, _ in pipes]

    def write(writing: int, letter: bytes) -> None:
        with os.fdopen(writing, "wb") as file:
            for _ in range(3):
                file.write(letter * (LONGEST_LINE // 8) + b"\n")

    threads = [
        threading.Thread(target=write, args=(writing, letter))
        for (_, writing), letter in zip(pipes, (b"a", b"b"), strict=True)
    ]
    for thread in threads:
        thread.start()
    assert all(stream.closed.wait(10) for stream in streams)
    assert sorted({line[:2] + line[-1:] for line in capsys.readouterr().err.splitlines()}) == ["aaa", "bbb"]


def test_a_line_without_an_end_is_passed_on_when_it_is_very_long(
    relay: OutputRelay, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    stream = relay.add(reading, "stderr")
    text = b"x" * (LONGEST_LINE + 2 * PIPE)
    with os.fdopen(writing, "wb") as file:
        file.write(text)
    assert stream.closed.wait(10)
    assert capsys.readouterr().err.replace("\n", "") == text.decode()


def test_bytes_that_are_no_text_are_passed_on(relay: OutputRelay, capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    stream = relay.add(reading, "stdout")
    os.write(writing, b"\xff\xfe bad \xc3\n")
    os.close(writing)
    assert stream.closed.wait(10)
    assert capsys.readouterr().out == "�� bad �\n"


def test_a_stream_that_was_closed_here_is_no_error(
    relay: OutputRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    for target in (None, closed):
        monkeypatch.setattr(sys, "stdout", target)
        reading, writing = os.pipe()
        stream = relay.add(reading, "stdout")
        os.write(writing, b"nobody reads this\n")
        os.close(writing)
        assert stream.closed.wait(10)


def test_what_was_written_before_the_end_arrives_before_the_program_ends(in_tmp: Path) -> None:
    program = """
import os, sys
import paramsurvey

def worker(pset, system_kwargs, user_kwargs):
    print('out', pset['a'])
    print('err', pset['a'], file=sys.stderr)
    os.write(1, b'raw\\n')

paramsurvey.init(ncores=2, verbose=0)
paramsurvey.map(worker, [{'a': i} for i in range(20)])
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert sorted(finished.stdout.splitlines()) == sorted([*(f"out {i}" for i in range(20)), *["raw"] * 20])
    assert sorted(finished.stderr.splitlines()) == sorted(f"err {i}" for i in range(20))


def test_a_worker_that_prints_much_never_waits_for_the_driver(session: Session) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        return {"written": sum(os.write(1, b"y" * 1000 + b"\n") for _ in range(1000))}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.StringIO())
        results = session.map(worker, PSETS)
    assert set(results["written"]) == {1001 * 1000}


# what may be in the way of a start


def test_modules_in_the_current_directory_do_not_take_the_place_of_others(in_tmp: Path) -> None:
    """The program's own directory is searched, as Python does; the current one is not."""
    for name in ("numpy", "pickle", "socket", "threading", "typing", "paramsurvey", "cloudpickle", "signal"):
        (in_tmp / f"{name}.py").write_text(f"raise RuntimeError('the wrong {name}')")
    (in_tmp / "programs").mkdir()
    program = in_tmp / "programs" / "program.py"
    program.write_text("""
import paramsurvey
paramsurvey.init(ncores=1, verbose=0)
print(paramsurvey.map(lambda p, s, u: {'b': p['a']}, [{'a': 1}, {'a': 2}])['b'].tolist())
""")
    finished = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert (finished.stdout, finished.stderr) == ("[1, 2]\n", "")


def test_a_low_limit_of_open_files_is_raised_for_many_workers(in_tmp: Path) -> None:
    program = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (60, hard))
import paramsurvey
paramsurvey.init(ncores=12, verbose=0)
print(paramsurvey.map(lambda p, s, u: {'b': 1}, [{'a': i} for i in range(20)])['b'].sum())
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.stdout, finished.stderr) == ("20\n", "")


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no files in memory here")
def test_the_mark_needs_no_room_on_a_disk() -> None:
    with new_file() as file:
        assert os.readlink(f"/proc/self/fd/{file.fileno()}").startswith("/memfd:")


# numbers


def number(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    import multiprocessing

    (identity,) = multiprocessing.current_process()._identity
    assert identity == system_kwargs["worker_number"]
    return {"number": identity, "pid": os.getpid()}


def test_workers_are_numbered_from_1_on_also_for_programs_that_look_where_a_pool_has_it(
    session: Session,
) -> None:
    found = session.map(number, [{"a": i} for i in range(200)], group_size=1)
    assert set(found["number"]) <= {1, 2}
    assert len(set(zip(found["number"], found["pid"], strict=True))) == found["number"].nunique()


@pytest.mark.parametrize("max_tasks", [None, 1])
def test_a_successor_has_the_number_of_the_worker_that_it_replaces(max_tasks: int | None) -> None:
    def worker(pset: Any, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] % 3 == 0:
            os._exit(1)
        return {"number": system_kwargs["worker_number"], "pid": os.getpid()}

    with Session(ncores=2, verbose=0, pslogger_fd=io.StringIO(), max_tasks_per_child=max_tasks) as session:
        found = session.map(worker, [{"a": i} for i in range(20)], group_size=1)
    assert set(found["number"]) <= {1, 2}
    assert found["pid"].nunique() > 2


def test_the_workers_of_a_workers_own_survey_are_numbered_from_1_on(session: Session) -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import paramsurvey

        paramsurvey.init(ncores=1, verbose=0)
        inner = paramsurvey.map(lambda p, s, u: {"n": s["worker_number"]}, [{"x": 1}] * 3)
        return {"inner": set(inner["n"])}

    assert session.map(worker, PSETS[:4], group_size=1)["inner"].tolist() == [{1}] * 4


# workers that take long to load the job


def is_first(name: str) -> bool:
    """Tell whether this is the first process that asks for a name, and note its id."""
    with suppress(FileExistsError), open(name, "x") as file:
        return bool(file.write(str(os.getpid())))
    return False


def second_never_loads() -> None:
    if not is_first("loaded") and is_first("loading"):
        wait_until(lambda: False, "nobody ends this worker", seconds=60)


def waits_for_second(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    wait_until(lambda: os.path.exists("loading"), "no other worker loads the job")
    return {"pid": os.getpid()}


def test_what_a_worker_gives_back_while_it_loads_the_job_runs_where_that_is_loaded(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paramsurvey.engine.dispatch.group_size.MIN_SECONDS", 0.0)  # any pset is worth moving
    log = io.StringIO()
    with Session(ncores=2, verbose=3, pslogger_fd=log, worker_init=second_never_loads) as session:
        results = session.map(waits_for_second, [{"a": 1}, {"a": 2}])
        assert len(results) == 2
        assert results["pid"].nunique() == 1
        assert log.getvalue().count("sent: pset") == 3
        assert not runs(int(Path("loading").read_text())), "a worker still loads a job that is over"
        assert len(session.map(waits_for_second, [{"a": 1}, {"a": 2}])) == 2


# the end of a map


def test_psets_that_a_worker_is_about_to_begin_are_not_handed_to_and_fro(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the last psets began, each worker that had nothing to do had them recalled, and got them."""
    pids_of(session)  # the workers are warm
    sent: list[int] = []
    submit = MultiprocessingBackend.submit

    def submit_and_count(backend: MultiprocessingBackend, group: Group) -> None:
        sent.append(group.id)
        submit(backend, group)

    def rest(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        time.sleep(0.01)

    monkeypatch.setattr(MultiprocessingBackend, "submit", submit_and_count)
    for _ in range(20):
        sent.clear()
        session.map(rest, [{"a": 1}, {"a": 2}, {"a": 3}])
        # a worker that still loads the job may give groups back
        assert len(sent) <= 3 + 2 * session.backend.core_count()
