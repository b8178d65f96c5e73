"""`results.seconds` and `results.timeline()`: when and where psets ran, of any map and any checkpoint."""

from __future__ import annotations

import pickle
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import paramsurvey
from paramsurvey.results.map_results import MapResults
from paramsurvey.worker.machine import host_name

FIXTURES = Path(__file__).parents[1] / "checkpoint" / "fixtures"
COLUMNS = ["pset", "worker", "host", "start", "seconds", "attempts", "failed"]


def busy(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Take some time; fail for i = 2, and for i = 4 at the first attempt."""
    began = time.time()
    time.sleep(0.002 * pset["i"])
    attempts = Path(f"tried-{pset['i']}")
    tried = attempts.stat().st_size if attempts.exists() else 0
    with attempts.open("ab") as file:
        file.write(b".")
    if pset["i"] == 2 or (pset["i"] == 4 and tried == 0):
        raise ValueError("no")
    return {"began": began, "took": time.time() - began}


@pytest.fixture
def results(in_tmp: Path) -> MapResults:
    paramsurvey.init(backend="multiprocessing", ncores=2, verbose=0)
    return paramsurvey.map(busy, [{"i": i} for i in range(8)], retries=1, checkpoint="run")


def check(results: MapResults) -> None:
    """Compare the times that were measured with those that the worker function has noted."""
    table = results.timeline()
    assert table.columns.tolist() == COLUMNS
    assert table["pset"].tolist() == list(range(8))
    assert table["failed"].tolist() == [i == 2 for i in range(8)]
    assert table["attempts"].tolist() == [2 if i in (2, 4) else 1 for i in range(8)]
    assert set(table["host"]) == {socket.gethostname()}
    assert set(table["worker"]) <= {1, 2}
    finished = table[~table["failed"]].reset_index()
    assert (finished["seconds"] >= results["took"]).all()
    start = finished["start"].astype("int64") / 1e6
    assert (start <= results["began"] + 0.001).all()
    # A busy machine stops a worker between two psets of a reply, too: the second then seems to begin earlier.
    assert (start >= results["began"] - 1).all()
    pd.testing.assert_series_equal(results.seconds, finished["seconds"])
    assert results.missing.seconds.tolist() == table[table["failed"]]["seconds"].tolist()
    assert results.missing.seconds[0] >= 0.004


def test_every_pset_has_its_seconds_worker_and_start(results: MapResults) -> None:
    check(results)


def test_a_checkpoint_has_them_too(results: MapResults) -> None:
    check(paramsurvey.load("run"))
    found = paramsurvey.scan("run").to_table().to_pandas().sort_values("i", ignore_index=True)
    expected = results.timeline()
    expected = expected[~expected["failed"]].reset_index(drop=True)
    for name in ("seconds", "worker", "host", "attempts"):
        assert found[f"_{name}"].tolist() == expected[name].tolist()
    assert (found["_start"] - expected["start"]).abs().max() < pd.Timedelta("5us")


def test_a_run_that_goes_on_has_those_of_the_first_run(results: MapResults) -> None:
    before = results.timeline().set_index("pset")
    again = paramsurvey.map(busy, [{"i": i} for i in range(10)], checkpoint="run")
    after = again.timeline().set_index("pset")
    old = [i for i in range(8) if i != 2]
    pd.testing.assert_frame_equal(after.loc[old].drop(columns="start"), before.loc[old].drop(columns="start"))
    assert after["seconds"].loc[[8, 9]].min() >= 0.016
    check_same_starts(after.loc[old], before.loc[old])


def check_same_starts(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert (one["start"] - other["start"]).abs().max() < pd.Timedelta("5us")


def test_they_survive_pickling(results: MapResults) -> None:
    check(pickle.loads(pickle.dumps(results)))


def test_a_column_named_seconds_is_still_the_column(in_tmp: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(lambda pset, system_kwargs, user_kwargs: {"seconds": 7}, [{"i": 1}])
    assert results.seconds.tolist() == [7]
    assert results.timeline()["seconds"][0] < 1


@pytest.mark.parametrize("number", [1, 2])
def test_checkpoints_of_older_versions_have_no_times(in_tmp: Path, number: int) -> None:
    shutil.copytree(FIXTURES / f"format-{number}", "old")
    results = paramsurvey.load("old")
    assert results.seconds.isna().all()
    assert len(results.seconds) == len(results)
    assert results.missing.seconds.isna().all()
    assert results.timeline().columns.tolist() == COLUMNS
    assert len(results.timeline()) == 0


def test_old_and_new_parts_of_a_checkpoint_are_merged(in_tmp: Path) -> None:
    from paramsurvey.checkpoint.format.part_files import live_parts, read_part
    from paramsurvey.checkpoint.format.part_table import PartTable, join_tables

    shutil.copytree(FIXTURES / "format-2", "old")
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(busy, [{"i": 1}], checkpoint="new")
    parts = [read_part(live_parts(Path(name) / "results")[0][0]) for name in ("old", "new")]
    times = PartTable(join_tables(parts)).times()
    assert np.isnan(times.seconds).tolist() == [True] * len(parts[0]) + [False]
    assert times.ran(len(parts[0])).host == socket.gethostname()


def test_without_results_there_are_no_times(in_tmp: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(busy, [{"i": i} for i in range(3)], keep_results=False)
    assert results.seconds.tolist() == []
    assert results.timeline()["pset"].tolist() == [2], "what failed is kept"


def test_a_pset_that_ran_too_long_and_one_that_crashed_have_times(in_tmp: Path) -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        time.sleep(0.05)
        if pset["i"] == 0:
            time.sleep(60)
        import os

        os._exit(3)

    paramsurvey.init(backend="multiprocessing", ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"i": 0}, {"i": 1}], timeout=1.0)
    seconds = results.missing.seconds
    assert seconds[0] >= 1
    assert 0.05 <= seconds[1] < 60
    timeline = results.timeline()
    assert sorted(timeline["worker"]) == [1, 2]
    assert set(timeline["host"]) == {host_name()}
