"""What a worker function finds around it: variables, modules, streams; and that it may start processes."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import pytest

from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs

PSETS = [{"a": i} for i in range(4)]
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@pytest.mark.parametrize("name", THREADS)
def test_numerical_libraries_use_one_thread_each(place: Place, name: str) -> None:
    results = place.map(lambda p, s, u: {"value": os.environ.get(u)}, PSETS, user_kwargs=name)
    assert set(results["value"]) == {"1"}


def test_a_worker_may_start_a_subprocess(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, str]:
        import subprocess

        command = [sys.executable, "-c", f"print({pset['a']} * 2)"]
        return {"text": subprocess.run(command, capture_output=True, text=True, check=True).stdout}

    assert place.map(worker, PSETS)["text"].tolist() == ["0\n", "2\n", "4\n", "6\n"]


@needs("processes")
def test_a_worker_may_start_a_pool_of_processes(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:
            return {"total": sum(pool.map(abs, [-pset["a"]] * 3))}

    assert place.map(worker, PSETS[:2])["total"].tolist() == [0, 3]


@needs("spawns")
def test_a_worker_may_use_a_process_pool_executor(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return {"total": sum(pool.map(abs, [-pset["a"]] * 3))}

    assert place.map(worker, PSETS[:2])["total"].tolist() == [0, 3]


def test_a_function_may_use_paramsurvey_itself(place: Place) -> None:
    def total(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import paramsurvey

        def times(inner: dict[str, Any], *rest: Any) -> dict[str, int]:
            return {"y": inner["x"] * pset["a"]}

        paramsurvey.init(ncores=1, verbose=0)
        psets = [{"x": x} for x in range(4)]
        mapped = paramsurvey.map(times, psets)["y"].tolist()
        iterated = sorted(row["y"] for row in paramsurvey.imap_unordered(times, psets))
        last = paramsurvey.last_results()
        assert last is not None
        paramsurvey.finalize()
        return {"mapped": mapped, "iterated": iterated, "last": len(last)}

    results = place.map(total, [{"a": 1}, {"a": 10}])
    assert results["mapped"].tolist() == results["iterated"].tolist() == [[0, 1, 2, 3], [0, 10, 20, 30]]
    assert results["last"].tolist() == [4, 4]


def test_a_worker_is_no_daemon(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, bool]:
        import multiprocessing

        return {"daemon": multiprocessing.current_process().daemon}

    assert not place.map(worker, PSETS)["daemon"].any()


def test_a_worker_may_start_threads(place: Place) -> None:
    def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            return {"total": sum(pool.map(abs, [-pset["a"]] * 3))}

    assert place.map(worker, PSETS)["total"].tolist() == [0, 3, 6, 9]


@needs("own_stdin")
def test_a_worker_reads_nothing_from_stdin(place: Place) -> None:
    results = place.map(lambda p, s, u: {"text": sys.stdin.read()}, PSETS)
    assert set(results["text"]) <= {""}


def test_modules_of_the_caller_are_found(place: Place, in_tmp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when they became importable after the workers had started."""
    name = f"module_of_{in_tmp.name}"
    (in_tmp / f"{name}.py").write_text(
        "def double(pset, system_kwargs, user_kwargs): return {'b': 2 * pset['a']}"
    )
    monkeypatch.syspath_prepend(in_tmp)
    assert place.map(importlib.import_module(name).double, PSETS)["b"].tolist() == [0, 2, 4, 6]


@needs("processes")
def test_the_streams_of_a_worker_are_real_files(place: Place) -> None:
    results = place.map(lambda p, s, u: {"fds": [sys.stdout.fileno(), sys.stderr.fileno()]}, PSETS)
    assert results["fds"].tolist() == [[1, 2]] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("end", ["return", "sys.exit(0)", "sys.exit(3)", "1 / 0"])
@needs("processes")
def test_a_process_that_a_function_forks_is_no_second_worker(place: Place, end: str, in_tmp: Any) -> None:
    """Not in this process: forking it with all its threads would be the test's fault."""

    def worker(pset: dict[str, Any], system_kwargs: Any, end: str) -> dict[str, Any]:
        pid = os.fork()
        if pid == 0:
            with open(f"forked{pset['a']}", "a") as file:
                file.write("x")
            if end != "return":
                exec(f"import sys; {end}")
            return {"code": "nobody shall see this"}
        return {"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}

    results = place.map(worker, PSETS, user_kwargs=end)
    assert set(results["code"]) == {{"return": 0, "sys.exit(0)": 0, "sys.exit(3)": 3, "1 / 0": 1}[end]}
    assert [path.read_text() for path in sorted(in_tmp.glob("forked*"))] == ["x"] * 4
