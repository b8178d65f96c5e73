"""The behaviours of all backends on engines that are daemons: Dask, Parsl, executorlib, and MPI.

The contract is kept by the same code on loky and process pools, see `test_backends.py`. Of the engines, Dask
is asked for all of it, because it looks into what it is given; the others for what they have a part in. Each
engine is started once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from paramsurvey import Session
from paramsurvey.errors import BackendLost
from paramsurvey.testing import BackendContract
from paramsurvey.testing.backend_contract import TESTS
from paramsurvey.testing.contract.faults import PSETS, faulty_at_one_pset, only_the_faulty_pset_is_missing
from paramsurvey.testing.waiting import runs, wait_until

HANG = 100.0  # seconds
SCRIPTS = str(Path(sys.executable).parent)  # the environment that runs the tests need not be on the PATH
SELECTED = {
    "test_a_worker_that_dies_costs_its_pset",
    "test_the_last_words_of_a_worker_are_kept",
    "test_many_dead_workers_cost_their_psets_alone",
    "test_a_pset_that_takes_too_long_is_stopped",
    "test_sys_exit_costs_its_pset_and_names_the_code",
    "test_retries_run_a_pset_again_until_it_finishes",
    "test_a_result_that_cannot_be_pickled_costs_that_pset_only",
    "test_what_it_returns_is_the_workers_own_and_made_once",  # worker_init
    "test_a_failure_in_it_ends_the_map_with_its_traceback",
}


class WholeEngineContract(BackendContract):
    """The contract, and what only an engine can be asked."""

    concurrent = processes = own_directory = own_stdin = spawns = replaces_workers = True
    executor: ClassVar[Executor]

    @classmethod
    @contextmanager
    def session(cls, **options: Any) -> Iterator[Session]:
        with Session(backend=cls.executor, **{"verbose": 0, **options}) as session:
            yield session

    def test_the_engine_says_how_many_workers_it_has(self, place: Any) -> None:
        wait_until(lambda: place.session.backend.core_count() == 2, "the count is another one")

    def test_what_psets_print_can_be_stored(self, place: Any) -> None:
        psets = [{"a": 1}, {"a": 2}]
        results = place.map(lambda pset, s, u: print("pset", pset["a"]), psets, capture_output="store")
        assert results.output_of(1) == "pset 2\n"

    def test_a_pset_that_needs_too_much_memory_is_stopped(self, place: Any) -> None:
        results = place.map(faulty_at_one_pset(devour), PSETS, max_worker_memory="300MB")
        assert "max_worker_memory" in only_the_faulty_pset_is_missing(results)["_exception"]

    def test_a_worker_runs_as_many_psets_as_it_may(self) -> None:
        with self.session(max_tasks_per_child=5) as session:
            results = session.map(lambda pset, s, u: {"pid": os.getpid()}, PSETS)
        assert results.groupby("pid").size().max() <= 5

    def test_ctrl_c_ends_what_runs_and_the_next_map_finds_the_engine_as_it_was(
        self, place: Any, in_tmp: Path
    ) -> None:
        """As at a terminal: a signal comes while two psets run that would take for ever."""

        def sleep_at_the_end(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
            if pset["i"] >= 8:
                Path(f"pid-{pset['i']}").write_text(str(os.getpid()))
                time.sleep(1000)
            return {"square": pset["i"] ** 2}

        def note(user_ret: Any, system_kwargs: Any, user_kwargs: Any) -> None:
            finished.append(user_ret["result"]["square"])

        def press_ctrl_c() -> None:
            wait_until(lambda: len(list(in_tmp.glob("pid-*"))) == 2, "the last two have not begun", HANG)
            wait_until(lambda: len(finished) == 8, "not all others have come back", HANG)
            os.kill(os.getpid(), signal.SIGINT)

        finished = list[int]()
        pressing = threading.Thread(target=press_ctrl_c)
        pressing.start()
        with pytest.raises(KeyboardInterrupt):
            place.map(sleep_at_the_end, [{"i": i} for i in range(10)], out_func=note, group_size=1)
        pressing.join(HANG)
        results = place.session.last_results()
        assert results["square"].tolist() == [i**2 for i in range(8)]
        assert results.missing["i"].tolist() == [8, 9]
        pids = [int(path.read_text()) for path in in_tmp.glob("pid-*")]
        wait_until(lambda: not any(map(runs, pids)), "what was running goes on", HANG)
        results = place.map(lambda pset, s, u: {"square": pset["i"] ** 2}, [{"i": i} for i in range(10)])
        assert results["square"].tolist() == [i**2 for i in range(10)]


def devour() -> None:
    held = os.urandom(500_000_000)
    time.sleep(1000)
    del held


class EngineContract(WholeEngineContract):
    """The selected tests, and what only an engine can be asked."""


assert TESTS.keys() >= SELECTED
for name in TESTS.keys() - SELECTED:
    setattr(EngineContract, name, None)


def kill_the_node_once(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
    if pset["i"] == 7 and not os.path.exists("killed"):
        open("killed", "w").close()
        os.kill(os.getppid(), 9)
    return {"square": pset["i"] ** 2}


class TestDask(WholeEngineContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def engine(cls) -> Iterator[None]:
        distributed = pytest.importorskip("distributed")
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            cls.executor, cls.client = client.get_executor(), client
            yield

    client: ClassVar[Any]

    def test_a_node_that_is_lost_costs_no_pset(self, place: Any, in_tmp: Path) -> None:
        """Dask itself runs elsewhere what the process had."""
        results = place.map(kill_the_node_once, [{"i": i} for i in range(20)], group_size=2)
        assert results["square"].tolist() == [i**2 for i in range(20)]
        assert (in_tmp / "killed").exists()
        self.client.wait_for_workers(2, timeout=HANG)


class TestParsl(EngineContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def engine(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        pytest.importorskip("parsl")
        from parsl.concurrent import ParslPoolExecutor
        from parsl.config import Config
        from parsl.executors import HighThroughputExecutor
        from parsl.providers import LocalProvider

        workers = HighThroughputExecutor(
            max_workers_per_node=2, provider=LocalProvider(init_blocks=1, max_blocks=1), address="127.0.0.1"
        )
        config = Config(executors=[workers], run_dir=str(tmp_path_factory.mktemp("parsl")))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
            with ParslPoolExecutor(config) as cls.executor:
                yield


class TestExecutorlib(EngineContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def engine(cls) -> Iterator[None]:
        executorlib = pytest.importorskip("executorlib")
        options = {"max_workers": 2, "block_allocation": True, "restart_limit": 2}
        with executorlib.SingleNodeExecutor(**options) as cls.executor:
            yield

    def test_a_process_that_is_lost_costs_no_pset(self, place: Any, in_tmp: Path) -> None:
        """With ``restart_limit=`` executorlib starts another, and runs there what the process had."""
        results = place.map(kill_the_node_once, [{"i": i} for i in range(20)], group_size=2)
        assert results["square"].tolist() == [i**2 for i in range(20)]
        assert (in_tmp / "killed").exists()

    def test_it_is_as_good_as_before_after_a_map_that_was_interrupted(self, place: Any) -> None:
        """Groups that wait then are not cancelled: its thread would end, and all later maps would hang."""

        def interrupt(user_ret: Any, system_kwargs: Any, user_kwargs: Any) -> None:
            raise KeyboardInterrupt

        def square(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
            return {"square": pset["i"] ** 2}

        psets = [{"i": i} for i in range(50)]
        with pytest.raises(KeyboardInterrupt):
            place.map(square, psets, group_size=1, out_func=interrupt)
        assert len(place.map(square, psets)) == 50


@pytest.mark.parametrize("options", [{}, {"disable_dependencies": True}])
def test_executorlib_that_is_shut_down_by_another_thread_ends_the_map(options: dict[str, Any]) -> None:
    """Until its shutdown returns, it accepts what it will never run, and waits for that itself."""
    executorlib = pytest.importorskip("executorlib")
    executor = executorlib.SingleNodeExecutor(max_workers=2, block_allocation=True, **options)
    ending = threading.Thread(target=executor.shutdown, kwargs={"wait": True, "cancel_futures": True})

    def shut_down(user_ret: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        if ending.ident is None:
            ending.start()

    def square(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
        time.sleep(0.01)
        return {"square": pset["i"] ** 2}

    with Session(backend=executor, verbose=0) as session:
        with pytest.raises(BackendLost, match=r"shut|after shutdown"):
            session.map(square, [{"i": i} for i in range(1000)], out_func=shut_down, group_size=1)
        results = session.last_results()
        assert results is not None
    ending.join(HANG)
    assert not ending.is_alive()
    assert len(results) > 0
    assert results["square"].tolist() == (results["i"] ** 2).tolist()
    assert set(results.missing.kinds()) == {"not run"}


WITHOUT_BLOCKS = """
import os, time
import executorlib, paramsurvey

def worker(pset, system_kwargs, user_kwargs):
    open(f"begun-{pset['i']}", "w").close()
    time.sleep(1000 if pset["i"] < 2 else 0)

with executorlib.SingleNodeExecutor(max_workers=2) as executor:
    paramsurvey.init(backend=executor, verbose=0)
    try:
        paramsurvey.map(worker, [{"i": i} for i in range(4)], group_size=1)
    except KeyboardInterrupt:
        print(paramsurvey.last_results().missing.kinds().tolist())
"""


def test_what_waits_in_executorlib_without_blocks_does_not_begin_after_ctrl_c(in_tmp: Path) -> None:
    """It starts a process for each group, even when the map is over."""
    pytest.importorskip("executorlib")
    driver = subprocess.Popen([sys.executable, "-c", WITHOUT_BLOCKS], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: len(list(in_tmp.glob("begun-*"))) == 2, "the first two have not begun", HANG)
    driver.send_signal(signal.SIGINT)
    assert driver.communicate(timeout=HANG)[0] == f"{['not run'] * 4}\n"
    assert {path.name for path in in_tmp.glob("begun-*")} == {"begun-0", "begun-1"}


MPI_PROGRAM = """
import json, os, signal, sys, threading, time
from mpi4py.futures import MPIPoolExecutor
import paramsurvey
from paramsurvey.testing.waiting import wait_until

def worker(pset, system_kwargs, fault):
    if pset["i"] == 7:
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "devour":
            held = os.urandom(500_000_000)
        if fault == "interrupt":
            open("running", "w").close()
        if fault != "none":
            time.sleep(1000)
    return {"square": pset["i"] ** 2}

def press_ctrl_c():
    wait_until(lambda: os.path.exists("running"), "the pset has not begun", 60)
    os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        paramsurvey.init(backend=executor, verbose=0)
        found = {"cores": paramsurvey.current_core_count()}
        for fault in ("none", "kill", "stuck", "devour", "interrupt", "none"):
            options = {"max_worker_memory": "300MB"} if fault == "devour" else {"timeout": 5}
            if fault == "interrupt":
                options = {"group_size": 1}
                threading.Thread(target=press_ctrl_c).start()
            try:
                paramsurvey.map(worker, [{"i": i} for i in range(20)], user_kwargs=fault, **options)
            except KeyboardInterrupt:
                assert fault == "interrupt"
            results = paramsurvey.last_results()
            missing = results.missing
            found[fault] = (results["square"].tolist(), missing["i"].tolist(), missing["_exception"].tolist())
        print(json.dumps(found))
"""


def test_on_mpi_a_pset_that_dies_or_is_stuck_costs_itself_alone_and_ctrl_c_ends_a_map(in_tmp: Path) -> None:
    """The program is started as users start it: ``mpiexec -n 3 python -m mpi4py.futures survey.py``."""
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec", path=SCRIPTS) or shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("no mpiexec is installed: pip install mpich")
    (in_tmp / "survey.py").write_text(MPI_PROGRAM)
    command = [mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures", "survey.py"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    squares = [i**2 for i in range(20)]
    others = [i**2 for i in range(20) if i != 7]
    assert found["cores"] == 2
    assert found["none"] == [squares, [], []]
    assert found["interrupt"][0] == [i**2 for i in range(20) if i not in found["interrupt"][1]]
    assert 7 in found["interrupt"][1]
    for fault, reason in [("kill", "SIGKILL"), ("stuck", "timeout=5"), ("devour", "max_worker_memory")]:
        values, missing, reasons = found[fault]
        assert (values, missing) == (others, [7])
        assert reason in reasons[0]
