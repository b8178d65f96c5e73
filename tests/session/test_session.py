"""The module's functions and their options: which value counts, and what is refused."""

from __future__ import annotations

import importlib.metadata
import inspect
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey import params
from paramsurvey.backends import registry
from paramsurvey.backends.serial import SerialBackend
from paramsurvey.errors import (
    DirectoryMissing,
    OptionError,
    ParamsurveyWarning,
    PsetError,
    SessionClosed,
    SurveyError,
    UnknownOption,
)
from paramsurvey.session.thread_variables import ThreadVariables

PSETS = [{"a": 1}, {"a": 2}, {"a": 3}]


def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": 2 * pset["a"]}


def logs() -> list[Path]:
    return sorted(Path().glob(".paramsurvey-*.log"))


@pytest.fixture
def quietly(in_tmp: Path) -> Callable[..., None]:
    """`init` with the serial backend, which starts nothing, and without output."""

    def init(**options: Any) -> None:
        paramsurvey.init(**{"backend": "serial", "verbose": 0, **options})

    return init


# init, map, finalize


def test_map_before_init_initializes_with_the_defaults() -> None:
    results = paramsurvey.map(double, PSETS, verbose=0)
    assert results["b"].tolist() == [2, 4, 6]
    assert paramsurvey.backend() == paramsurvey.default_backend == "multiprocessing"


def test_every_question_before_init_initializes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMSURVEY_BACKEND", "serial")
    monkeypatch.setenv("PARAMSURVEY_VERBOSE", "0")
    for question in (paramsurvey.backend, paramsurvey.current_core_count, paramsurvey.current_resources):
        assert question()
        paramsurvey.finalize()


def test_finalize_before_init_and_twice_is_harmless(quietly: Callable[..., None]) -> None:
    paramsurvey.finalize()
    quietly()
    paramsurvey.finalize()
    paramsurvey.finalize()


def test_a_map_after_finalize_works(quietly: Callable[..., None]) -> None:
    for _ in range(2):
        quietly()
        assert len(paramsurvey.map(double, PSETS)) == 3
        paramsurvey.finalize()


def test_init_again_replaces_the_options(quietly: Callable[..., None]) -> None:
    quietly(limit=1)
    assert len(paramsurvey.map(double, PSETS)) == 1
    quietly(limit=2)
    assert len(paramsurvey.map(double, PSETS)) == 2
    quietly()
    assert len(paramsurvey.map(double, PSETS)) == 3


def test_init_again_with_another_backend_ends_the_first(in_tmp: Path, nothing_left: None) -> None:
    paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
    pid = paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, PSETS)["pid"][0]
    paramsurvey.init(backend="serial", verbose=0)
    assert not psutil.pid_exists(pid)
    assert paramsurvey.backend() == "serial"
    assert paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, PSETS)["pid"].unique() == [os.getpid()]


def test_init_again_with_the_same_keeps_the_workers() -> None:
    pids = []
    for verbose in (0, 0):
        paramsurvey.init(backend="multiprocessing", ncores=1, verbose=verbose)
        pids += paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, PSETS)["pid"].tolist()
    assert len(set(pids)) == 1


def test_init_again_with_other_cores_changes_them() -> None:
    for cores in (1, 3, 2):
        paramsurvey.init(ncores=cores, verbose=0)
        assert paramsurvey.current_core_count() == cores


def test_a_refused_init_leaves_the_session_as_it_was(quietly: Callable[..., None]) -> None:
    quietly(limit=2)
    with pytest.raises(OptionError):
        paramsurvey.init(backend="serial", limit="many")
    with pytest.raises(OptionError):
        paramsurvey.init(backend="nonsense")
    assert len(paramsurvey.map(double, PSETS)) == 2


@pytest.mark.parametrize(
    "options", [{"backend": "nonsense"}, {"backend": "futures"}, {"serial": {"x": 1}}], ids=str
)
def test_a_refused_first_init_leaves_nothing_behind(options: dict[str, Any], nothing_left: None) -> None:
    before = dict(os.environ)
    with pytest.raises(ValueError):  # noqa: PT011
        paramsurvey.init(**{"backend": "serial", "verbose": 0, **options})
    assert dict(os.environ) == before
    assert paramsurvey.last_results() is None


def test_a_backend_that_does_not_start_gives_way_to_the_one_before(quietly: Callable[..., None]) -> None:
    paramsurvey.init(ncores=1, limit=2, verbose=0)
    with pytest.raises(ValueError, match="executor"):
        paramsurvey.init(backend="futures", verbose=0)
    assert paramsurvey.backend() == "multiprocessing"
    assert len(paramsurvey.map(double, PSETS)) == 2


def test_a_current_directory_that_was_removed_is_an_error_with_the_remedy(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, quietly: Callable[..., None]
) -> None:
    gone = in_tmp / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(DirectoryMissing, match=r"removed: change to one that exists with os\.chdir"):
        quietly()
    monkeypatch.chdir(in_tmp)
    quietly()
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(DirectoryMissing, match="current directory was removed"):
        paramsurvey.map(double, PSETS)
    monkeypatch.chdir(in_tmp)


def test_a_current_directory_that_cannot_be_entered_by_its_name_is_named(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, quietly: Callable[..., None]
) -> None:
    quietly()
    monkeypatch.setattr(os, "getcwd", lambda: "/behind/a/mount")  # as the kernel says it
    with pytest.raises(
        DirectoryMissing, match=r"cannot enter the current directory, '/behind/a/mount': change"
    ):
        paramsurvey.map(double, PSETS)


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse threads, as where `ulimit -u` is low."""

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_where_no_more_threads_can_be_started_the_error_says_what_to_do(
    in_tmp: Path, quietly: Callable[..., None], no_more_threads: None
) -> None:
    remedy = r"no more threads \(can't start new thread\): end processes, or raise the limit on them"
    with pytest.raises(SurveyError, match=remedy):
        quietly(backend="multiprocessing")
    quietly(backend="serial")
    with pytest.raises(SurveyError, match=remedy):
        paramsurvey.map(double, PSETS, checkpoint="out")


def test_a_monitor_that_gets_no_thread_costs_nothing(
    in_tmp: Path, quietly: Callable[..., None], no_more_threads: None
) -> None:
    quietly(backend="serial")
    assert len(paramsurvey.map(double, iter(PSETS))) == len(PSETS)


@pytest.mark.parametrize(
    ("option", "loss"),
    [
        ({"carbon_server": "localhost"}, "Carbon is sent no progress"),
        ({"metrics_file": "m.prom"}, "this map has no metrics"),
        ({"metrics_port": 0}, "this map has no metrics"),
    ],
)
def test_if_a_requested_monitor_gets_no_thread_a_message_says_so(
    option: dict[str, Any], loss: str, in_tmp: Path, no_more_threads: None, capsys: pytest.CaptureFixture[str]
) -> None:
    files = psutil.Process().num_fds()
    with paramsurvey.Session(backend="serial", verbose=1, pslogger_prefix=None) as session:
        assert len(session.map(double, PSETS, **option)) == len(PSETS)
    assert f"{loss}: the system lets this program start no more threads" in capsys.readouterr().err
    assert psutil.Process().num_fds() == files


def test_one_log_per_session_also_when_init_is_called_again(quietly: Callable[..., None]) -> None:
    quietly()
    paramsurvey.map(double, PSETS)
    quietly(limit=1)
    paramsurvey.map(double, PSETS)
    paramsurvey.finalize()
    assert len(logs()) == 1


def test_a_map_inside_a_map_of_the_same_session_is_refused_with_the_remedy() -> None:
    with paramsurvey.Session(backend="serial", verbose=0) as session:
        results = session.map(lambda p, s, u: {"n": len(u())}, PSETS, user_kwargs=Again(session))
    assert results.missing["_exception"].str.contains("Session of its own").all()


# several threads


def survey_in_threads(count: int, survey: Callable[[int], Any]) -> list[Any]:
    """Call `survey` in so many threads at the same time; return what it returns."""
    together = threading.Barrier(count)

    def wait_and_survey(number: int) -> Any:
        together.wait(60)
        return survey(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_survey, range(count)))


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_threads_that_map_at_once_take_turns(backend: str, nothing_left: None) -> None:
    """Also where none of them has called init: they share one session."""
    os.environ["PARAMSURVEY_BACKEND"] = backend
    try:
        found = survey_in_threads(
            4, lambda i: paramsurvey.map(double, [{"a": i}] * 5, verbose=0)["b"].tolist()
        )
    finally:
        del os.environ["PARAMSURVEY_BACKEND"]
    assert found == [[2 * i] * 5 for i in range(4)]
    assert len(logs()) == 1


def test_the_maps_of_two_threads_never_run_at_the_same_time(quietly: Callable[..., None]) -> None:
    quietly()
    running, most = [0], [0]

    def note(*arguments: object) -> None:
        most[0] = max(most[0], running[0])

    def survey(number: int) -> None:
        def psets() -> Iterator[dict[str, int]]:
            running[0] += 1
            yield from ({"a": i} for i in range(50))
            running[0] -= 1

        for _ in paramsurvey.imap_unordered(double, psets(), out_func=note) if number % 2 else ():
            pass
        paramsurvey.map(double, psets(), out_func=note)

    survey_in_threads(4, survey)
    assert most == [1]


def test_a_thread_waits_for_the_loop_of_another_over_imap_unordered(quietly: Callable[..., None]) -> None:
    quietly()
    events: list[str] = []
    rows = paramsurvey.imap_unordered(double, [{"a": i} for i in range(3)])
    next(rows)
    thread = threading.Thread(target=lambda: events.append(str(len(paramsurvey.map(double, PSETS)))))
    thread.start()
    events.extend("row" for _ in rows)
    thread.join(60)
    assert events == ["row", "row", "3"]


def test_a_loop_over_imap_unordered_leaves_the_results_of_the_last_map(quietly: Callable[..., None]) -> None:
    quietly(backend="serial")
    results = paramsurvey.map(double, PSETS)
    rows = paramsurvey.imap_unordered(double, PSETS)
    next(rows)
    rows.close()
    assert paramsurvey.last_results() is results


def test_the_summary_of_a_loop_names_no_results_that_there_are_not(
    quietly: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def odd(pset: dict[str, Any], *rest: Any) -> None:
        if pset["a"] % 2:
            raise ValueError("odd")

    quietly(backend="serial", verbose=1)
    assert len(list(paramsurvey.imap_unordered(odd, [{"a": a} for a in range(4)]))) == 4
    assert "next: the rows that have an '_exception' are the failed psets" in capsys.readouterr().err
    rows = paramsurvey.imap_unordered(odd, ({"a": a} for a in range(0, 1000, 2)), group_size=1)
    next(rows)
    rows.close()
    assert "results" not in capsys.readouterr().err


def test_a_map_in_a_loop_over_imap_unordered_is_refused_and_the_loop_goes_on(
    quietly: Callable[..., None],
) -> None:
    quietly()
    seen = 0
    for _ in paramsurvey.imap_unordered(double, PSETS):
        seen += 1
        with pytest.raises(
            RuntimeError, match=r"after the loop over imap_unordered\(\), or use a Session of"
        ):
            paramsurvey.map(double, PSETS)
        with pytest.raises(RuntimeError, match="Session of its own"):
            next(paramsurvey.imap_unordered(double, PSETS))
    assert seen == 3
    assert len(paramsurvey.map(double, PSETS)) == 3


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_a_map_in_an_out_func_is_refused_and_counted_as_its_exception(backend: str) -> None:
    with paramsurvey.Session(backend=backend, ncores=1, verbose=0) as session:
        results = session.map(double, PSETS, lambda *_: session.map(double, PSETS))
    assert results.progress.exceptions == 3
    assert len(results) == 3


def test_a_pset_in_a_thread_that_maps_with_its_own_session_is_refused() -> None:
    with ThreadPoolExecutor(1) as pool, paramsurvey.Session(backend=pool, verbose=0) as session:
        results = session.map(lambda p, s, u: {"n": len(u())}, PSETS, user_kwargs=Again(session))
    assert results.missing["_exception"].str.contains("Session of its own").all()


def test_a_map_that_waits_ends_when_the_session_is_closed(quietly: Callable[..., None]) -> None:
    quietly()
    rows = paramsurvey.imap_unordered(double, ({"a": i} for i in count()))
    next(rows)
    ended: list[BaseException] = []
    waits = threading.Event()

    def survey() -> None:
        waits.set()
        try:
            paramsurvey.map(double, PSETS)
        except SessionClosed as error:
            ended.append(error)

    thread = threading.Thread(target=survey)
    thread.start()
    assert waits.wait(60)
    paramsurvey.finalize()
    thread.join(60)
    assert len(ended) == 1
    rows.close()


def test_a_map_that_waits_long_says_for_what(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("paramsurvey.session.map_gate.QUIET_SECONDS", 0.0)
    with paramsurvey.Session(backend="serial", verbose=1) as session:
        rows = session.imap_unordered(double, ({"a": i} for i in count()))
        next(rows)
        thread = threading.Thread(target=session.map, args=(double, PSETS))
        thread.start()
        wait_until(lambda: "give each thread a Session of its own" in capsys.readouterr().err, "nothing said")
        rows.close()
        thread.join(60)
        assert not thread.is_alive()


class Again:
    """Maps with the session that maps already; it is pickled for nobody but this process."""

    sessions: ClassVar[list[paramsurvey.Session]] = []

    def __init__(self, session: paramsurvey.Session) -> None:
        self.sessions[:] = [session]

    def __call__(self) -> Any:
        return self.sessions[0].map(double, PSETS)


@pytest.mark.parametrize("kind", ["serial", "threads"])
def test_a_function_that_runs_here_has_a_quiet_serial_session_of_its_own(
    kind: str, nothing_left: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        paramsurvey.map(lambda *_: 1 / 0, PSETS, verbose=0)
        found = paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, PSETS, verbose=0)["pid"].tolist()
        return {"found": found, "backend": paramsurvey.backend(), "bad": next(unfinished())}

    def unfinished() -> Iterator[Any]:
        return paramsurvey.imap_unordered(double, PSETS, verbose=0)

    with ThreadPoolExecutor(2) if kind == "threads" else nullcontext(kind) as backend:
        paramsurvey.init(backend=backend, verbose=0)
        results = paramsurvey.map(worker, PSETS, group_size=1)
        assert results["found"].tolist() == [[os.getpid()] * 3] * 3
        assert results["backend"].tolist() == ["serial"] * 3
        assert paramsurvey.last_results() is results, "the program's session is another one"
        paramsurvey.finalize()
    assert len(logs()) == 1
    assert capsys.readouterr().err == ""


def test_each_thread_may_have_a_session_of_its_own() -> None:
    def survey(number: int) -> list[int]:
        with paramsurvey.Session(
            backend="multiprocessing", ncores=1, verbose=0, pslogger_fd=io.StringIO()
        ) as own:
            return [int(b) for b in own.map(double, [{"a": number}] * 3)["b"]]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(survey, range(3))) == [[0] * 3, [2] * 3, [4] * 3]


def test_a_map_may_run_in_another_thread_than_init(quietly: Callable[..., None]) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(paramsurvey.map(double, PSETS)["b"]))
    thread.start()
    thread.join()
    assert found == [2, 4, 6]


def test_last_results(quietly: Callable[..., None]) -> None:
    assert paramsurvey.last_results() is None
    quietly()
    assert paramsurvey.last_results() is None
    results = paramsurvey.map(double, PSETS)
    assert paramsurvey.last_results() is results


# when a session is closed

BACKENDS = ["serial", "multiprocessing", "threads"]


@pytest.fixture
def running(request: pytest.FixtureRequest, nothing_left: None) -> Iterator[Callable[..., None]]:
    """`init` with each backend in turn."""
    with ThreadPoolExecutor(1) if request.param == "threads" else nullcontext(request.param) as backend:
        yield partial(paramsurvey.init, backend=backend, ncores=1, verbose=0)
        paramsurvey.finalize()


all_backends = pytest.mark.parametrize("running", BACKENDS, indirect=True)


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_a_closed_session_refuses_to_work_with_the_remedy(backend: str) -> None:
    with paramsurvey.Session(backend=backend, ncores=1, verbose=0) as session:
        kept = session.map(double, PSETS)
    for use in (
        lambda: session.map(double, PSETS),
        lambda: next(session.imap_unordered(double, PSETS)),
        lambda: session.update(backend=backend, ncores=2, verbose=0),
    ):
        with pytest.raises(SessionClosed, match=r"is closed: make a new Session, or call paramsurvey\.map"):
            use()
    assert session.last_results() is kept
    session.close()


class MapInThread:
    """A map without end, in another thread, and how it ended."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self._map)
        self.thread.start()
        assert self.begun.wait(60)

    def _map(self) -> None:
        try:
            paramsurvey.map(double, ({"a": i} for i in count()), out_func=self._note, group_size=1)
        except BaseException as error:
            self.error = error

    def _note(self, *arguments: object) -> None:
        self.begun.set()

    def end(self) -> BaseException | None:
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.error


@all_backends
@pytest.mark.parametrize(
    "close", [paramsurvey.finalize, partial(paramsurvey.init, ncores=2, verbose=0)], ids=["finalize", "init"]
)
def test_a_map_whose_session_another_thread_closes_ends_and_keeps_what_had_finished(
    running: Callable[..., None], close: Callable[[], None]
) -> None:
    running()
    survey = MapInThread()
    close()
    assert isinstance(survey.end(), SessionClosed)
    assert str(survey.error).endswith("call them when the map has ended")
    results = paramsurvey.last_results()
    assert results is not None
    assert len(results) > 0
    assert len(results) + len(results.missing) == results.progress.total
    assert paramsurvey.map(double, PSETS, verbose=0)["b"].tolist() == [2, 4, 6]


@all_backends
def test_init_with_the_same_backend_leaves_the_map_of_another_thread_alone(
    running: Callable[..., None],
) -> None:
    running()
    survey = MapInThread()
    running(limit=1)
    assert survey.thread.is_alive()
    paramsurvey.finalize()
    assert isinstance(survey.end(), SessionClosed)


@all_backends
def test_an_out_func_that_closes_the_session_ends_its_map(running: Callable[..., None]) -> None:
    running()
    with pytest.raises(SessionClosed, match="call them when the map has ended"):
        paramsurvey.map(
            double, [{"a": i} for i in range(10**4)], out_func=lambda *_: paramsurvey.finalize(), group_size=1
        )
    results = paramsurvey.last_results()
    assert results is not None
    assert len(results) > 0
    assert len(results) + len(results.missing) == 10**4


@all_backends
def test_an_out_func_that_closes_the_session_after_the_last_pset_gets_its_results(
    running: Callable[..., None],
) -> None:
    running()
    results = paramsurvey.map(double, [{"a": 1}], out_func=lambda *_: paramsurvey.finalize())
    assert results["b"].tolist() == [2]


@all_backends
def test_an_out_func_cannot_have_another_backend(running: Callable[..., None]) -> None:
    running()
    said: list[str] = []

    def change(*arguments: object) -> None:
        try:
            paramsurvey.init(backend="serial", pslogger_prefix="other-", verbose=0)
        except RuntimeError as error:
            said.append(str(error))

    assert paramsurvey.map(double, PSETS, out_func=change)["b"].tolist() == [2, 4, 6]
    assert said == ["a map cannot change its backend or log while it runs: call init() after it"] * 3
    assert paramsurvey.map(double, PSETS)["b"].tolist() == [2, 4, 6]


@all_backends
def test_an_iterator_whose_session_was_closed_ends_when_it_is_asked_for_more(
    running: Callable[..., None],
) -> None:
    running()
    rows = paramsurvey.imap_unordered(double, ({"a": i} for i in range(10**9)), group_size=1)
    assert next(rows) == {"a": 0, "b": 0}
    paramsurvey.finalize()
    with pytest.raises(SessionClosed):
        for _ in rows:
            pass


@all_backends
def test_an_iterator_that_nobody_asks_any_more_is_no_obstacle(running: Callable[..., None]) -> None:
    running()
    rows = paramsurvey.imap_unordered(double, ({"a": i} for i in range(10**9)))
    next(rows)
    paramsurvey.finalize()
    del rows
    running()
    assert len(paramsurvey.map(double, PSETS)) == 3


def test_a_map_that_does_not_end_in_time_does_not_keep_a_session_from_closing(
    monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr("paramsurvey.session.map_gate.STOP_SECONDS", 0.2)
    paramsurvey.init(ncores=1, verbose=0)
    stuck, go = threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def survey() -> None:
        try:
            paramsurvey.map(
                double,
                [{"a": i} for i in range(100)],
                out_func=lambda *_: stuck.set() or go.wait(60),
                group_size=1,
            )
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=survey)
    thread.start()
    assert stuck.wait(60)
    with pytest.raises(RuntimeError, match=r"has not ended within 0\.2 seconds: call init\(\) when it has"):
        paramsurvey.init(ncores=2, verbose=0)
    paramsurvey.finalize()
    go.set()
    thread.join(60)
    assert isinstance(ended[0], SessionClosed)


# what this machine has


def test_the_default_is_all_cores_that_this_process_may_use() -> None:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    paramsurvey.init(verbose=0)
    assert 1 <= paramsurvey.current_core_count() <= (available or 1)


@pytest.mark.parametrize(("ncores", "expected"), [(1, 1), (5, 5), (-1, -1), (-1000, 1), (0, 0), ("2", 2)])
def test_ncores(ncores: Any, expected: int) -> None:
    paramsurvey.init(verbose=0)
    everything = paramsurvey.current_core_count()
    paramsurvey.init(ncores=ncores, verbose=0)
    assert paramsurvey.current_core_count() == (expected if expected > 0 else max(1, everything + expected))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no affinity here")
def test_cores_that_the_process_may_not_use_do_not_count() -> None:
    program = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import paramsurvey
paramsurvey.init(verbose=0)
print(paramsurvey.current_core_count(), paramsurvey.current_resources()[0]['num_cores'])
paramsurvey.init(verbose=0, ncores=-1)
print(paramsurvey.current_core_count())
"""
    assert run(program).stdout.split() == ["1", "1", "1"]


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )


def test_current_resources_is_a_dict_per_node(quietly: Callable[..., None]) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    (node,) = paramsurvey.current_resources()
    assert node["num_cores"] == 2
    assert node["memory"] == psutil.virtual_memory().total
    assert set(node) <= {"num_cores", "memory", "num_gpus"}


def test_the_version() -> None:
    assert paramsurvey.__version__ == importlib.metadata.version("paramsurvey")


def test_everything_public_is_there() -> None:
    for name in paramsurvey.__all__:
        assert getattr(paramsurvey, name) is not None
    assert set(paramsurvey.__all__) <= set(dir(paramsurvey))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        paramsurvey.nonsense  # noqa: B018


# which value counts


def test_the_environment_overrides_map_which_overrides_init_which_overrides_the_default(
    quietly: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quietly()
    assert len(paramsurvey.map(double, PSETS)) == 3
    quietly(limit=1)
    assert len(paramsurvey.map(double, PSETS)) == 1
    assert len(paramsurvey.map(double, PSETS, limit=2)) == 2
    monkeypatch.setenv("PARAMSURVEY_LIMIT", "3")
    assert len(paramsurvey.map(double, PSETS, limit=2)) == 3
    monkeypatch.delenv("PARAMSURVEY_LIMIT")
    assert len(paramsurvey.map(double, PSETS)) == 1
    assert len(paramsurvey.map(double, PSETS, limit=None)) == 3, "as in 0.4"
    assert len(paramsurvey.map(double, PSETS, limit=0)) == 3


ENVIRONMENT: dict[str, tuple[str, Callable[[], object], object]] = {
    "PARAMSURVEY_BACKEND": ("serial", paramsurvey.backend, "serial"),
    "PARAMSURVEY_NCORES": ("3", paramsurvey.current_core_count, 3),
    "PARAMSURVEY_VERBOSE": ("0", lambda: paramsurvey.map(double, PSETS, verbose=2).verbose, 0),
    "PARAMSURVEY_LIMIT": ("1", lambda: len(paramsurvey.map(double, PSETS, limit=2, verbose=0)), 1),
    "PARAMSURVEY_VSTATS": ("3", lambda: paramsurvey.map(double, PSETS, vstats=0, verbose=0).stats.vstats, 3),
    "PARAMSURVEY_MAX_TASKS_PER_CHILD": (
        "1",
        lambda: paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, PSETS, verbose=0)["pid"].nunique(),
        3,
    ),
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_each_environment_variable_overrides_the_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, look, expected = ENVIRONMENT[name]
    monkeypatch.setenv(name, value)
    paramsurvey.init(
        backend="multiprocessing", ncores=1, verbose=0, vstats=0, limit=3, max_tasks_per_child=100
    )
    assert look() == expected


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_empty_environment_variable_is_ignored_with_a_warning(
    name: str, quietly: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "")
    with pytest.warns(ParamsurveyWarning, match=f"{name} is empty"):
        quietly(verbose=1)
    assert paramsurvey.backend() == "serial"


def test_an_empty_environment_variable_is_no_warning_at_verbose_0(
    quietly: Callable[..., None], monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("PARAMSURVEY_LIMIT", "")
    quietly()
    assert len(paramsurvey.map(double, PSETS)) == 3
    assert not recwarn.list


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARAMSURVEY_VERBOSE", "None"),
        ("PARAMSURVEY_VERBOSE", "-1"),
        ("PARAMSURVEY_LIMIT", "ten"),
        ("PARAMSURVEY_NCORES", "1.5"),
        ("PARAMSURVEY_MAX_TASKS_PER_CHILD", "-3"),
        ("PARAMSURVEY_VSTATS", "x"),
    ],
)
def test_an_environment_variable_of_the_wrong_type_is_an_error_that_names_it(
    name: str, value: str, quietly: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} has the value '{value}'"):
        quietly()


def test_an_unknown_backend_in_the_environment_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARAMSURVEY_BACKEND", "multiprocesing")
    with pytest.raises(ValueError, match="did you mean 'multiprocessing'"):
        paramsurvey.init()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verbose", "loud"),
        ("verbose", -1),
        ("vstats", [1]),
        ("limit", "many"),
        ("limit", 1.5),
        ("ncores", "all"),
        ("ncores", 1.5),
        ("max_tasks_per_child", -1),
        ("backend", 3),
        ("carbon_port", "x"),
        ("carbon_server", 3),
        ("pslogger_fd", 3),
        ("pslogger_prefix", 3),
        ("ray", 3),
        ("serial", [1]),
    ],
)
def test_an_argument_of_init_of_the_wrong_type_is_an_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        paramsurvey.init(**{"backend": "serial", "verbose": 0, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verbose", "loud"),
        ("limit", "many"),
        ("out_func", 3),
        ("system_kwargs", [1]),
        ("system_kwargs", {1: 2}),
        ("chdir", 3),
        ("out_subdirs", "x"),
        ("progress_dt", "soon"),
        ("progress_dt", -1),
        ("group_size", 0),
        ("group_size", "big"),
        ("name", 3),
        ("keep_results", "perhaps"),
        ("multiprocessing", 3),
    ],
)
def test_an_argument_of_map_of_the_wrong_type_is_an_error_that_names_it(
    name: str, value: Any, quietly: Callable[..., None]
) -> None:
    quietly()
    with pytest.raises(ValueError, match=name):
        paramsurvey.map(double, PSETS, **{name: value})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("verbos", "verbose"),
        ("n_cores", "ncores"),
        ("max_task_per_child", "max_tasks_per_child"),
        ("Ray", "ray"),
    ],
)
def test_an_unknown_keyword_of_init_is_an_error_with_a_suggestion(wrong: str, meant: str) -> None:
    with pytest.raises(UnknownOption, match=f"'{wrong}'; did you mean '{meant}'") as caught:
        paramsurvey.init(**{wrong: 1})
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("wrong", "meant"), [("groupsize", "group_size"), ("user_kwarg", "user_kwargs"), ("outfunc", "out_func")]
)
def test_an_unknown_keyword_of_map_is_an_error_with_a_suggestion(
    wrong: str, meant: str, quietly: Callable[..., None]
) -> None:
    quietly()
    with pytest.raises(UnknownOption, match=f"'{wrong}'; did you mean '{meant}'"):
        paramsurvey.map(double, PSETS, **{wrong: 1})


def test_an_unknown_keyword_like_no_other_lists_what_there_is(quietly: Callable[..., None]) -> None:
    quietly()
    with pytest.raises(UnknownOption, match=r"choose from: .*chdir.*user_kwargs"):
        paramsurvey.map(double, PSETS, qqqqqqq=True)


@pytest.mark.parametrize(
    "name", ["backend", "ncores", "max_tasks_per_child", "pslogger_fd", "pslogger_prefix"]
)
def test_a_keyword_of_init_alone_given_to_map_is_a_value_error(
    name: str, quietly: Callable[..., None]
) -> None:
    quietly()
    with pytest.raises(ValueError, match=rf"'{name}' is not an option of map\(\): give it to init"):
        paramsurvey.map(double, PSETS, **{name: None})


@pytest.mark.parametrize("name", ["chdir", "user_kwargs", "group_size", "out_func", "name"])
def test_a_keyword_of_map_given_to_init_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match=rf"'{name}' is not an option of init\(\): give it to map"):
        paramsurvey.init(**{name: None})


# options of one backend


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_options_for_other_backends_are_ignored(backend: str) -> None:
    others = {"ray": {"address": "auto", "nonsense": 1}, "futures": {"x": 1}}
    paramsurvey.init(backend=backend, ncores=1, verbose=0, **others)
    assert len(paramsurvey.map(double, PSETS, **others)) == 3


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_an_unknown_option_for_this_backend_is_an_error_that_names_it(backend: str) -> None:
    with pytest.raises(ValueError, match=f"the {backend} backend has no option 'nonsense'"):
        paramsurvey.init(backend=backend, verbose=0, **{backend: {"nonsense": 1}})
    paramsurvey.init(backend=backend, ncores=1, verbose=0)
    with pytest.raises(ValueError, match=f"the {backend} backend has no option 'nonsense'"):
        paramsurvey.map(double, PSETS, **{backend: {"nonsense": 1}})


def test_a_pset_may_have_options_for_other_backends(quietly: Callable[..., None]) -> None:
    quietly()
    results = paramsurvey.map(
        lambda p, s, u: {"has": "ray" in s}, [{"a": 1, "ray": {"num_cpus": 1}}, {"a": 2}]
    )
    assert results["has"].tolist() == [False, False]
    assert results["ray"].tolist()[0] == {"num_cpus": 1}


@pytest.mark.parametrize(
    "wrong", [3, pytest.param(object(), id="object()"), print, ["serial"], b"serial"], ids=repr
)
def test_a_backend_that_is_neither_a_name_nor_an_executor_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="backend"):
        paramsurvey.init(backend=wrong, verbose=0)


def test_an_executor_is_a_backend_and_stays_the_callers() -> None:
    with ThreadPoolExecutor(2) as executor:
        paramsurvey.init(backend=executor, verbose=0)
        assert paramsurvey.backend() == "futures"
        assert paramsurvey.map(double, PSETS)["b"].tolist() == [2, 4, 6]
        paramsurvey.finalize()
        assert executor.submit(abs, -1).result() == 1


# workers


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("group_size", [None, 1, 5])
def test_max_tasks_per_child_counts_psets_not_groups(most: int, group_size: int | None) -> None:
    paramsurvey.init(ncores=2, max_tasks_per_child=most, verbose=0)
    results = paramsurvey.map(
        lambda p, s, u: {"pid": os.getpid()}, [{"a": i} for i in range(12)], group_size=group_size
    )
    counts = results["pid"].value_counts()
    assert counts.max() <= most
    assert counts.sum() == 12


def test_max_tasks_per_child_counts_over_maps() -> None:
    paramsurvey.init(ncores=1, max_tasks_per_child=4, verbose=0)
    pids = [
        pid
        for _ in range(4)
        for pid in paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, [{"a": i} for i in range(3)])["pid"]
    ]
    assert [pids.index(pid) // 4 for pid in pids] == [i // 4 for i in range(12)]


def test_workers_are_used_again_by_the_next_map() -> None:
    paramsurvey.init(ncores=2, verbose=0)
    pids = [
        set(paramsurvey.map(lambda p, s, u: {"pid": os.getpid()}, [{"a": i} for i in range(50)])["pid"])
        for _ in range(3)
    ]
    assert len(set.union(*pids)) <= 2


# the environment of the workers


def worker_sees(name: str) -> str | None:
    found = paramsurvey.map(lambda p, s, u: {"value": os.environ.get(u)}, [{"a": 1}], user_kwargs=name)
    return found.to_dict("records")[0]["value"]  # type: ignore[no-any-return]


def test_the_users_own_value_is_respected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MKL_NUM_THREADS", "2")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    paramsurvey.init(ncores=1, verbose=1)
    assert "OMP_NUM_THREADS" not in capsys.readouterr().err
    assert worker_sees("OMP_NUM_THREADS") == "3"
    assert worker_sees("MKL_NUM_THREADS") == "2"
    assert worker_sees("OPENBLAS_NUM_THREADS") == "3"


@pytest.fixture
def no_threads_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out what the developer, or a session of another test that is still open, has set."""
    for name in [name for name in os.environ if name.endswith("_NUM_THREADS")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_threads_set")
@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_one_line_says_so_and_finalize_restores_the_drivers_environment(
    backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    paramsurvey.init(backend=backend, ncores=1, verbose=1)
    assert worker_sees("OMP_NUM_THREADS") == worker_sees("OMP_NUM_THREADS") == "1"
    assert capsys.readouterr().err.count("OMP_NUM_THREADS") == 1
    paramsurvey.finalize()
    assert dict(os.environ) == before


@pytest.mark.usefixtures("no_threads_set")
def test_two_sessions_share_the_environment_until_both_are_closed() -> None:
    before = dict(os.environ)
    first = ThreadVariables(os.environ)
    second = ThreadVariables(os.environ)
    assert second.added == first.added  # for workers that inherit nothing
    first.restore()
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    second.restore()
    assert dict(os.environ) == before


@pytest.mark.usefixtures("no_threads_set")
@pytest.mark.parametrize("first_to_close", [0, 1])
def test_what_is_taken_out_of_the_environment_meanwhile_is_there_again_for_both(first_to_close: int) -> None:
    before = dict(os.environ)
    robbed = ThreadVariables(os.environ)
    for name in robbed.added:
        del os.environ[name]
    both = [robbed, ThreadVariables(os.environ)]
    both.pop(first_to_close).restore()
    assert os.environ["OMP_NUM_THREADS"] == "1"
    both.pop().restore()
    assert dict(os.environ) == before


@pytest.mark.usefixtures("no_threads_set")
def test_what_a_session_has_set_is_not_the_users_after_he_has_changed_it_for_a_while() -> None:
    before = dict(os.environ)
    first = ThreadVariables(os.environ)
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("MKL_NUM_THREADS", "2")
        meanwhile = ThreadVariables(os.environ)
        assert "MKL_NUM_THREADS" not in meanwhile.added
        meanwhile.restore()
    second = ThreadVariables(os.environ)
    assert second.added == first.added
    first.restore()
    second.restore()
    assert dict(os.environ) == before


@pytest.mark.usefixtures("no_threads_set")
def test_sessions_may_want_different_numbers_of_threads() -> None:
    before = dict(os.environ)
    first = ThreadVariables(os.environ, 1)
    second = ThreadVariables(os.environ, 2)
    assert first.added["OMP_NUM_THREADS"] == "1"
    assert second.added["OMP_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "2"
    first.restore()
    assert os.environ["OMP_NUM_THREADS"] == "2"
    second.restore()
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("workers", "threads", "remedy"),
    [
        (2, 1, None),
        (1, 4, None),
        (4, 2, "4 × 2 threads share 4 cores and slow each other down: use at most ncores=2"),
        (1, 8, "1 × 8 threads share 4 cores and slow each other down: use at most threads_per_worker=4"),
    ],
)
@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_more_threads_than_cores_are_told_with_the_remedy(
    workers: int,
    threads: int,
    remedy: str | None,
    executor: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("paramsurvey.session.running_backend.core_count", lambda: 4)
    backend = "multiprocessing" if executor is None else executor(workers)
    paramsurvey.init(backend=backend, ncores=workers, threads_per_worker=threads, verbose=1)
    said = capsys.readouterr().err
    assert (remedy or "") in said
    assert remedy or "slow each other down" not in said


def test_what_the_user_has_chosen_is_not_ours_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    variables = ThreadVariables(os.environ)
    assert "OMP_NUM_THREADS" not in variables.added
    variables.restore()


@pytest.mark.usefixtures("no_threads_set")
def test_what_the_user_sets_meanwhile_stays(
    quietly: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quietly()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    paramsurvey.finalize()
    assert os.environ["OMP_NUM_THREADS"] == "7"


# the log


def test_the_log_may_be_a_stream_of_the_caller(quietly: Callable[..., None]) -> None:
    stream = io.StringIO()
    quietly(pslogger_fd=stream)
    paramsurvey.map(lambda p, s, u: 1 / 0, PSETS)
    paramsurvey.finalize()
    assert "ZeroDivisionError" in stream.getvalue()
    assert "end time" in stream.getvalue()
    assert not stream.closed
    assert logs() == []


def test_the_log_may_have_another_prefix(quietly: Callable[..., None], in_tmp: Path) -> None:
    quietly(pslogger_prefix="mine-")
    paramsurvey.finalize()
    assert len(list(in_tmp.glob("mine-*.log"))) == 1
    assert logs() == []


def test_a_log_that_cannot_be_written_is_a_warning_and_the_survey_goes_on(
    quietly: Callable[..., None], in_tmp: Path
) -> None:
    (in_tmp / "no-directory").touch()
    with pytest.warns(ParamsurveyWarning, match="no-directory/x-"):
        quietly(pslogger_prefix="no-directory/x-", verbose=1)
    assert len(paramsurvey.map(double, PSETS)) == 3


def test_a_broken_stream_is_a_warning(quietly: Callable[..., None]) -> None:
    stream = io.StringIO()
    quietly(pslogger_fd=stream, verbose=1)
    stream.close()
    with pytest.warns(ParamsurveyWarning, match="cannot be written"):
        assert len(paramsurvey.map(double, PSETS)) == 3


@pytest.mark.parametrize(("init", "map", "told"), [(1, 1, True), (1, 0, False), (0, 1, True), (0, 0, False)])
def test_where_the_tracebacks_are_is_told_at_the_end_unless_the_map_was_quiet(
    init: int, map: int, told: bool, quietly: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    quietly(verbose=init)
    paramsurvey.map(lambda p, s, u: 1 / 0, PSETS, verbose=map)
    capsys.readouterr()
    paramsurvey.finalize()
    assert (str(logs()[0]) in capsys.readouterr().err) == told


def test_an_interruption_while_the_results_are_put_together_stays_one(
    quietly: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quietly()
    before = paramsurvey.map(double, PSETS)

    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("paramsurvey.results.table_building.build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        paramsurvey.map(double, PSETS)
    assert paramsurvey.last_results() is before


def test_psets_of_an_iterator_with_options_for_the_backend_are_refused_rather_than_run_without_them() -> None:
    psets: list[dict[str, Any]] = [{"a": 1}, {"a": 2, "serial": {"num_gpus": 1}}]
    with paramsurvey.Session(backend="serial", verbose=0) as session:
        with pytest.raises(
            PsetError, match=r"pset number 1 has options .* 'serial': .*: give a list of psets"
        ):
            session.map(double, iter(psets))
        assert (
            session.map(double, iter([{"a": 1, "serial": "X-7"}, {"a": 2, "serial": {}}])).progress.finished
            == 2
        )


def test_a_session_says_what_it_is() -> None:
    with paramsurvey.Session(ncores=2, verbose=0) as session:
        assert repr(session) == "<Session: multiprocessing, 2 cores>"
        session.update(backend="serial", verbose=0)
        assert repr(session) == "<Session: serial, 1 core>"
    assert repr(session) == "<Session: closed>"


def test_an_interruption_while_another_backend_starts_leaves_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = registry.create

    def create_or_interrupt(options: Any, own: Any) -> Any:
        if options.backend == "serial":
            raise KeyboardInterrupt
        return create(options, own)

    monkeypatch.setattr(registry, "create", create_or_interrupt)
    with paramsurvey.Session(ncores=1, verbose=0) as session:
        with pytest.raises(KeyboardInterrupt):
            session.update(backend="serial", verbose=0)
        assert session.backend.name == session.options.backend == "multiprocessing"
        assert session.map(double, PSETS).progress.finished == len(PSETS)


@pytest.mark.usefixtures("no_threads_set")
def test_an_interruption_while_the_backend_before_is_closed_leaves_one_that_works() -> None:
    def interrupt(backend: SerialBackend) -> None:
        raise KeyboardInterrupt

    environment = dict(os.environ)
    with paramsurvey.Session(backend="serial", verbose=0) as session:
        with pytest.MonkeyPatch.context() as closing:
            closing.setattr(SerialBackend, "close", interrupt)
            with pytest.raises(KeyboardInterrupt):
                session.update(backend="multiprocessing", ncores=1, verbose=0)
        assert session.backend.name == session.options.backend == "serial"
        assert session.map(double, PSETS).progress.finished == len(PSETS)
    assert dict(os.environ) == environment


@pytest.mark.parametrize("name", ["map", "imap_unordered", "last_results"])
def test_a_function_of_the_module_has_the_docstring_of_its_method(name: str) -> None:
    told = inspect.getdoc(getattr(paramsurvey.Session, name))
    assert told
    assert inspect.getdoc(getattr(paramsurvey, name)) == told


def test_a_map_that_waits_for_psets_ends_when_another_thread_closes_its_session() -> None:
    reads = threading.Event()

    def ask() -> Iterator[Any]:
        yield {"a": 1}
        while True:
            reads.set()
            yield params.NOT_YET

    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        found: list[BaseException] = []

        def survey() -> None:
            try:
                session.map(double, ask())
            except BaseException as error:
                found.append(error)

        thread = threading.Thread(target=survey)
        thread.start()
        assert reads.wait(60)
        session.close()
        thread.join(60)
        assert not thread.is_alive()
    assert [type(error).__name__ for error in found] == ["SessionClosed"]


def test_a_map_that_ends_before_its_psets_leaves_no_thread_that_reads_them(nothing_left: None) -> None:
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        results = session.map(double, params.in_background({"a": a} for a in count()), limit=3)
    assert len(results) == 3
    wait_until(
        lambda: "paramsurvey: reads psets" not in {thread.name for thread in threading.enumerate()},
        "the thread that reads psets outlives the map",
    )
