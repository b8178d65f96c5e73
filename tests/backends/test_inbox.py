"""What finished before a pset that takes long does not wait for it.

The long pset ends when a file is there, which a test writes when it has seen what it waits for: a reply that
came no earlier than the long pset would hang the test.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey import MapResults

GATE = Path("gate")  # the long pset ends when this file is there
LONG = 10


def work(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    i = pset["i"]
    with open("ran", "a") as file:
        file.write(f"{i}\n")
    while i == user_kwargs and not GATE.exists():
        time.sleep(0.01)
    if i == 3:
        raise ValueError("three")
    return {"twice": 2 * i} if i % 2 else {"half": i / 2}


def open_gate(*args: Any) -> None:
    GATE.touch()


PSETS = [{"i": i} for i in range(20)]


def stored() -> MapResults:
    return paramsurvey.load("dir")


def test_it_is_durable_before_the_long_one_ends(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    psets = iter(paramsurvey.imap_unordered(work, PSETS, user_kwargs=LONG, group_size=20, checkpoint="dir"))
    early = [next(psets)["i"] for _ in range(10)]
    assert sorted(early) == list(range(10))
    wait_until(lambda: len(stored()) == 9 and len(stored().missing) == 1, lambda: repr(stored()))
    assert stored().i.tolist() == [i for i in range(10) if i != 3]
    assert stored().missing.i.tolist() == [3]
    open_gate()
    assert sorted(pset["i"] for pset in psets) == list(range(10, 20))


def test_every_result_is_there_once_and_every_time_counted(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(work, PSETS, user_kwargs=LONG, group_size=20, out_func=open_gate)
    assert results.i.tolist() == [i for i in range(20) if i != 3]
    assert results.twice.dropna().tolist() == [2 * i for i in range(20) if i % 2 and i != 3]
    assert results.half.dropna().tolist() == [i / 2 for i in range(0, 20, 2)]
    assert results.missing.i.tolist() == [3]
    timer = results.stats.read_stats("default_wallclock")
    assert timer is not None
    assert timer[0] == 20


def test_it_does_not_run_again_when_the_long_one_is_stopped(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(work, PSETS, user_kwargs=LONG, group_size=20, timeout=3)
    assert results.missing.i.tolist() == [3, LONG]
    assert sorted(map(int, Path("ran").read_text().split())) == list(range(20))


def test_the_last_of_a_group_may_be_long(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    assert len(paramsurvey.map(work, PSETS, user_kwargs=19, group_size=20, out_func=open_gate)) == 19


def test_the_first_of_a_group_may_be_stopped(in_tmp: Path) -> None:
    paramsurvey.init(ncores=1, verbose=0)
    results = paramsurvey.map(work, PSETS, user_kwargs=0, group_size=20, timeout=1)
    assert results.missing.i.tolist() == [0, 3]


def waits_for_all_others(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
    """Pset `user_kwargs` of 60 ends after all others have: what waits behind it must run elsewhere."""
    with open("ran", "a") as file:
        file.write(f"{pset['i']}\n")
    if pset["i"] == user_kwargs:
        from paramsurvey.testing.waiting import wait_until

        wait_until(lambda: len(list(Path().glob("ended-*"))) == 59, "psets wait behind this one", seconds=60)
    time.sleep(0.01)
    Path(f"ended-{pset['i']}").touch()
    return {"twice": 2 * pset["i"]}


@pytest.mark.parametrize("long", [3, 30, 50])
def test_what_waits_behind_a_long_pset_goes_to_a_worker_that_has_nothing_to_do(
    in_tmp: Path, long: int
) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(waits_for_all_others, [{"i": i} for i in range(60)], user_kwargs=long)
    assert results.missing.empty
    assert results.twice.tolist() == list(range(0, 120, 2))
    assert sorted(map(int, Path("ran").read_text().split())) == list(range(60)), "each runs once"
