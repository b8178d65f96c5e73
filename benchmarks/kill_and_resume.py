"""A survey whose driver is killed with SIGKILL again and again, and started again each time.

    python benchmarks/kill_and_resume.py --rounds 200 --psets 150000   # at system calls
    python benchmarks/kill_and_resume.py [--rounds 50] [--psets 21000] [--seed 0] [--kill calls|times]

Where strace may trace (Linux; nobody has to be root), it kills the driver as it enters a system call with
which checkpoints are written: the n-th fsync, rename and so on of one of its threads, of which the seed
decides. Workers make none of these. A driver that makes no such call in time, and any where strace is
missing, is killed after a random time; that is printed.

The workers note every run of a pset in a file. After each kill, what the checkpoint holds is noted
as durable. In the end the results must be those of an undisturbed run, and no pset may have run
after it was durable.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import paramsurvey

KINDS = ("int", "text", "mixed")
CALLS = {  # what strace calls them ("?": a machine need not have it), and the largest n
    "fsync": ("?fsync,?fdatasync", 20),
    "rename": ("?rename,?renameat,?renameat2", 8),
    "unlink": ("?unlink,?unlinkat", 5),
    "link": ("?link,?linkat", 1),
    "mkdir": ("?mkdir,?mkdirat", 2),
}
LONGEST = 4.0  # seconds of work after which a driver is killed that has not made its call


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
    (directory / "driver").write_text(str(os.getpid()))
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


def start(
    count: int, round_: int, directory: Path, checkpoint: Path | None, tracer: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    command = [
        *tracer,
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


@dataclass(frozen=True)
class Death:
    """When a driver is killed: as it enters a system call, or after some seconds of work."""

    seconds: float
    call: str = ""
    number: int = 0

    @classmethod
    def drawn(cls, chance: random.Random, at_calls: bool) -> Death:
        if not at_calls:
            return cls(chance.uniform(0.0, 1.2))
        call = chance.choice(list(CALLS))
        return cls(LONGEST, call, chance.randint(1, CALLS[call][1]))

    def tracer(self) -> list[str]:
        """Return what stands before the command line."""
        if not self.call:
            return []
        calls = CALLS[self.call][0]
        inject = f"--inject={calls}:signal=KILL:when={self.number}"
        return ["strace", "-f", "-qqq", "-o", os.devnull, f"--trace={calls}", inject]


def can_trace() -> bool:
    """Tell whether strace is there and may kill a program as it enters a system call."""
    if shutil.which("strace") is None:
        return False
    with tempfile.TemporaryDirectory() as directory:
        command = [*Death(0, "mkdir", 1).tracer(), "mkdir", f"{directory}/new"]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL


def runs_of(directory: Path) -> list[tuple[int, int]]:
    """Return (round, pset) of every run that was noted."""
    notes = directory / "notes"
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [(int(one), int(other)) for one, other in (line.split() for line in lines)]


def kill_one(count: int, round_: int, directory: Path, checkpoint: Path, death: Death) -> str:
    """Start the survey, and have its driver killed; return how, or nothing where it came to its end."""
    before = len(runs_of(directory))
    driver = start(count, round_, directory, checkpoint, death.tracer())
    while driver.poll() is None and len(runs_of(directory)) == before:
        time.sleep(0.01)
    try:
        driver.wait(death.seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):  # not the tracer, without which the driver would go on
            os.kill(int((directory / "driver").read_text()), signal.SIGKILL)
        driver.wait()
        return f"after {death.seconds:.1f} s of work"
    return f"at {death.call} {death.number}" if driver.returncode == -signal.SIGKILL else ""


def torture(count: int, rounds: int, seed: int, at_calls: bool, directory: Path) -> list[str]:
    """Kill and resume; return what is wrong."""
    chance, checkpoint, wrong = random.Random(seed), directory / "checkpoint", []
    durable: dict[int, int] = {}  # pset -> the round after which it was
    kills = at_a_call = 0
    for round_ in range(rounds):
        how = kill_one(count, round_, directory, checkpoint, Death.drawn(chance, at_calls))
        if not how:
            break
        kills += 1
        at_a_call += how.startswith("at ")
        time.sleep(2.2)  # the workers of a killed driver exit by themselves
        stored = stored_psets(checkpoint)
        wrong += ["a pset is stored twice"] if len(set(stored)) < len(stored) else []
        for i in stored:
            durable.setdefault(i, round_)
        wrong += ["a durable pset has been lost"] if set(durable) - set(stored) else []
        files = len(list(checkpoint.rglob("*.parquet")))
        print(
            f"round {round_ + 1}: killed {how}; {len(stored)} of {count} psets durable in {files} files",
            flush=True,
        )
    print(f"{at_a_call} of {kills} kills were at system calls", flush=True)
    start(count, rounds, directory, checkpoint).wait()
    again = [i for round_, i in runs_of(directory) if round_ > durable.get(i, rounds)]
    wrong += [f"{len(again)} durable psets ran again"] if again else []
    wrong += [f"only {kills} of {rounds} kills: give more psets"] if kills < rounds else []
    return wrong + different(count, rounds, directory, checkpoint)


def stored_psets(checkpoint: Path) -> list[int]:
    """Return the psets whose results are durable; none where a driver died before there was a checkpoint."""
    if not (checkpoint / "run.json").exists():
        return []
    held = paramsurvey.load(checkpoint)
    return [int(i) for i in held.i] if len(held) else []


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
    parser.add_argument("--kill", choices=["calls", "times"], help="by default at calls, where strace can")
    parser.add_argument("--in", dest="directory", type=Path)
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive is not None:
        drive(given.psets, given.drive, given.checkpoint, given.directory)
        return 0
    at_calls = given.kill != "times" and can_trace()
    if given.kill == "calls" and not at_calls:
        parser.error("strace is not there, or may not trace: apt-get install strace, or --kill times")
    if not at_calls:
        print("kills come at random times: where strace can trace, they come at system calls", flush=True)
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        os.chdir(directory)
        begun = time.monotonic()
        wrong = torture(given.psets, given.rounds, given.seed, at_calls, Path(directory))
    print(*wrong, f"{'FAILED' if wrong else 'PASSED'} in {time.monotonic() - begun:.0f} s", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
