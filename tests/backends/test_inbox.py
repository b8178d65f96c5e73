"""What finished before a pset that takes long does not wait for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import paramsurvey


def work(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    i = pset["i"]
    with open("ran", "a") as file:
        file.write(f"{i}\n")
    time.sleep(3.0 if i == user_kwargs else 0.0)
    if i == 3:
        raise ValueError("three")
    return {"twice": 2 * i} if i % 2 else {"half": i / 2}


PSETS = [{"i": i} for i in range(20)]


def test_it_is_durable_within_a_second(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    psets = iter(paramsurvey.imap_unordered(work, PSETS, user_kwargs=10, group_size=20, checkpoint="dir"))
    begun = time.monotonic()
    early = [next(psets)["i"] for _ in range(10)]
    assert time.monotonic() - begun < 2.0
    assert sorted(early) == list(range(10))
    time.sleep(0.5)
    loaded = paramsurvey.load("dir")
    assert loaded.i.tolist() == [i for i in range(10) if i != 3]
    assert loaded.missing.i.tolist() == [3]
    assert sorted(pset["i"] for pset in psets) == list(range(10, 20))


def test_every_result_is_there_once_and_every_time_counted(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(work, PSETS, user_kwargs=10, group_size=20)
    assert results.i.tolist() == [i for i in range(20) if i != 3]
    assert results.twice.dropna().tolist() == [2 * i for i in range(20) if i % 2 and i != 3]
    assert results.half.dropna().tolist() == [i / 2 for i in range(0, 20, 2)]
    assert results.missing.i.tolist() == [3]
    timer = results.stats.read_stats("default_wallclock")
    assert timer is not None
    assert timer[0] == 20


def test_it_does_not_run_again_when_the_long_one_is_stopped(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(work, PSETS, user_kwargs=10, group_size=20, timeout=1.5)
    assert results.missing.i.tolist() == [3, 10]
    assert sorted(map(int, Path("ran").read_text().split())) == list(range(20))


@pytest.mark.parametrize("long", [0, 19])
def test_the_first_and_the_last_of_a_group_may_be_long(in_tmp: Path, long: int) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    assert len(paramsurvey.map(work, PSETS, user_kwargs=long, group_size=20)) == 19
