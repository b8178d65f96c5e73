"""Many random maps with random faults: after each, every pset is accounted for exactly once.

Run as a program for the long version: ``python tests/soak.py --maps 1000``.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import paramsurvey

TIMEOUT = 1.0  # seconds: psets without a fault must stay far below it on a machine that is busy, too

BATCH_SHARE = 0.2  # of the maps whose function takes batches
MOST_IN_BATCHES = 40  # psets in such a map: each that kills its worker kills one for each halving

FAULTS = {
    "raise": 0.03,
    "exit": 0.006,
    "kill": 0.006,
    "crash": 0.002,
    "hang": 0.0005,
    "no dict": 0.01,
    "unsendable": 0.01,
    "unreadable": 0.002,
    "raise once": 0.02,
    "kill once": 0.006,
}
LASTING = {"raise", "exit", "kill", "crash", "hang", "no dict", "unsendable", "unreadable"}
REASONS = {
    "raise": "ValueError('asked for')",
    "exit": "exit code 3",
    "kill": "SIGKILL",
    "crash": "SIG",
    "hang": "timeout",
    "no dict": "must return a dict",
    "unsendable": "cannot be pickled",
    "unreadable": "return plain data instead",
}


class Unreadable:
    """Can be pickled, and not unpickled."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def faulty_worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> Any:
    """Do what ``pset['fault']`` says; note every run in a file."""
    attempt = count_run(Path(user_kwargs["directory"]) / f"{pset['i']}")
    fault = pset["fault"]
    if fault == "raise" or (fault == "raise once" and attempt == 1):
        raise ValueError("asked for")
    if fault == "exit":
        os._exit(3)
    if fault == "kill" or (fault == "kill once" and attempt == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "crash":
        ctypes.string_at(0)
    if fault == "hang":
        time.sleep(1000)
    if fault == "no dict":
        return attempt
    if fault == "unsendable":
        return {"value": (x for x in ())}
    if fault == "unreadable":
        return {"value": Unreadable()}
    if pset["nap"]:
        time.sleep(pset["nap"])
    return {"value": pset["i"] * 2} if pset["i"] % 3 else {"value": pset["i"] * 2, "extra": str(pset["i"])}


def faulty_batch(psets: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> Any:
    """Do what the psets' faults say, for all of them in one call."""
    values = []
    for i, fault, nap in zip(psets["i"].tolist(), psets["fault"], psets["nap"].tolist(), strict=True):
        pset = {"i": i, "fault": fault, "nap": nap / 100}
        if fault == "no dict":
            count_run(Path(user_kwargs["directory"]) / f"{i}")
            continue  # too few values
        values.append(faulty_worker(pset, system_kwargs, user_kwargs)["value"])
    return {"value": values}


def count_run(file: Path) -> int:
    """Return how often this was called for `file`."""
    with open(file, "ab") as stream:
        stream.write(b".")
        return stream.tell()


def random_psets(rng: random.Random) -> list[dict[str, Any]]:
    """Return up to a few hundred psets, some of which are faulty."""
    kinds, weights = ["none", *FAULTS], [1 - sum(FAULTS.values()), *FAULTS.values()]
    nap = rng.choice([0.0, 0.0, 0.001, 0.01])
    count = rng.choice([1, 3, 30, 100, 300])
    return [
        {"i": i, "fault": rng.choices(kinds, weights)[0], "nap": nap if rng.random() < 0.3 else 0.0}
        for i in range(count)
    ]


def random_options(rng: random.Random) -> dict[str, Any]:
    """Return options of a map that change how it runs, and not what comes out."""
    return {
        "group_size": rng.choice([None, None, 1, 7, 1000]),
        "retries": rng.choice([1, 2]),
        "timeout": TIMEOUT,
        "name": rng.choice(["default", "soak"]),
    }


def one_map(rng: random.Random, directory: Path) -> Counter[str]:
    """Run one random map, and check what came of every pset. Return how often each fault was there."""
    psets, options = random_psets(rng), random_options(rng)
    in_batches = rng.random() < BATCH_SHARE
    if in_batches:
        options |= {"group_size": None, "batch": rng.choice([True, 7, 1000])}
        psets = psets[:MOST_IN_BATCHES]
    worker = faulty_batch if in_batches else faulty_worker
    results = paramsurvey.map(worker, psets, user_kwargs={"directory": str(directory)}, **options)
    check(psets, results, in_batches)
    return Counter(pset["fault"] for pset in psets)


def check(psets: list[dict[str, Any]], results: paramsurvey.MapResults, in_batches: bool = False) -> None:
    """Fail unless every pset is in exactly one of results and missing, rightly."""
    good = [pset["i"] for pset in psets if pset["fault"] not in LASTING]
    bad = [pset["i"] for pset in psets if pset["fault"] in LASTING]
    wrong = results.missing[~results.missing["i"].isin(bad)]
    assert wrong.empty, f"should have finished:\n{wrong.to_string(max_rows=20)}"
    assert results["i"].tolist() == good, set(results["i"]).symmetric_difference(good)
    assert results.missing["i"].tolist() == bad
    if good:
        assert results["value"].tolist() == [2 * i for i in good]
        if "extra" in results:
            assert [i for i, there in zip(good, results["extra"].notna(), strict=True) if there] == [
                i for i in good if i % 3 == 0
            ]
    reasons = REASONS | {"no dict": "0 values"} if in_batches else REASONS
    for row in results.missing.iterdicts():
        assert reasons[row["fault"]] in row["_exception"], row
    progress = results.progress
    assert (progress.total, progress.active) == (len(psets), 0)
    assert (progress.finished, progress.failures) == (len(good), len(bad))


def soak(
    maps: int, seed: int, directory: Path, backend: Any = "multiprocessing", say: Any = None
) -> Counter[str]:
    """Run `maps` random maps; restart the session now and then with other options."""
    rng, faults = random.Random(seed), Counter[str]()
    for number in range(maps):
        if number % 10 == 0:
            tasks = rng.choice([None, None, None, 20, 100])
            paramsurvey.init(
                backend=backend, ncores=rng.choice([1, 2, 3]), max_tasks_per_child=tasks, verbose=0
            )
        place = directory / str(number)
        place.mkdir()
        faults += one_map(rng, place)
        if say and (number + 1) % 50 == 0:
            say(f"{number + 1} maps, faults so far: {dict(faults)}")
    return faults


def main() -> None:
    """Soak, and print what there was."""
    import faulthandler
    import tempfile

    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import leftovers, wait_until

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--backend", default="multiprocessing")
    arguments = parser.parse_args()
    print(f"soak: {arguments.maps} maps on {arguments.backend}, seed {arguments.seed}", flush=True)
    faulthandler.dump_traceback_later(60 + 5 * arguments.maps, exit=True)  # a hang is a failure
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        before, begun = leftovers(), time.monotonic()
        faults = soak(arguments.maps, arguments.seed, Path(directory), arguments.backend, print)
        paramsurvey.finalize()
        gc.collect()
        wait_until(lambda: not leftovers() - before, f"left behind: {leftovers() - before}")
    psets = sum(faults.values())
    print(
        f"{arguments.maps} maps, {psets} psets, {psets - faults['none']} of them faulty, "
        f"{time.monotonic() - begun:.0f} s: 0 hangs, 0 lost, 0 doubled, nothing left behind"
    )


if __name__ == "__main__":
    main()
