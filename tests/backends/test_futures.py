"""Executors of the user's: what is special about threads, pools of processes, and pools that break."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import loky
import numpy as np
import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey.backends.futures import engines, executor_health, submitted_groups, task
from paramsurvey.backends.futures.backend import FuturesBackend
from paramsurvey.backends.futures.map_lock import MapLock
from paramsurvey.backends.futures.task import LoadedJobs
from paramsurvey.engine.options import Options
from paramsurvey.errors import BackendLost, OptionError, ParamsurveyWarning
from paramsurvey.params.sources import as_source
from paramsurvey.transport.job_code import JobCode
from paramsurvey.transport.messages import FailureKind, Group, Job, JobRejected, LostGroup, Pset, Reply
from paramsurvey.transport.pickling import dumps
from paramsurvey.transport.private_arguments import pack_arguments
from paramsurvey.worker.job_loading import JobNotLoadable

HANG = 60.0  # seconds that something which ends by itself may take on a slow machine


def pool_of(start_method: str) -> Executor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start_method))


PROCESSES: dict[str, Callable[[], Executor]] = {
    "spawn": partial(pool_of, "spawn"),
    "fork": partial(pool_of, "fork"),
    "loky": partial(loky.ProcessPoolExecutor, 2),
}
EXECUTORS = {"threads": partial(ThreadPoolExecutor, 2), **PROCESSES}


@pytest.fixture(params=PROCESSES)
def processes(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Every kind of process pool in turn."""
    executor = PROCESSES[request.param]()
    yield executor
    executor.shutdown()


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Every kind of executor in turn."""
    executor = EXECUTORS[request.param]()
    yield executor
    executor.shutdown()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def start(executor: Executor, **options: Any) -> None:
    paramsurvey.init(backend=executor, verbose=0, **options)


def psets_of(count: int) -> list[dict[str, int]]:
    return [{"a": i} for i in range(count)]


def who(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"pid": os.getpid(), "thread": threading.get_ident()}


# every executor


def test_it_is_named_futures_and_has_the_executors_workers(executor: Executor) -> None:
    start(executor)
    assert paramsurvey.backend() == "futures"
    assert paramsurvey.current_core_count() == 2
    assert [node["num_cores"] for node in paramsurvey.current_resources()] == [2]


def test_a_survey_with_lambdas_is_complete_and_in_order(executor: Executor) -> None:
    start(executor)
    results = paramsurvey.map(
        lambda pset, system_kwargs, factor: {"b": pset["a"] * factor}, psets_of(300), user_kwargs=3
    )
    assert results["b"].tolist() == [3 * i for i in range(300)]


def test_the_executor_is_the_users_and_is_left_running(executor: Executor) -> None:
    start(executor)
    paramsurvey.map(who, psets_of(3))
    paramsurvey.finalize()
    assert executor.submit(os.getpid).result(timeout=HANG)


def test_several_surveys_one_after_the_other(executor: Executor) -> None:
    start(executor)
    for factor in range(5):
        results = paramsurvey.map(
            lambda pset, system_kwargs, k: {"b": pset["a"] * k}, psets_of(10), user_kwargs=factor
        )
        assert results["b"].tolist() == [factor * i for i in range(10)]


class CountedLoads:
    """A worker function that leaves a line in a file each time that it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        return who(pset, system_kwargs, user_kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return load_counted, (self.path,)


def load_counted(path: Path) -> CountedLoads:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return CountedLoads(path)


def test_the_function_is_loaded_once_per_process(executor: Executor, in_tmp: Path) -> None:
    start(executor)
    path = in_tmp / "loads"
    paramsurvey.map(CountedLoads(path), psets_of(200), group_size=2)
    loads = path.read_text().split()
    assert len(loads) == len(set(loads))


def test_no_worker_makes_a_log(executor: Executor, in_tmp: Path) -> None:
    start(executor)

    def survey_within(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        with paramsurvey.Session(backend="serial", verbose=0) as session:
            session.map(lambda pset, system_kwargs, user_kwargs: None, [{}])
        return {"here": os.getpid()}

    results = paramsurvey.map(survey_within, psets_of(4))
    elsewhere = [pid for pid in results["here"] if pid != os.getpid()]
    logs = len(list(in_tmp.glob(".paramsurvey-*.log")))
    assert logs == 1 + len(results) - len(elsewhere)
    assert "PARAMSURVEY_WORKER" not in os.environ


# threads


def test_threads_run_here_side_by_side(threads: ThreadPoolExecutor) -> None:
    start(threads)
    both = threading.Barrier(2, timeout=HANG)
    meetings = {"it": both}  # a barrier cannot be pickled; found by name, it need not be

    def meet(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import test_futures

        test_futures.MEETINGS["it"].wait()
        return {"thread": threading.get_ident()}

    MEETINGS.update(meetings)
    results = paramsurvey.map(meet, psets_of(2), group_size=1)
    assert results["thread"].nunique() == 2


MEETINGS: dict[str, threading.Barrier] = {}
GATES: dict[str, threading.Event] = {}


def test_threads_that_change_the_directory_leave_the_driver_at_home(
    threads: ThreadPoolExecutor, in_tmp: Path
) -> None:
    start(threads)
    (in_tmp / "elsewhere").mkdir()
    results = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: {"where": os.getcwd()}, psets_of(3), chdir="elsewhere"
    )
    assert set(results["where"]) == {str(in_tmp / "elsewhere")}
    assert Path.cwd() == in_tmp


def test_a_thread_that_takes_too_long_costs_its_pset_and_its_place_until_it_is_back(
    threads: ThreadPoolExecutor,
) -> None:
    start(threads)
    MEETINGS["late"] = threading.Barrier(2, timeout=HANG)

    def late(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import test_futures

        if pset["a"] == 3:
            test_futures.MEETINGS["late"].wait()
        return {"thread": threading.get_ident()}

    results = paramsurvey.map(late, psets_of(50), timeout=0.2)
    assert results.missing["a"].tolist() == [3]
    assert "timeout=0.2" in results.missing["_exception"][0]
    MEETINGS["late"].wait()  # now the thread may go on; what it answers is not asked for any more
    assert len(paramsurvey.map(late, [{"a": 0}] * 50)) == 50


def test_when_all_threads_are_stuck_the_map_ends(threads: ThreadPoolExecutor) -> None:
    start(threads)
    MEETINGS["never"] = threading.Barrier(3, timeout=HANG)

    def never(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> None:
        import test_futures

        test_futures.MEETINGS["never"].wait()

    with pytest.raises(BackendLost, match="multiprocessing backend"):
        paramsurvey.map(never, psets_of(10), timeout=0.1)
    MEETINGS["never"].wait()
    missing = paramsurvey.last_results().missing
    assert sorted(missing["_exception"].str.startswith("TimeoutError")) == [False] * 8 + [True] * 2


def test_fork_after_threads_finds_no_stale_job(threads: ThreadPoolExecutor) -> None:
    start(threads)
    paramsurvey.map(who, psets_of(2))
    with pool_of("fork") as pool:
        start(pool)
        results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"b": os.getpid()}, psets_of(20))
    assert os.getpid() not in set(results["b"])


# processes


def test_a_pool_in_use_that_is_shut_down_by_another_thread_ends_the_map(in_tmp: Path) -> None:
    executor = ThreadPoolExecutor(1)
    start(executor)
    MEETINGS["shut down"] = threading.Barrier(2, timeout=HANG)

    def meet_first(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        import test_futures

        if pset["a"] == 0:
            test_futures.MEETINGS["shut down"].wait()
        return {"b": pset["a"]}

    def end() -> None:
        MEETINGS["shut down"].wait()
        executor.shutdown(cancel_futures=True)

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(BackendLost, match="after shutdown"):
        paramsurvey.map(meet_first, psets_of(1000), group_size=1)
    ending.join()
    results = paramsurvey.last_results()
    assert results["b"].tolist() == results["a"].tolist()
    assert set(results.missing.kinds()) <= {"not run"}, "what never ran did not crash"


def test_an_executor_that_was_shut_down_says_so() -> None:
    executor = ThreadPoolExecutor(1)
    start(executor)
    executor.shutdown()
    with pytest.raises(BackendLost, match="after shutdown"):
        paramsurvey.map(who, psets_of(3))
    assert paramsurvey.last_results().progress.failures == 3


# options


def test_the_backend_by_its_name_alone_is_refused() -> None:
    with pytest.raises(OptionError, match=r"init\(backend=executor\)"):
        paramsurvey.init(backend="futures", verbose=0)


@pytest.mark.parametrize(
    ("options", "message"), [({"ncore": 1}, "did you mean 'ncores'"), ({"ncores": 0}, "ncores=0")]
)
def test_wrong_options_are_named(threads: ThreadPoolExecutor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        start(threads, futures=options)


class Inline(Executor):
    """Runs everything at once; tells nobody how many workers it has."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


def test_an_executor_that_hides_its_workers_is_told_how_many_there_are() -> None:
    start(Inline(), futures={"ncores": 7})
    assert paramsurvey.current_core_count() == 7
    start(Inline(), ncores=3)
    assert paramsurvey.current_core_count() == 3
    assert len(paramsurvey.map(who, psets_of(30))) == 30
    assert "PARAMSURVEY_WORKER" not in os.environ


# numbers


def test_workers_are_numbered_from_1_on(executor: Executor) -> None:
    def number(pset: Pset, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        time.sleep(0.01)
        return {"number": system_kwargs["worker_number"], **who(pset, system_kwargs, user_kwargs)}

    start(executor)
    found = paramsurvey.map(number, psets_of(40), group_size=1)
    assert set(found["number"]) <= {1, 2}
    if found["pid"].nunique() == 2:
        assert found.drop_duplicates("pid")["number"].is_unique


# the pieces


def job_named(key: str) -> Job:
    source = as_source(psets_of(1), None)
    code = JobCode(who, pack_arguments(None, {}), source.decoder())
    return Job(key=key, name="default", code=dumps(code, "code"), chdir=os.getcwd())


def test_jobs_are_kept_while_they_are_few() -> None:
    jobs = LoadedJobs(most=2)
    first = jobs.load(job_named("1"))
    assert jobs.load(job_named("1")) is first
    jobs.load(job_named("2"))
    jobs.load(job_named("3"))
    assert jobs.get("1") is None
    assert jobs.get("3") is not None
    jobs.forget("3")
    jobs.forget("3")
    assert jobs.get("3") is None


def test_a_job_that_cannot_be_loaded_is_not_kept() -> None:
    jobs = LoadedJobs()
    with pytest.raises(JobNotLoadable):
        jobs.load(Job(key="1", name="default", code=b"no pickle", chdir="."))
    assert jobs.get("1") is None


class ManualExecutor(Executor):
    """Keeps what it is given, so that a test says what happens to it."""

    def __init__(self, workers: int) -> None:
        self._max_workers = workers
        self.given: list[tuple[Future[Any], tuple[Any, ...]]] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append((future, args))
        return future


def job(**options: Any) -> Job:
    return Job(key="k", name="default", code=b"code", chdir=os.getcwd(), **options)


def opened(executor: Executor, *, isolate: bool = True, **options: Any) -> FuturesBackend:
    backend = FuturesBackend(Options(backend=executor, isolate=isolate), {})
    backend.open(job(**options), {})
    return backend


def test_the_job_travels_only_when_it_is_asked_for() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    (future, (key, _, packed_job, _)) = executor.given[0]
    assert (key, packed_job) == ("k", None)
    future.set_result([])
    assert list(backend.poll(1.0)) == []
    assert executor.given[1][1][2] is not None
    assert backend.capacity() == 1  # it is still one group


def test_groups_that_were_given_up_and_still_run_take_a_place() -> None:
    executor = ManualExecutor(2)
    backend = opened(executor)
    assert backend.capacity() == 4
    backend.submit(Group(1, range(1), []))
    executor.given[0][0].set_running_or_notify_cancel()
    backend.abort(1)
    assert backend.capacity() == 2
    executor.given[0][0].set_result([b"too late"])
    assert list(backend.poll(0.0)) == []
    assert backend.capacity() == 4


def test_groups_that_were_given_up_before_they_ran_are_cancelled() -> None:
    executor = ManualExecutor(2)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    backend.abort(1)
    wait_until(executor.given[0][0].cancelled, "the future is not cancelled")
    assert list(backend.poll(0.0)) == []
    assert backend.capacity() == 4


class Clock:
    """What a module has as its `time`."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(executor_health, "time", clock)
    monkeypatch.setattr(submitted_groups, "time", clock)
    return clock


def give_up_two_running_groups(executor: ManualExecutor) -> FuturesBackend:
    """Return the backend after its map, which was interrupted."""
    backend = opened(executor, timeout=1.0)
    for group_id in (1, 2):
        backend.submit(Group(group_id, range(1), []))
        executor.given[-1][0].set_running_or_notify_cancel()
    backend.end_job()
    return backend


def test_groups_of_an_earlier_map_that_have_ended_since_keep_no_worker_busy(clock: Clock) -> None:
    executor = ManualExecutor(2)
    backend = give_up_two_running_groups(executor)
    for future, _ in executor.given:
        future.set_result([b"too late"])
    backend.open(job(timeout=1.0), {})
    clock.now = 100.0
    assert backend.poll(0.0) == []
    assert backend.capacity() == 4


def test_groups_of_an_earlier_map_that_still_run_get_the_timeout_of_this_one(clock: Clock) -> None:
    backend = give_up_two_running_groups(ManualExecutor(2))
    clock.now = 100.0
    backend.open(job(timeout=1.0), {})
    assert backend.poll(0.0) == []
    clock.now = 102.0
    with pytest.raises(BackendLost, match="all 2 workers"):
        backend.poll(0.0)


def test_a_map_with_a_timeout_runs_after_one_that_was_left(threads: ThreadPoolExecutor, clock: Clock) -> None:
    start(threads)
    gate = GATES["left"] = threading.Event()

    def wait(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> None:
        import test_futures

        if pset["a"] > 0:
            test_futures.GATES["left"].wait(HANG)

    for _ in paramsurvey.imap_unordered(wait, psets_of(10), group_size=1):
        break
    gate.set()
    clock.now = 2 * HANG
    assert len(paramsurvey.map(who, psets_of(3), timeout=HANG)) == 3


def test_with_a_timeout_a_process_that_does_not_isolate_gets_one_pset_at_a_time_and_no_queue() -> None:
    backend = opened(ManualExecutor(2), timeout=1.0)
    assert (backend.largest_group(), backend.capacity()) == (None, 4)
    backend = opened(ManualExecutor(2), timeout=1.0, isolate=False)
    assert (backend.largest_group(), backend.capacity()) == (1, 2)
    with ThreadPoolExecutor(2) as threads:
        backend = opened(threads, timeout=1.0)
        assert (backend.largest_group(), backend.capacity()) == (None, 4)


def test_a_future_that_fails_loses_its_group() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(3), []))
    executor.given[0][0].set_exception(OSError("the network is gone"))
    (loss,) = backend.poll(1.0)
    assert (loss.group_id, loss.offset) == (1, None)
    assert loss.failure.kind == FailureKind.NODE_LOST, "no pset of ours can be the cause"
    assert "the network is gone" in loss.failure.exception
    wait_until(lambda: backend.capacity() == 2, "its place is not free")


def interrupt(timeout: float | None = None) -> None:
    raise KeyboardInterrupt


def test_what_comes_back_beside_a_result_that_is_interrupted_is_kept() -> None:
    executor = ManualExecutor(2)
    backend = opened(executor)
    for group_id in (1, 2, 3):
        backend.submit(Group(group_id, range(1), []))
    executor.given[1][0].exception = interrupt  # type: ignore[method-assign]
    for group_id, (future, _) in enumerate(executor.given, 1):
        future.set_result([pickle.dumps(Reply(group_id, 0, 1))])
    assert [answer.group_id for answer in backend.poll(0.0) if isinstance(answer, Reply)] == [1, 3]


class SlowToRead(Future[Any]):
    """A future whose result is being read until `gate` opens."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.gate = threading.Event(), threading.Event()

    def result(self, timeout: float | None = None) -> Any:
        self.begun.set()
        assert self.gate.wait(HANG)
        return super().result(timeout)


class SlowExecutor(ManualExecutor):
    """Its futures are `SlowToRead`, and a thread has one done after the other."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self._thread = ThreadPoolExecutor(1)

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> SlowToRead:
        future = SlowToRead()
        self.given.append((future, args))
        return future

    def finish(self, index: int) -> SlowToRead:
        """Have a future done; return it when its result is being read."""
        future, group = self.given[index][0], pickle.loads(self.given[index][1][1])
        assert isinstance(future, SlowToRead)
        self._thread.submit(future.set_result, [pickle.dumps(Reply(group.id, 0, 1))])
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for future, _ in self.given:
            assert isinstance(future, SlowToRead)
            future.gate.set()
        self._thread.shutdown()


def test_no_poll_waits_for_a_result_that_is_slow_to_read() -> None:
    with SlowExecutor(1) as executor:
        backend = opened(executor)
        backend.submit(Group(1, range(1), []))
        future = executor.finish(0)
        assert future.begun.wait(HANG)
        assert (backend.is_reading(), list(backend.poll(0.0)), list(backend.last_answers())) == (True, [], [])
        future.gate.set()
        wait_until(lambda: not backend.is_reading(), "it is still being read")
        assert [answer.group_id for answer in backend.last_answers()] == [1]


def test_not_even_what_is_done_at_once_is_read_in_this_thread() -> None:
    class AtOnce(ManualExecutor):
        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.given.append((SlowToRead(), args))
            self.given[-1][0].set_result([pickle.dumps(Reply(1, 0, 1))])
            return self.given[-1][0]

    executor = AtOnce(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    assert backend.is_reading()
    executor.given[0][0].gate.set()  # type: ignore[attr-defined]
    assert [answer.group_id for answer in backend.poll(HANG)] == [1]


def test_what_is_done_while_another_group_is_submitted_is_not_read_in_this_thread_either() -> None:
    class OneLate(SlowExecutor):
        """Before it takes a group, it does the one that came before."""

        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> SlowToRead:
            for future, (_, group, *_) in self.given:
                future.set_result([pickle.dumps(Reply(pickle.loads(group).id, 0, 1))])
            return super().submit(function, *args, **kwargs)

    with OneLate(2) as executor:
        backend = opened(executor)
        backend.submit(Group(1, range(1), []))
        backend.submit(Group(2, range(1), []))
        assert backend.is_reading()
        executor.given[0][0].gate.set()  # type: ignore[attr-defined]
        assert [answer.group_id for answer in backend.poll(HANG)] == [1]


def test_an_engine_that_is_lost_gives_what_is_being_read() -> None:
    with SlowExecutor(1) as executor:
        backend = opened(executor)
        backend.submit(Group(1, range(1), []))
        future = executor.finish(0)
        assert future.begun.wait(HANG)
        executor._client = SimpleNamespace(status="closed")  # type: ignore[attr-defined]
        assert list(backend.poll(0.0)) == []
        future.gate.set()
        assert [answer.group_id for answer in backend.poll(HANG)] == [1]


def test_while_a_result_is_read_no_pset_takes_too_long(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The executor's only thread reads it, and cannot tell what else is done."""
    with SlowExecutor(2) as executor:
        backend = opened(executor, isolate=False, timeout=1.0)
        for group_id in (1, 2):
            backend.submit(Group(group_id, range(1), []))
            executor.given[-1][0].set_running_or_notify_cancel()
        backend._answer_deadline._check_at = 0.0
        backend.poll(0.0)
        assert backend.running(1) == (0, 0.0)
        future = executor.finish(0)
        assert future.begun.wait(HANG)
        executor.finish(1)
        clock.now = 100.0
        backend._answer_deadline._check_at = 0.0
        backend.poll(0.0)
        assert (backend.running(1), backend.running(2)) == (None, (0, 0.0))


def test_after_ctrl_c_the_job_is_not_sent_to_who_asks_for_it() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    for group_id in (1, 2):
        backend.submit(Group(group_id, range(1), []))
    executor.given[0][0].set_result([])
    executor.given[1][0].set_result([pickle.dumps(Reply(2, 0, 1))])
    assert [answer.group_id for answer in backend.last_answers()] == [2]
    assert len(executor.given) == 2, "submit may block"


def test_a_group_whose_submission_was_interrupted_does_not_run_in_a_thread() -> None:
    class Interrupted(ManualExecutor):
        def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            super().submit(function, *args, **kwargs)
            raise KeyboardInterrupt

    backend = opened(Interrupted(1))
    with pytest.raises(KeyboardInterrupt):
        backend.submit(Group(1, range(1), []))
    link = task.links["k", 1]
    backend.abort(1)
    assert link.abandoned.is_set()
    assert ("k", 1) not in task.links


def test_a_future_that_denies_its_error_loses_its_group() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(3), []))
    future = executor.given[0][0]
    future.exception = lambda timeout=None: None  # type: ignore[method-assign]
    future.set_exception(OSError("the network is gone"))
    (loss,) = backend.poll(1.0)
    assert "the network is gone" in loss.failure.exception


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_a_process_that_was_interrupted_loses_its_group(error: BaseException) -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(3), []))
    executor.given[0][0].set_exception(error)
    (loss,) = backend.poll(1.0)
    assert type(error).__name__ in loss.failure.exception


def test_whoever_was_interrupted_is_not_to_blame() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor, isolate=False)
    backend.submit(Group(1, range(1), []))
    executor.given[0][0].set_exception(KeyboardInterrupt())
    (loss,) = backend.poll(1.0)
    assert loss.failure.kind is FailureKind.NODE_LOST


class DefiantError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


def test_a_future_whose_exception_cannot_be_told_of_loses_its_group() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(3), []))
    executor.given[0][0].set_exception(DefiantError())
    (loss,) = backend.poll(1.0)
    assert "DefiantError" in loss.failure.exception


@pytest.mark.parametrize(
    "answer",
    [
        None,
        3,
        "text",
        {},
        [b""],
        [3],
        [pickle.dumps("no answer")],
        [pickle.dumps(Reply(2, 0, 3))],
        [pickle.dumps(Reply(1, 0, 3, done=False))],
        (1 // 0 for _ in range(1)),
    ],
    ids=["None", "3", "text", "dict", "empty", "list", "pickle", "another group", "half", "generator"],
)
def test_what_is_no_answer_loses_its_group(answer: Any) -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(3), []))
    executor.given[0][0].set_result(answer)
    (loss,) = backend.poll(1.0)
    assert isinstance(loss, LostGroup)
    assert (loss.group_id, loss.offset) == (1, None)


def test_an_engine_with_a_new_process_for_each_group_is_sent_the_job_each_time() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    for group_id in range(1, 5):
        backend.submit(Group(group_id, range(1), []))
        while backend.capacity() < 2:
            future, (_, _, packed_job, _) = executor.given[-1]
            if packed_job is None:
                future.set_result([])
            else:
                future.set_result([pickle.dumps(Reply(group_id, 0, 1))])
            backend.poll(1.0)
    assert len(executor.given) == 3 * 2 + 1, "the fourth group came with the job"


def test_a_process_that_forgets_the_job_at_once_is_not_sent_it_for_ever() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    for future, _ in executor.given:  # the second is added meanwhile
        future.set_result([])
        answers = backend.poll(1.0)
    assert [answer.group_id for answer in answers] == [1]
    assert len(executor.given) == 2


def test_when_an_engine_loses_everything_again_and_again_the_map_ends() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    for group_id in range(7):
        backend.submit(Group(group_id, range(1), []))
        executor.given[-1][0].set_exception(OSError("no node"))
        assert len(backend.poll(1.0)) == 1
    with pytest.raises(BackendLost, match="lost 7 groups one after the other"):
        backend.poll(0.0)


def test_a_dask_client_that_has_lost_its_scheduler_ends_the_map() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    executor._client = SimpleNamespace(status="closed")  # type: ignore[attr-defined]
    with pytest.raises(BackendLost, match="Dask client is closed"):
        backend.poll(0.0)
    backend.end_job()
    assert not executor.given[0][0].cancelled(), "the client would complain"


def test_what_an_engine_has_given_back_before_it_is_lost_is_kept() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    backend.submit(Group(2, range(1, 2), []))
    executor.given[0][0].set_result([pickle.dumps(Reply(1, 0, 1))])
    executor._client = SimpleNamespace(status="closed")  # type: ignore[attr-defined]
    assert [answer.group_id for answer in backend.poll(0.0)] == [1]
    with pytest.raises(BackendLost, match="Dask client is closed"):
        backend.poll(0.0)


def test_an_engine_that_is_lost_gets_nothing_more_and_costs_no_attempt() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor, isolate=False)
    backend.submit(Group(1, range(1), []))
    executor.given[0][0].set_exception(RuntimeError("its blocks have ended"))  # as it would fail all others
    executor._client = SimpleNamespace(status="closed")  # type: ignore[attr-defined]
    [lost] = backend.poll(0.0)
    assert isinstance(lost, LostGroup)
    assert lost.failure.kind is FailureKind.NODE_LOST
    assert backend.capacity() == 0
    with pytest.raises(BackendLost, match="Dask client is closed"):
        backend.poll(0.0)


def test_a_map_that_waits_for_an_engine_without_workers_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = {"a worker": 2}
    executor = ManualExecutor(1)
    executor._client = SimpleNamespace(status="running", nthreads=lambda: threads)  # type: ignore[attr-defined]
    backend = opened(executor)
    monkeypatch.setattr(executor_health, "SILENT_SECONDS", 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend.poll(0.0)  # there is nothing to run
    backend.submit(Group(1, range(1), []))
    with pytest.warns(ParamsurveyWarning, match=r"ManualExecutor has had no workers.*: start workers, or"):
        backend.poll(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend.poll(0.0)
    backend.end_job()


def test_an_engine_is_heard_of_while_it_has_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ASK_SECONDS", 0.0)
    threads = {"a worker": 2}
    executor = ManualExecutor(1)
    executor._client = SimpleNamespace(nthreads=lambda: threads)  # type: ignore[attr-defined]
    count = engines.WorkerCount(executor, None, 1)
    count.begin()
    began = count._heard
    wait_until(lambda: count._heard > began, "it was not asked")
    del threads["a worker"]
    wait_until(lambda: count.seconds_without_workers() > 0.1, "its silence was not noticed")
    assert count.now == 2
    count.end()


def test_a_map_may_be_interrupted_before_it_is_opened() -> None:
    with ThreadPoolExecutor(1) as executor:
        FuturesBackend(Options(backend=executor), {}).end_job()


def test_processes_that_cannot_import_paramsurvey_end_the_map_with_the_remedy() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    executor.given[0][0].set_exception(ModuleNotFoundError("No module named 'paramsurvey'"))
    (answer,) = backend.poll(1.0)
    assert isinstance(answer, JobRejected)
    assert "install the same paramsurvey" in answer.reason


def test_a_thousand_futures_in_hand_are_not_looked_at_when_one_is_done() -> None:
    executor = ManualExecutor(500)
    backend = opened(executor)
    for group_id in range(1000):
        backend.submit(Group(group_id, range(1), []))
    looks = 0

    class Watched(Future[Any]):
        def done(self) -> bool:
            nonlocal looks
            looks += 1
            return super().done()

    for future, _ in executor.given:
        future.__class__ = Watched
    executor.given[0][0].set_result([pickle.dumps(Reply(0, 0, 1))])
    assert len(backend.poll(1.0)) == 1
    assert looks == 0


# what is no executor


class Ticket:
    """What a batch system's submit returns: it can be waited for, but not like a Future."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class BatchSystem:
    def submit(self, function: Any, *args: Any) -> Ticket:
        raise AssertionError("work was sent")


class Tickets(Executor):
    """Claims to be an executor."""

    _max_workers = 1

    def __init__(self) -> None:
        self.ticket = Ticket()

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.ticket


def test_what_is_no_executor_is_refused_by_name_before_work() -> None:
    with pytest.raises(OptionError, match=r"BatchSystem is not a concurrent\.futures\.Executor"):
        paramsurvey.init(backend=BatchSystem(), verbose=0)


def test_what_is_no_future_is_refused_by_name_and_taken_back() -> None:
    start(Tickets())
    with pytest.raises(
        OptionError, match=r"test_futures\.Tickets\.submit\(\) returned a test_futures\.Ticket"
    ):
        paramsurvey.map(who, psets_of(3))


class Unreachable(ManualExecutor):
    """Says nothing of itself; of what it was given only that it has it."""

    class Deaf(Future[Any]):
        def add_done_callback(self, fn: Any) -> None:
            raise OSError("the engine cannot be reached")

    @property
    def _client(self) -> Any:
        raise OSError("the engine cannot be reached")

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.Deaf() if self.given else super().submit(function, *args, **kwargs)


def test_an_engine_that_cannot_be_reached_is_lost_once_all_else_is_back() -> None:
    executor = Unreachable(2)
    backend = opened(executor)
    backend.submit(Group(1, range(3), []))
    backend.submit(Group(2, range(3, 6), []))
    assert backend.poll(0.0) == []
    executor.given[0][0].set_result([pickle.dumps(Reply(1, 0, 3))])
    assert [answer.group_id for answer in backend.poll(1.0)] == [1]
    with pytest.raises(BackendLost, match=r"the engine cannot be reached.*make a new executor"):
        backend.poll(0.0)


class Forgetful(ManualExecutor):
    """Has one future for everything."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.given[0][0] if self.given else super().submit(function, *args, **kwargs)


def test_a_future_that_stands_for_another_group_already_is_refused() -> None:
    backend = opened(Forgetful(2))
    backend.submit(Group(1, range(3), []))
    with pytest.raises(OptionError, match=r"test_futures\.Forgetful\.submit\(\) returned .*: use another"):
        backend.submit(Group(2, range(3, 6), []))


def test_libraries_that_an_executor_has_loaded_already_get_their_threads_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Environment variables come too late for them."""
    pytest.importorskip("threadpoolctl")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def threads(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        from threadpoolctl import threadpool_info

        return {"threads": max(one["num_threads"] for one in threadpool_info())}

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        executor.submit(np.dot, np.ones((2, 2)), np.ones((2, 2))).result()
        options = {"verbose": 0, "threads_per_worker": 1, "isolate": False}
        with paramsurvey.Session(backend=executor, **options) as session:
            assert session.map(threads, [{"i": 1}])["threads"].tolist() == [1]


def test_a_parsl_that_has_given_up_ends_the_map_with_its_remedy() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    engine = SimpleNamespace(bad_state_is_set=False)
    executor._dfk = SimpleNamespace(executors={"htex": engine, "_parsl_internal": object()})  # type: ignore[attr-defined]
    assert list(backend.poll(0.0)) == []
    engine.bad_state_is_set = True
    with pytest.raises(BackendLost, match="block_error_handler=False"):
        backend.poll(0.0)


def test_a_parsl_whose_interchange_has_ended_ends_the_map() -> None:
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    codes = iter([None, -9])
    interchange = SimpleNamespace(poll=lambda: next(codes))
    engine = SimpleNamespace(bad_state_is_set=False, interchange_proc=interchange)
    executor._dfk = SimpleNamespace(executors={"htex": engine})  # type: ignore[attr-defined]
    assert list(backend.poll(0.0)) == []
    with pytest.raises(BackendLost, match=r"interchange .* has ended.*make a new executor"):
        backend.poll(0.0)


def test_futures_of_executorlib_are_not_cancelled_for_its_threads_would_die(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ManualExecutor, "__module__", "executorlib.executor.single")
    executor = ManualExecutor(2)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    backend.end_job()
    assert not executor.given[0][0].cancelled()


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("loky.reusable_executor", r"loky\.get_reusable_executor\(\) again"),
        ("executorlib.executor.single", "restart_limit="),
        ("somewhere", "make a new executor for what is missing, or use"),
    ],
)
def test_the_remedy_for_a_broken_executor_is_its_own(
    monkeypatch: pytest.MonkeyPatch, module: str, remedy: str
) -> None:
    monkeypatch.setattr(ManualExecutor, "__module__", module)
    executor = ManualExecutor(1)
    backend = opened(executor)
    backend.submit(Group(1, range(1), []))
    executor.given[0][0].set_exception(BrokenExecutor("a process was killed"))
    assert len(backend.poll(1.0)) == 1
    with pytest.raises(BackendLost, match=remedy):
        backend.poll(0.0)


def test_an_executor_whose_files_were_closed_is_given_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would write into whatever file has got their numbers since."""
    executor = ManualExecutor(1)
    backend = opened(executor)
    monkeypatch.setattr(MapLock, "is_ours", lambda self: False)
    with pytest.raises(BackendLost, match="closed file descriptors"):
        backend.submit(Group(1, range(1), []))
    assert executor.given == []
