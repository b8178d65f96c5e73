"""What can go wrong on Ray: workers, nodes and the head die, memory runs out, the driver is interrupted."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import exceptions as ray_exceptions
from ray.exceptions import OutOfMemoryError, RaySystemError

import paramsurvey
from conftest import runs, wait_until
from paramsurvey.backends.ray import backend
from paramsurvey.backends.ray.backend import RayBackend
from paramsurvey.backends.ray.connection import Connection
from paramsurvey.backends.ray.lost_tasks import LossesInARow
from paramsurvey.engine.options import Options
from paramsurvey.errors import BackendLost
from paramsurvey.transport.messages import FailureKind, Group, Job, Pset
from ray_programs import Program

HANG = 60.0  # seconds


def psets_of(count: int) -> list[dict[str, int]]:
    return [{"a": i} for i in range(count)]


@pytest.fixture
def here(ray_cluster: None) -> None:
    paramsurvey.init(backend="ray", verbose=0)


# a worker


def wait_for_the_gate(pset: Pset, system_kwargs: Any, directory: Path) -> dict[str, int]:
    """Leave the numbers of this process and of its Ray worker; return when the gate is open."""
    (directory / f"{pset['a']}-{os.getpid()}-{os.getppid()}").touch()
    deadline = time.monotonic() + HANG
    while not (directory / "gate").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"pid": os.getpid()}


def pids(directory: Path) -> Iterator[tuple[int, int, int]]:
    """Yield (pset, worker process, Ray worker) of everything that has begun."""
    for path in directory.glob("*-*-*"):
        pset, worker, ray_worker = path.name.split("-")
        yield int(pset), int(worker), int(ray_worker)


def kill_ray_worker(directory: Path) -> None:
    """When two psets run, kill the Ray worker of one of them, and open the gate."""
    wait_until(lambda: len(list(pids(directory))) >= 2, "two psets do not begin", HANG)
    _, worker, ray_worker = next(pids(directory))
    os.kill(ray_worker, signal.SIGKILL)
    wait_until(lambda: not runs(worker), "the worker process outlives its Ray worker")
    (directory / "gate").touch()


def test_a_ray_worker_that_is_killed_costs_nothing_but_time(here: None, in_tmp: Path) -> None:
    (in_tmp / "pids").mkdir()
    directory, by_value = in_tmp / "pids", wait_for_the_gate
    with ThreadPoolExecutor(1) as background:
        killed = background.submit(kill_ray_worker, directory)
        results = paramsurvey.map(
            lambda pset, system_kwargs, user_kwargs: by_value(pset, system_kwargs, user_kwargs),
            psets_of(6),
            user_kwargs=directory,
        )
        killed.result()
    assert results["a"].tolist() == list(range(6))
    assert results.progress.retried + results.progress.failures == 0, "no pset was the cause"


def test_a_ray_worker_that_is_stopped_costs_nothing_but_time(here: None, in_tmp: Path) -> None:
    """It can neither answer nor be cancelled; the driver's own deadline finds it, and it is killed."""
    pid_file = in_tmp / "stopped"

    def stop_the_ray_worker_once(pset: Pset, system_kwargs: Any, pid_file: Path) -> dict[str, int]:
        if pset["a"] == 3 and not pid_file.exists():
            pid_file.write_text(str(os.getppid()))
            os.kill(os.getppid(), signal.SIGSTOP)
        return {"b": pset["a"]}

    results = paramsurvey.map(
        stop_the_ray_worker_once, psets_of(20), user_kwargs=pid_file, timeout=1.0, group_size=2
    )
    assert results["b"].tolist() == list(range(20))
    assert results.progress.retried == 0
    stopped = int(pid_file.read_text())
    wait_until(lambda: not runs(stopped), "the Ray worker still holds its core", HANG)


def kill_the_ray_worker(pset: Pset, system_kwargs: Any, guilty: set[int]) -> dict[str, int]:
    if pset["a"] in guilty:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(HANG)
    return {"b": pset["a"]}


@pytest.mark.limit(300)  # each loss costs the start of a Ray worker, half a minute on a busy machine
def test_when_no_ray_worker_lives_long_enough_to_answer_the_map_ends(
    here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have taken three attempts for each of the psets, alone."""
    monkeypatch.setattr(backend, "MOST_LOSSES", 3)
    with pytest.raises(BackendLost, match=r"lost 3 times one after the other.*worker_init.*logs"):
        paramsurvey.map(kill_the_ray_worker, psets_of(50), user_kwargs=set(range(50)))
    results = paramsurvey.last_results()
    assert results is not None
    assert results.progress.total == 50


@pytest.mark.limit(300)
def test_a_pset_that_kills_its_ray_worker_costs_itself_alone(here: None) -> None:
    results = paramsurvey.map(kill_the_ray_worker, psets_of(30), user_kwargs={0})
    assert results["b"].tolist() == list(range(1, 30))
    assert results.missing.kinds().tolist() == ["node lost"]


def test_a_node_that_dies_with_many_groups_is_one_loss() -> None:
    losses = LossesInARow()
    for _ in range(64):
        losses.lost(total_before=0)
    assert losses.count == 1
    losses.lost(total_before=1)
    assert losses.count == 2
    losses.answered()
    losses.lost(total_before=1)
    assert losses.count == 0, "it was submitted before the last loss"
    losses.lost(total_before=2)
    assert losses.count == 1


# memory, nodes, and the head: each with a Ray of its own


def test_rays_own_end_of_a_worker_that_needs_too_much_memory_is_told_in_rays_words(
    ray_program: Program,
) -> None:
    """With such a threshold, every worker needs too much."""
    run = ray_program.run("""
        import time, paramsurvey

        limit = {"memory_usage_threshold": 0.001, "memory_monitor_refresh_ms": 100}
        paramsurvey.init(backend="ray", verbose=0, ncores=1, ray={**LOCAL, "_system_config": limit})
        results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: time.sleep(60), [{"a": 1}])
        say(results.missing["_exception"][0], results.missing["_attempts"][0])
        say("threshold" in results.missing["_traceback"][0])
        say(results.missing.summary())
    """)
    told, threshold, *_ = run.said
    assert re.fullmatch(  # Ray 2.9 says Task, and ends with a full stop
        r"OutOfMemoryError\('(the worker|Task) was killed due to the node running low on memory\.?'\) 2", told
    )
    assert threshold == "True"
    assert "out of memory" in run.output


class FakeTask:
    """Stands for a Ray task and for the generator of its answers: it never has one."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def __call__(self, function: Any) -> FakeTask:
        return self

    def remote(self, *arguments: Any) -> FakeTask:
        return FakeTask(self.options)

    def __iter__(self) -> FakeTask:
        return self

    def __next__(self) -> FakeTask:
        return self


class FakeRay:
    """A Ray with a node of 8 and one of 4 cores, in which every task dies for want of memory."""

    exceptions = ray_exceptions
    ObjectRef = type("ObjectRef", (), {})
    actor = SimpleNamespace(ActorHandle=type("ActorHandle", (), {}))

    def __init__(self) -> None:
        self.asked: list[float] = []

    def init(self) -> None:
        raise AssertionError("it is initialized")

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> FakeRay:
        return self

    def get_node_id(self) -> str:
        return "4"

    def get_job_id(self) -> str:
        return "1"

    def nodes(self) -> list[dict[str, Any]]:
        address = {"NodeManagerAddress": "localhost", "NodeManagerPort": self.port}
        return [
            {"NodeID": str(cores), "Alive": True, "Resources": {"CPU": float(cores)}, **address}
            for cores in (4, 8)
        ]

    def put(self, thing: object) -> object:
        return thing

    def remote(self, **options: Any) -> FakeTask:
        self.asked.append(options["num_cpus"])
        return FakeTask(options)

    def wait(self, tasks: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return tasks, []

    def get(self, answer: object) -> Any:
        raise OutOfMemoryError("1 worker(s) were killed due to memory")

    port = 0


def test_what_ran_when_memory_ran_out_is_run_again_alone_on_the_largest_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray ends workers until it guesses that enough is free, also workers that need little."""
    fake = FakeRay()
    with socket.create_server(("localhost", 0)) as server:
        fake.port = server.getsockname()[1]
        monkeypatch.setitem(sys.modules, "ray", fake)
        rays = RayBackend(Options(backend="ray", verbose=0), {})
        rays.open(Job(key="k", name="default", code=b"", chdir="."), {})
        rays.submit(Group(1, range(3), []))
        rays.submit(Group(2, range(3, 5), []))
        losses = list(rays.poll(1.0))
        assert {loss.failure.kind for loss in losses} == {FailureKind.OUT_OF_MEMORY}
        rays.submit(Group(3, range(1, 2), []))
        rays.submit(Group(4, range(7, 9), []))
        assert fake.asked == [1, 8]  # the last one is like the first
        rays.close()


def test_nodes_die_and_join_while_a_map_runs(ray_program: Program) -> None:
    run = ray_program.run("""
        import os, time, paramsurvey
        from ray.cluster_utils import Cluster

        cluster = Cluster(True, head_node_args=HEAD)
        dying = cluster.add_node(num_cpus=2)
        paramsurvey.init(backend="ray", verbose=0, ray={"address": cluster.address})
        say("at first", paramsurvey.current_core_count())
        state = {"nodes": set(), "events": 0}

        def where(pset, system_kwargs, user_kwargs):
            time.sleep(0.05)
            return {"node": os.environ["RAY_RAYLET_PID"]}

        def meddle(returned, system_kwargs, user_kwargs):
            state["nodes"].add(returned["result"]["node"])
            if state["events"] == 0 and len(state["nodes"]) == 2:
                cluster.remove_node(dying, allow_graceful=False)
                state["events"] = 1
            if state["events"] == 1 and paramsurvey.current_core_count() == 2:
                cluster.add_node(num_cpus=3)
                state["events"] = 2
            if len(state["nodes"]) == 3:
                gate.touch()

        import pathlib
        gate = pathlib.Path("gate").absolute()

        def psets():  # as many as it takes
            number = 0
            while not gate.exists() and number < 5000:
                yield {"a": number}
                number += 1

        results = paramsurvey.map(where, psets(), out_func=meddle)
        say("missing", len(results.missing), "nodes", results["node"].nunique(), results["a"].is_unique)
        say("at last", paramsurvey.current_core_count())
        paramsurvey.finalize()
        cluster.shutdown()
    """)
    assert run.said == ["at first 4", "missing 0 nodes 3 True", "at last 5"]


HEAD_DIES = """
    import os, time, paramsurvey
    from ray.cluster_utils import Cluster

    cluster = Cluster(True, head_node_args=HEAD)
    paramsurvey.init(backend="ray", verbose=0, ray={"address": cluster.address})

    def kill(returned, system_kwargs, user_kwargs):
        if returned["pset"]["a"] == 10:
            cluster.head_node.all_processes[VICTIM][0].process.kill()

    def wait(pset, system_kwargs, user_kwargs):
        time.sleep(0.1)
        return {"b": pset["a"]}

    try:
        paramsurvey.map(wait, [{"a": i} for i in range(10000)], out_func=kill)
    except paramsurvey.errors.BackendLost as error:
        say(error)
    results = paramsurvey.last_results()
    assert len(results) >= 10 and (results["a"] == results["b"]).all()
    assert results.progress.finished + results.progress.failures == 10000
    paramsurvey.finalize()
    say("the end")
    cluster.shutdown()
"""


@pytest.mark.parametrize(
    ("victim", "reason"),
    [
        ("gcs_server", "the head of the Ray cluster has been silent"),
        ("raylet", "the Ray node to which this program is connected has died"),
    ],
)
def test_the_death_of_the_head_ends_the_map_and_not_the_program(
    ray_program: Program, victim: str, reason: str
) -> None:
    run = ray_program.run(HEAD_DIES.replace("VICTIM", repr(victim)))
    told, end = run.said
    assert told.startswith(reason)
    assert "last_results()" in told
    assert end == "the end"


SHUT_DOWN = """
    import ray, paramsurvey

    def shut_down(returned, system_kwargs, user_kwargs):
        if returned["pset"]["a"] == 10:
            AGAIN

    def square(pset, system_kwargs, user_kwargs):
        return {"b": pset["a"] ** 2}

    ray.init(num_cpus=1, **LOCAL)
    paramsurvey.init(backend="ray", verbose=0, ray=LOCAL)
    try:
        paramsurvey.map(square, [{"a": i} for i in range(100)], out_func=shut_down, group_size=2)
    except paramsurvey.errors.BackendLost as error:
        say(error)
    results = paramsurvey.last_results()
    say(len(results) >= 10 and (results["b"] == results["a"] ** 2).all(), results.progress.total)
    say(ray.is_initialized())
    say(len(paramsurvey.map(square, [{"a": 1}])))
    paramsurvey.finalize()
    say(ray.is_initialized())
"""


@pytest.mark.parametrize(
    ("shut_down", "is_there"),
    [("ray.shutdown()", False), ("ray.shutdown(); ray.init(num_cpus=1, **LOCAL)", True)],
)
def test_ray_that_is_shut_down_while_a_map_runs_ends_it_and_is_not_started_again(
    ray_program: Program, shut_down: str, is_there: bool
) -> None:
    said = ray_program.run(SHUT_DOWN.replace("AGAIN", shut_down)).said
    assert said[0].startswith("the program has shut Ray down while this map ran")
    assert said[1:] == ["True 100", str(is_there), "1", str(is_there)], "another Ray is left as it is"


class EndedInBetween(FakeRay):
    """A Ray that another thread shuts down between two questions."""

    has_ended = False

    def get_job_id(self) -> str:
        if self.has_ended:
            raise RaySystemError("Ray has not been started yet.")
        return super().get_job_id()


def test_ray_that_is_shut_down_between_two_questions_is_no_open_connection() -> None:
    fake = EndedInBetween()
    connection = Connection(fake, {}, cores=1, verbose=0)
    assert connection.is_open()
    fake.has_ended = True
    assert not connection.is_open()
    with pytest.raises(BackendLost, match=r"shut Ray down.*when the map has ended"), connection.connected():
        pytest.fail("Ray was used")
    with pytest.raises(ConnectionError):
        connection.nodes()
    connection.close()


def test_an_error_of_ray_that_was_shut_down_while_it_worked_names_the_reason() -> None:
    fake = EndedInBetween()

    def use(connection: Connection) -> None:
        with connection.connected():
            fake.has_ended = True
            raise RaySystemError("Ray has not been started yet.")

    with pytest.raises(BackendLost, match="shut Ray down"):
        use(Connection(fake, {}, cores=1, verbose=0))


# the driver

DRIVER = """
    import os, sys, time
    import paramsurvey

    def stuck(pset, system_kwargs, directory):
        import ctypes, pathlib
        pathlib.Path(directory, f"{os.getpid()}").touch()
        if pset["a"] == 0:
            ctypes.PyDLL(None).sleep(1000)  # holds the interpreter's lock
        time.sleep(1000)

    paramsurvey.init(backend="ray", ncores=2, verbose=0, ray=LOCAL)
    paramsurvey.map(stuck, [{"a": i} for i in range(4)], user_kwargs=os.getcwd())
"""


def test_ctrl_c_ends_all_that_was_started(ray_program: Program, in_tmp: Path) -> None:
    driver = ray_program.start(DRIVER)
    wait_until(lambda: len([path for path in in_tmp.iterdir() if path.name.isdigit()]) == 2, "no begin", HANG)
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=HANG)
    assert "KeyboardInterrupt" in output
    ray_program.assert_nothing_left()


def test_sigterm_ends_the_map_as_elsewhere(ray_program: Program, in_tmp: Path) -> None:
    driver = ray_program.start(DRIVER)
    wait_until(lambda: len([path for path in in_tmp.iterdir() if path.name.isdigit()]) == 2, "no begin", HANG)
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate(timeout=HANG)
    assert driver.returncode == 128 + signal.SIGTERM
    assert "SIGTERM" not in output  # which Ray would report with its own stack
    ray_program.assert_nothing_left()


def test_when_the_driver_is_killed_all_that_was_started_ends(ray_program: Program, in_tmp: Path) -> None:
    driver = ray_program.start(DRIVER)
    wait_until(lambda: len([path for path in in_tmp.iterdir() if path.name.isdigit()]) == 2, "no begin", HANG)
    driver.kill()
    driver.communicate(timeout=HANG)
    ray_program.assert_nothing_left()
