"""What programs may write: mypy and pyright find nothing to say, and see these types."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, assert_type

import pandas as pd

import paramsurvey
from paramsurvey import MapProgress, MapResults, PerfStats, Session, params
from paramsurvey.backends import Backend
from paramsurvey.stats import record_wallclock
from paramsurvey.testing import BackendContract


def typed(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, float]:
    with record_wallclock("part", system_kwargs["raw_stats"]):
        return {"y": pset["x"] / user_kwargs["scale"]}


def untyped(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
    return {"y": pset["x"]}


def without_a_result(pset: Mapping[str, Any], system_kwargs: object, user_kwargs: object) -> None:
    print(pset["x"])


class Callable_:
    def __call__(self, pset: dict[str, Any], *rest: Any) -> dict[str, int]:
        return {"y": 1}


def collect(user_ret: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
    user_kwargs.append(user_ret)


def psets() -> Iterator[dict[str, int]]:
    yield {"x": 1}


paramsurvey.init(backend="multiprocessing", ncores=2, ray={"address": "auto"})
with ThreadPoolExecutor(2) as pool:
    paramsurvey.init(backend=pool)
for function in (typed, without_a_result):
    assert_type(paramsurvey.map(function, [{"x": 1}], user_kwargs={"scale": 2}), MapResults)
assert_type(paramsurvey.map(untyped, psets()), MapResults)
assert_type(paramsurvey.map(Callable_(), pd.DataFrame({"x": [1]}), collect), MapResults)
assert_type(paramsurvey.map(lambda pset, *rest: {"y": pset["x"]}, params.grid(x=range(3))), MapResults)
assert_type(paramsurvey.map(paramsurvey.keywords(lambda x: x + 1), params.grid(x=range(3))), MapResults)


def model(x: float, y: float = 1.0) -> float:
    return x * y


@paramsurvey.keywords(result="loss")
def loss(x: int) -> int:
    return x


wrapped = paramsurvey.keywords(model)
assert_type(wrapped(3.0, y=2.0), float)
assert_type(loss(3), int)
assert_type(paramsurvey.map(wrapped, psets()), MapResults)
assert_type(paramsurvey.map(paramsurvey.keywords(partial(model, y=2.0)), [{"x": 1}]), MapResults)
paramsurvey.map(loss, psets(), retry_on=(OSError, ValueError), max_worker_memory="2GB", chdir=Path("."))
paramsurvey.map(typed, psets(), timeout=None, retries=2, ray={"num_cpus": 2}, on_change="error")
paramsurvey.imap_unordered(loss, psets(), out_func=collect, stop_signals=["SIGTERM", "SIGUSR1"])
options: dict[str, Any] = {"verbose": 0}
paramsurvey.map(typed, psets(), **options)
paramsurvey.init(worker_init=dict, pslogger_prefix=None, pslogger_fd=sys.stdout, capture_output="store")

results = paramsurvey.map(typed, params.product({"x": [1, 2]}), out_func=collect, timeout=5.0)
plain: pd.DataFrame = results
assert_type(results.to_df(), pd.DataFrame)
assert_type(results.progress, MapProgress)
assert_type(results.progress.finished, int)
assert_type(results.stats, PerfStats)
assert_type(next(results.iterdicts()), dict[Any, Any])
assert_type(results.missing.to_psets(), pd.DataFrame)

for row in paramsurvey.imap_unordered(typed, psets()):
    assert_type(row, dict[str, Any])

assert_type(paramsurvey.last_results(), MapResults | None)
assert_type(paramsurvey.load("directory"), MapResults)
assert_type(paramsurvey.backend(), str)
assert_type(paramsurvey.current_core_count(), int)
assert_type(paramsurvey.current_resources(), list[dict[str, float]])
assert_type(paramsurvey.flatten_results([{"pset": {}, "result": {}}]), list[dict[str, Any]])
paramsurvey.finalize()

with Session(backend="serial") as session:
    assert_type(session.map(typed, psets()), MapResults)
    backend: Backend = session.backend
    assert_type(backend.capacity(), int)


class TestTheirs(BackendContract):
    backend = "theirs"
    processes = True
    test_a_lambda = None
