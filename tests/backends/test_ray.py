"""What is special about Ray: which cluster, a Ray worker's life, resources of maps and of psets."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import paramsurvey
from conftest import FakeClock, wait_until
from paramsurvey.backends.ray import connection
from paramsurvey.backends.ray.backend import RayBackend
from paramsurvey.backends.ray.connection import ClusterWatch, Connection, address_options, is_listening
from paramsurvey.backends.ray.ray_options import task_slots
from paramsurvey.engine.options import Options
from paramsurvey.errors import BackendMissing, BackendUnreachable, OptionError, ParamsurveyWarning
from paramsurvey.session.thread_variables import VARIABLES
from paramsurvey.transport.messages import Pset
from ray_programs import Program

HANG = 60.0  # seconds


@pytest.fixture
def here(ray_cluster: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Start paramsurvey on the Ray of this process, whatever sessions of other tests have set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def start(**options: Any) -> None:
        paramsurvey.init(backend="ray", **{"verbose": 0, **options})

    return start


def psets_of(count: int) -> list[dict[str, int]]:
    return [{"a": i} for i in range(count)]


def who(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"pid": os.getpid()}


# which cluster


def test_a_ray_that_runs_here_is_used_as_it_is_and_left_running(here: Callable[..., None]) -> None:
    import ray

    node = ray.get_runtime_context().get_node_id()
    here(ray={"num_cpus": 1})  # would be for a Ray to start
    assert paramsurvey.current_core_count() == 2
    assert len(paramsurvey.map(who, psets_of(10))) == 10
    paramsurvey.finalize()
    assert ray.get_runtime_context().get_node_id() == node


def test_without_any_cluster_a_local_ray_is_started_and_ended(ray_program: Program) -> None:
    """And at verbose=0 nothing at all is printed, not even by Ray."""
    run = ray_program.run("""
        import paramsurvey

        paramsurvey.init(backend="ray", ncores=2, ray=LOCAL, verbose=0)

        def double(pset, system_kwargs, user_kwargs):
            print("only a worker says this")
            return {"b": 2 * pset["a"]}

        results = paramsurvey.map(double, [{"a": i} for i in range(50)])
        assert results["b"].tolist() == [2 * i for i in range(50)]
        assert paramsurvey.current_core_count() == 2
        assert [node["num_cores"] for node in paramsurvey.current_resources()] == [2]
        assert "ray" in __import__("sys").modules
    """)
    assert run.output == ""
    ray_program.assert_nothing_left()


def test_what_workers_print_is_seen_and_surveys_may_follow_each_other(ray_program: Program) -> None:
    run = ray_program.run("""
        import time, paramsurvey

        def speak(pset, system_kwargs, user_kwargs):
            print("pset", pset["a"], "says hello", flush=True)

        for round in range(2):  # the second time, a new Ray is started
            paramsurvey.init(backend="ray", ncores=1, ray=LOCAL)
            paramsurvey.map(speak, [{"a": round}])
            time.sleep(1.5)  # Ray passes on what workers print once a second, and not what is left at its end
            paramsurvey.finalize()
    """)
    assert "pset 0 says hello" in run.output
    assert "pset 1 says hello" in run.output


def test_the_address_may_stand_in_the_options_in_the_environment_or_in_a_file(
    ray_program: Program, in_tmp: Path
) -> None:
    run = ray_program.run("""
        import os, paramsurvey
        from ray.cluster_utils import Cluster

        cluster = Cluster(True, head_node_args=HEAD)

        def survey(**options):
            paramsurvey.init(backend="ray", **{"verbose": 0, **options})
            results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"b": 1}, [{"a": 1}] * 3)
            say(len(results), paramsurvey.current_core_count())
            paramsurvey.finalize()

        survey(ray={"address": cluster.address})
        os.environ["RAY_ADDRESS"] = cluster.address
        survey()
        survey(ncores=1)
        del os.environ["RAY_ADDRESS"]
        with open("head", "w") as file:
            file.write(cluster.address + " password")
        os.environ["RAY_HEAD_FILE"] = "head"
        survey()
        del os.environ["RAY_HEAD_FILE"]
        survey()  # it is the last one that was started on this machine
        cluster.shutdown()
    """)
    assert run.said == ["3 2", "3 2", "3 1", "3 2", "3 2"]


def test_a_cluster_that_asks_for_a_token_is_shown_it_on_this_machine(
    ray_program: Program, in_tmp: Path
) -> None:
    token = in_tmp / "token"
    token.write_text("a-token-for-this-test")
    run = ray_program.run(
        """
        import os, paramsurvey
        from ray.cluster_utils import Cluster

        cluster = Cluster(True, head_node_args=HEAD)
        address = cluster.address

        program = f'''
        import paramsurvey
        paramsurvey.init(backend="ray", verbose=0, ray={{"address": "{address}"}})
        print(len(paramsurvey.map(lambda pset, system_kwargs, user_kwargs: None, [{{}}])))
        '''.replace("\\n        ", "\\n")
        import subprocess, sys
        env = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
        subprocess.run([sys.executable, "-c", program], check=True, env=env)
        cluster.shutdown()
        """,
        RAY_AUTH_TOKEN_PATH=str(token),
        RAY_AUTH_MODE="token",
    )
    assert run.output == "1\n"


def test_an_address_where_nobody_answers_is_named() -> None:
    with pytest.raises(BackendUnreachable, match=r"127\.0\.0\.1:1 cannot be used .*nothing listens there"):
        Connection(NoRay(), {"address": "127.0.0.1:1"}, cores=1, verbose=0)


def test_an_address_where_somebody_listens_and_says_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "FIRST_WORD_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BackendUnreachable, match=rf"{address} cannot be used .*has said nothing"):
            Connection(NoRay(), {"address": address}, cores=1, verbose=0)


@pytest.mark.parametrize("where", ["options", "environment"])
def test_ray_client_is_refused_by_name_with_the_remedy(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    address = "ray://127.0.0.1:10001"
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.delenv("RAY_HEAD_FILE", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", address)
    own = {"address": address} if where == "options" else {}
    with pytest.raises(BackendUnreachable, match=rf"{address} is .* Ray Client.*such as host:6379"):
        Connection(NoRay(), own, cores=1, verbose=0)


def test_a_program_that_uses_ray_client_already_is_told_so() -> None:
    client = SimpleNamespace(ray=SimpleNamespace(is_connected=lambda: True))
    ray = SimpleNamespace(is_initialized=lambda: True, util=SimpleNamespace(client=client))
    with pytest.raises(BackendUnreachable, match="Ray Client"):
        Connection(ray, {}, cores=1, verbose=0)


class NoRay:
    """A Ray that is not initialized, and must not be."""

    def is_initialized(self) -> bool:
        return False


def test_the_head_file_is_preferred_to_what_ray_would_find(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(in_tmp))
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:1")
    assert address_options({}) == {"address": "192.0.2.1:1"}
    (in_tmp / ".ray-head-details").write_text("192.0.2.2:2\n")
    assert address_options({}) == {"address": "192.0.2.2:2"}
    (in_tmp / "head").write_text("192.0.2.3:3 secret\n")
    monkeypatch.setenv("RAY_HEAD_FILE", str(in_tmp / "head"))
    assert address_options({}) == {"address": "192.0.2.3:3", "_redis_password": "secret"}
    assert address_options({"address": "192.0.2.4:4"}) == {"address": "192.0.2.4:4"}


@pytest.mark.parametrize("content", [None, "", "one two three"])
def test_a_head_file_that_is_none_is_an_error(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (in_tmp / "head").write_text(content)
    monkeypatch.setenv("RAY_HEAD_FILE", str(in_tmp / "head"))
    with pytest.raises(BackendUnreachable, match=r"RAY_HEAD_FILE|'address password'"):
        address_options({})


@pytest.mark.parametrize("address", [None, "", "nonsense", "127.0.0.1:1", "127.0.0.1:x"])
def test_nobody_answers_at_an_address_that_is_none(address: str | None) -> None:
    assert not is_listening(address)


def test_without_ray_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendMissing, match=r"pip install 'paramsurvey\[ray\]'"):
        paramsurvey.init(backend="ray", verbose=0)
    assert issubclass(BackendMissing, ValueError)


@pytest.mark.parametrize(
    ("options", "message"), [({"adress": "auto"}, "did you mean 'address'"), ({"num_core": 2}, "'num_cores'")]
)
def test_an_unknown_option_of_init_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        paramsurvey.init(backend="ray", ray=options, verbose=0)


# resources of a map, and of a pset


def see(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"threads": os.environ["OMP_NUM_THREADS"], "own": system_kwargs.get("ray"), "pid": os.getpid()}


def test_a_map_may_ask_for_more_cores_per_worker(here: Callable[..., None]) -> None:
    here()
    results = paramsurvey.map(see, psets_of(20), ray={"num_cores": 2, "name": "wide"})
    assert set(results["threads"]) == {"2"}
    assert set(paramsurvey.map(see, psets_of(20))["threads"]) == {"1"}


def test_a_pset_may_ask_for_more_cores(here: Callable[..., None]) -> None:
    here()
    psets = [{"a": i, **({"ray": {"num_cores": 2}} if i % 3 == 0 else {})} for i in range(12)]
    results = paramsurvey.map(see, psets)
    assert results["threads"].tolist() == ["2" if i % 3 == 0 else "1" for i in range(12)]
    assert results["own"][0] == {"num_cpus": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_cpu": 1}, "'num_cpu'; did you mean 'num_cpus'"),
        ({"retries": 1}, "'retries'"),
        ({"num_cpus": -1}, "num_cpus=-1"),
        ({"num_gpus": "many"}, "num_gpus='many'"),
        ({"memory": float("nan")}, "memory=nan"),
        ({"name": 3}, "name=3"),
    ],
)
def test_wrong_options_are_named_before_any_work(
    here: Callable[..., None], in_tmp: Path, options: dict[str, Any], message: str
) -> None:
    here()

    def leave_a_trace(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> None:
        Path(f"{in_tmp}/trace").touch()

    with pytest.raises(OptionError, match=message):
        paramsurvey.map(leave_a_trace, psets_of(2), ray=options)
    with pytest.raises(OptionError, match=message):
        paramsurvey.map(leave_a_trace, [{"a": 1}, {"a": 2, "ray": options}])
    assert not (in_tmp / "trace").exists()


def test_what_no_node_of_a_ray_of_our_own_will_ever_have_is_refused(ray_program: Program) -> None:
    run = ray_program.run("""
        import paramsurvey
        paramsurvey.init(backend="ray", ncores=1, ray={**LOCAL, "num_gpus": 0}, verbose=0)
        for options in ({"num_gpus": 1}, {"num_cpus": 2}, {"memory": 1e15}):
            try:
                paramsurvey.map(lambda pset, system_kwargs, user_kwargs: None, [{"a": 1}], ray=options)
            except ValueError as error:
                print(error)
            try:
                paramsurvey.map(lambda pset, system_kwargs, user_kwargs: None, [{"a": 1, "ray": options}])
            except ValueError as error:
                print(error)
    """)
    assert len(run.output.splitlines()) == 6
    assert run.output.count("num_gpus=1") == 2


def test_what_no_node_of_a_cluster_has_is_waited_for_with_a_warning(here: Callable[..., None]) -> None:
    here(verbose=1)

    def interrupt() -> Iterator[Pset]:
        yield {"a": 1}
        raise KeyboardInterrupt

    warning = pytest.warns(ParamsurveyWarning, match=r"no node of the cluster has num_cpus=50.*one joins")
    with warning, pytest.raises(KeyboardInterrupt):
        paramsurvey.map(see, interrupt(), ray={"num_cpus": 50})


def test_a_module_that_was_reloaded_is_loaded_again(
    here: Callable[..., None], in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(in_tmp)
    source = in_tmp / "reloaded_on_ray.py"
    source.write_text("def work(pset, system_kwargs, user_kwargs): return {'y': 1}\n")
    module = importlib.import_module("reloaded_on_ray")
    here()
    assert set(paramsurvey.map(module.work, psets_of(4))["y"]) == {1}
    source.write_text("def work(pset, system_kwargs, user_kwargs): return {'y': 'another'}\n")
    importlib.reload(module)
    assert set(paramsurvey.map(module.work, psets_of(4))["y"]) == {"another"}
    del sys.modules["reloaded_on_ray"]


def test_ncores_limits_how_much_of_a_cluster_is_used(here: Callable[..., None], in_tmp: Path) -> None:
    here(ncores=1)
    assert paramsurvey.current_core_count() == 1

    def alone(pset: Pset, system_kwargs: Any, lock: Path) -> None:
        lock.mkdir()  # fails when another pset runs at this time
        time.sleep(0.05)
        lock.rmdir()

    results = paramsurvey.map(alone, psets_of(8), user_kwargs=in_tmp / "lock", group_size=1)
    assert results.missing.empty
    here(ncores=-1)
    assert paramsurvey.current_core_count() == 1


NODE = {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0, "memory": 100.0}}


@pytest.mark.parametrize(
    ("options", "slots"),
    [
        ({"num_cpus": 1}, 8),
        ({"num_cpus": 3}, 2),
        ({"num_cpus": 9}, 0),
        ({"num_cpus": 0.5}, 16),
        ({"num_cpus": 1, "num_gpus": 1}, 2),
        ({"num_cpus": 1, "num_gpus": 0.5}, 4),
        ({"num_cpus": 1, "memory": 30}, 3),
        ({"num_cpus": 0}, 8),
        ({"num_cpus": 0, "num_gpus": 1}, 2),
    ],
)
def test_a_node_takes_as_many_tasks_as_its_scarcest_resource_allows(
    options: dict[str, Any], slots: int
) -> None:
    assert task_slots(NODE, options) == slots


# a worker's life


def test_a_worker_is_replaced_after_so_many_psets(here: Callable[..., None]) -> None:
    here(max_tasks_per_child=1)
    assert paramsurvey.map(who, psets_of(10))["pid"].nunique() == 10
    here(max_tasks_per_child=3)
    assert paramsurvey.map(who, psets_of(9))["pid"].value_counts().max() <= 3


def test_workers_are_kept_between_maps(here: Callable[..., None]) -> None:
    here()
    pids = [set(paramsurvey.map(who, psets_of(200))["pid"]) for _ in range(3)]
    assert set.union(*pids) == pids[0] | pids[1]  # two cores: two workers, whichever came first


def test_workers_make_no_log_and_do_as_workers_do_elsewhere(here: Callable[..., None], in_tmp: Path) -> None:
    here()

    def look(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        paramsurvey.map(lambda pset, system_kwargs, user_kwargs: None, [{}], verbose=0)
        return {"worker": os.environ["PARAMSURVEY_WORKER"], "where": os.getcwd()}

    results = paramsurvey.map(look, psets_of(2), group_size=1)
    assert set(results["worker"]) == {"1"}
    assert set(results["where"]) == {str(in_tmp)}
    assert len(list(in_tmp.glob(".paramsurvey-*.log"))) == 1


def test_modules_beside_the_program_are_found(
    here: Callable[..., None], in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_tmp / "aside").mkdir()
    (in_tmp / "aside" / "my_models.py").write_text(
        "def model(pset, system_kwargs, user_kwargs):\n    return {'b': pset['a'] + 1}\n"
    )
    monkeypatch.syspath_prepend(in_tmp / "aside")
    here()
    import my_models

    assert paramsurvey.map(my_models.model, psets_of(3))["b"].tolist() == [1, 2, 3]


def test_a_function_may_use_the_same_ray(here: Callable[..., None]) -> None:
    import ray

    here()

    def use_ray(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import ray

        ray.init(log_to_driver=False, logging_level="error")
        return {"nodes": [node["NodeID"] for node in ray.nodes()]}

    results = paramsurvey.map(use_ray, psets_of(1))
    assert results["nodes"][0] == [node["NodeID"] for node in ray.nodes()]


def test_references_may_be_in_arguments_closures_and_psets_and_returned(here: Callable[..., None]) -> None:
    import ray

    here()
    enclosed = ray.put(100)

    def add(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        total = sum(ray.get([pset["r"], user_kwargs["r"], enclosed]))
        return {"total": total, "again": pset["r"], "new": ray.put(total)}

    psets = [{"r": ray.put(i)} for i in range(3)]
    results = paramsurvey.map(add, psets, user_kwargs={"r": ray.put(10)})
    assert results["total"].tolist() == [110, 111, 112]
    assert ray.get(results["again"].tolist()) == [0, 1, 2]
    assert ray.get(results["new"].tolist()) == [110, 111, 112]


def test_a_worker_is_initialized_once_and_its_memory_is_watched(here: Callable[..., None]) -> None:
    here(worker_init=os.getpid)

    def grow(pset: Pset, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        if pset["a"] == 1:
            waste = bytearray(b"x") * 1_000_000_000
            time.sleep(HANG)
            del waste
        return {"state": system_kwargs["worker_state"] == os.getpid()}

    results = paramsurvey.map(grow, psets_of(4), max_worker_memory="500MB")
    assert results["state"].tolist() == [True, True, True]
    assert "max_worker_memory" in results.missing["_exception"][0]


def test_what_psets_print_may_be_stored(here: Callable[..., None]) -> None:
    here()
    results = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: print("I am", pset["a"]), psets_of(3), capture_output="store"
    )
    assert [results.output_of(i) for i in range(3)] == ["I am 0\n", "I am 1\n", "I am 2\n"]


def test_a_fixed_group_stays_together(here: Callable[..., None]) -> None:
    here()
    pids = paramsurvey.map(who, psets_of(12), group_size=4)["pid"].tolist()
    assert [len(set(pids[start : start + 4])) for start in (0, 4, 8)] == [1, 1, 1]


# the pieces


def test_the_watch_knows_since_when_nobody_answers(clock: FakeClock) -> None:
    silent, asked = [], threading.Semaphore(0)

    def ask() -> list[dict[str, Any]]:
        asked.release()
        if silent:
            raise ConnectionError
        return [NODE, {**NODE, "Alive": False}]

    watch = ClusterWatch(ask, clock)
    try:
        assert watch.nodes(10.0) == [NODE]
        wait_until(lambda: watch.silence() == 0, "it does not ask again")
        silent.append(True)
        while asked.acquire(blocking=False):
            pass
        asked.acquire(timeout=10)  # what was asked before may be answered still
        asked.acquire(timeout=10)
        watch.silence()
        for _ in range(20):
            clock.now += 0.5
            watch.silence()
        assert watch.silence() == 10
        clock.now += 1000  # nobody looked: perhaps nobody could
        assert watch.silence() == 11
        silent.clear()
        wait_until(lambda: watch.silence() == 0, "it takes an answer for none")
    finally:
        watch.close()


def test_the_watch_counts_what_was_waited_for_a_first_answer_as_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a map whose head never answers waits in each of its rounds, and takes minutes to give up."""
    monkeypatch.setattr(connection, "ASK_SECONDS", 0.001)
    gate = threading.Event()

    def ask() -> list[dict[str, Any]]:
        gate.wait(HANG)
        return [NODE]

    watch = ClusterWatch(ask)
    try:
        assert watch.nodes(0.05) == watch.nodes(0.05) == []
        assert watch.silence() >= 0.1
        gate.set()
        assert watch.nodes(HANG) == [NODE]
        wait_until(lambda: watch.silence() == 0, "it takes an answer for none")
    finally:
        gate.set()
        watch.close()


def test_options_are_checked_without_ray_work(ray_cluster: None) -> None:
    backend = RayBackend(Options(backend="ray", verbose=0), {})
    assert backend.check_options({"num_cores": 2, "memory": 1e9, "name": "x"}) == {
        "num_cpus": 2,
        "memory": 1e9,
        "name": "x",
    }
    backend.close()
    backend.close()


def test_a_pset_that_changes_its_ray_options_changes_those_of_no_other(here: Callable[..., None]) -> None:
    def worker(pset: Pset, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        options = dict(system_kwargs["ray"])
        system_kwargs["ray"].clear()
        return {"cpus": options.get("num_cpus")}

    here()
    psets = [{"a": i, "ray": {"num_cpus": 1}} for i in range(6)]
    assert paramsurvey.map(worker, psets, user_kwargs={"x": 1})["cpus"].tolist() == [1] * 6


def test_get_gpu_ids_in_a_pset_says_what_ray_has_assigned(ray_program: Program) -> None:
    """Also where the function connects to the cluster itself; and without a GPU there are none."""
    run = ray_program.run("""
        import os, paramsurvey, ray

        ray.init(**{**HEAD, "num_gpus": 2, "log_to_driver": False})
        paramsurvey.init(backend="ray", verbose=0)

        def worker(pset, system_kwargs, user_kwargs):
            import ray
            before = ray.get_gpu_ids()
            if pset["a"] == 1:
                ray.init(log_to_driver=False)
            return {"ids": [before, ray.get_gpu_ids()], "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}

        psets = [{"a": a} for a in range(2)]
        for row in paramsurvey.map(worker, psets, ray={"num_gpus": 1}).itertuples():
            one, two = row.ids
            say(one == two, len(one), row.visible == str(one[0]))
        say(paramsurvey.map(worker, psets[:1])["ids"][0])
    """)
    assert run.said == ["True 1 True", "True 1 True", "[[], []]"]


def test_each_nested_worker_has_a_number_of_its_own(here: Callable[..., None]) -> None:
    def worker(pset: Pset, system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
        import multiprocessing

        time.sleep(0.05)
        identity = multiprocessing.current_process()._identity
        return {"number": system_kwargs["worker_number"], "identity": identity, "pid": os.getpid()}

    here()
    found = paramsurvey.map(worker, psets_of(20), group_size=1)
    assert [(number,) for number in found["number"]] == found["identity"].tolist()
    assert found.drop_duplicates("pid")["number"].is_unique
