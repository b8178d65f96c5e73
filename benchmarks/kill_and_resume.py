"""A survey whose driver is killed with SIGKILL again and again, and started again each time.

    python benchmarks/kill_and_resume.py [--rounds 50] [--psets 21000] [--seed 0]

The workers note every run of a pset in a file. After each kill, what the checkpoint holds is noted
as durable. In the end the results must be those of an undisturbed run, and no pset may have run
after it was durable.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import paramsurvey

KINDS = ("int", "text", "mixed")


def work(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take a while, note the run, and return results of several kinds."""
    i = pset["i"]
    time.sleep(0.0005 * (i * 7919 % 40))
    with open(user_kwargs["notes"], "a") as notes:
        notes.write(f"{user_kwargs['round']} {i}\n")
    if i % 501 == 500:
        raise ValueError(f"pset {i} fails always")
    return {
        "square": i * i,
        "text": pset["kind"] * (i % 3),
        "mixed": i if i % 2 else i / 4,
        "curve": np.arange(i % 5, dtype=float),
        "more": {"i": i, "set": {i}},
    }


def psets_of(count: int) -> pd.DataFrame:
    psets = paramsurvey.params.product({"kind": list(KINDS), "x": np.linspace(0, 1, count // len(KINDS))})
    psets["i"] = range(len(psets))
    return psets


def drive(count: int, round_: int, checkpoint: str | None, directory: Path) -> None:
    """Run the survey in this process; its results are written when it comes to its end."""
    paramsurvey.init(verbose=0, ncores=4)
    results = paramsurvey.map(
        work,
        psets_of(count),
        checkpoint=checkpoint,
        on_change="ignore",
        user_kwargs={"notes": str(directory / "notes"), "round": round_},
    )
    results.to_df().to_pickle(directory / f"results-{round_}.pickle")
    results.missing.to_df()[["i", "_exception", "_attempts"]].to_pickle(
        directory / f"missing-{round_}.pickle"
    )


def start(count: int, round_: int, directory: Path, checkpoint: Path | None) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        __file__,
        "--drive",
        str(round_),
        "--psets",
        str(count),
        "--in",
        str(directory),
    ]
    return subprocess.Popen([*command, *(["--checkpoint", str(checkpoint)] if checkpoint else [])])


def runs_of(directory: Path) -> list[tuple[int, int]]:
    """Return (round, pset) of every run that was noted."""
    notes = directory / "notes"
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [(int(one), int(other)) for one, other in (line.split() for line in lines)]


def kill_one(count: int, round_: int, directory: Path, checkpoint: Path, seconds: float) -> bool:
    """Start the survey and kill its driver after some seconds of work; return False when it was faster."""
    before = len(runs_of(directory))
    driver = start(count, round_, directory, checkpoint)
    while driver.poll() is None and len(runs_of(directory)) == before:
        time.sleep(0.01)
    try:
        driver.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        return True


def torture(count: int, rounds: int, seed: int, directory: Path) -> list[str]:
    """Kill and resume; return what is wrong."""
    chance, checkpoint, wrong = random.Random(seed), directory / "checkpoint", []
    durable: dict[int, int] = {}  # pset -> the round after which it was
    kills = 0
    for round_ in range(rounds):
        if not kill_one(count, round_, directory, checkpoint, chance.uniform(0.0, 1.2)):
            break
        kills += 1
        time.sleep(2.2)  # the workers of a killed driver exit by themselves
        held = paramsurvey.load(checkpoint)
        stored = held.i.tolist() if len(held) else []
        wrong += ["a pset is stored twice"] if len(set(stored)) < len(stored) else []
        for i in stored:
            durable.setdefault(i, round_)
        wrong += ["a durable pset has been lost"] if set(durable) - set(stored) else []
        files = len(list(checkpoint.rglob("*.parquet")))
        print(
            f"round {round_ + 1}: killed; {len(stored)} of {count} psets durable in {files} files", flush=True
        )
    start(count, rounds, directory, checkpoint).wait()
    again = [i for round_, i in runs_of(directory) if round_ > durable.get(i, rounds)]
    wrong += [f"{len(again)} durable psets ran again"] if again else []
    wrong += [f"only {kills} of {rounds} kills: give more psets"] if kills < rounds else []
    return wrong + different(count, rounds, directory, checkpoint)


def different(count: int, rounds: int, directory: Path, checkpoint: Path) -> list[str]:
    """Compare the results, and what is loaded from the checkpoint, with an undisturbed run."""
    undisturbed = directory / "undisturbed"
    undisturbed.mkdir()
    start(count, 0, undisturbed, None).wait()
    wrong = []
    for what in ("results", "missing"):
        expected = pd.read_pickle(undisturbed / f"{what}-0.pickle")
        found = pd.read_pickle(directory / f"{what}-{rounds}.pickle")
        wrong += unequal(f"the {what}", expected, found)
    expected = pd.read_pickle(undisturbed / "results-0.pickle")
    return wrong + unequal("what is loaded", expected, paramsurvey.load(checkpoint).to_df())


def unequal(name: str, expected: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    try:
        pd.testing.assert_frame_equal(expected, found)
    except AssertionError as error:
        return [f"{name}: {error}"]
    return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--psets", type=int, default=21_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in", dest="directory", type=Path)
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive is not None:
        drive(given.psets, given.drive, given.checkpoint, given.directory)
        return 0
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        os.chdir(directory)
        begun = time.monotonic()
        wrong = torture(given.psets, given.rounds, given.seed, Path(directory))
    print(*wrong, f"{'FAILED' if wrong else 'PASSED'} in {time.monotonic() - begun:.0f} s", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
