"""What the live page costs: the survey's process, and the page's memory.

Usage: python benchmarks/live_page.py [--psets N]

Tabs: the processor time of the process that runs a survey of tiny psets into a checkpoint: alone, with a
page, with a page that is open in 20 tabs, and, to compare, beside a process that has nothing to do with it,
never rests, and has the page's priority; by turns.
Telling: what the survey's process does once a second for others, with many workers that run many psets; as a
part of one core.
Reloads: the page of a survey is loaded again and again; its memory must not grow.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from common import HEAD, Row, machine, median_ratio
from tabs import Tab, open_tabs
from throughput import add, integers

import paramsurvey
from paramsurvey.checkpoint.run_json.live_file import NAME, write_live
from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.live_page.serving import NICE
from paramsurvey.reporting.outlook import OutlookMaker
from paramsurvey.worker.machine import host_name

TOLD = 100  # times
MOST_CPU = 0.01
RELOADS = 1000
WARM_UP = 100
MOST_GROWTH = 20e6  # bytes
COUNT = 3_000_000
TABS = 20
ROUNDS = 8
BUSY = "any busy process of the page's priority"


class ManyWorkers:
    """As many workers as are told of, which are processes of this machine and run a pset each."""

    def __init__(self, pids: list[int]) -> None:
        self._places = [(WorkerPlace(at, pid, host_name()), at) for at, pid in enumerate(pids)]

    def running(self) -> list[tuple[int, float]]:
        return [(number, 100.0 - number) for number in range(100)]

    def workers(self) -> list[tuple[WorkerPlace, int | None]]:
        return list(self._places)

    def core_count(self) -> int:
        return 100

    def pset(self, row: int) -> dict[str, Any]:
        return {"alpha": row / 7, "beta": row % 5, "kind": "rbf", "seed": row * 1000}


def telling(directory: Path) -> Row:
    """Tell of a survey again and again, and measure one time."""
    started = [subprocess.Popen(["sleep", "600"]) for _ in range(100)]
    survey = ManyWorkers([process.pid for process in started])
    second = 0
    maker = OutlookMaker(lambda: float(second))
    begun = time.process_time()
    for second in range(TOLD):  # noqa: B007  (the clock)
        write_live(directory, {"written": "", "started": ""}, maker.make(survey, 1e6, (1.0, 2.0), []))
    share = (time.process_time() - begun) / TOLD
    for process in started:
        process.kill()
        process.wait()
    size = (directory / NAME).stat().st_size
    return Row(
        "telling others once a second: 100 workers, each with a pset",
        f"{share:.2%} of a core, {size / 1000:.0f} kB",
        f"< {MOST_CPU:.0%}",
        share < MOST_CPU,
    )


def square(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    return {"y": pset["a"] ** 2 + pset["b"]}


def reloads(directory: Path) -> Row:
    """Load a survey's page many times."""
    psets = [{"a": a, "b": b, "c": c} for a in range(20) for b in range(20) for c in range(10)]
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        session.map(square, psets, checkpoint=directory / "out")
    with shown(directory / "out") as (page, address):
        tab = Tab(address)
        while "It is being computed" in tab.load("/"):
            time.sleep(0.5)
        before = _memory_after(WARM_UP, tab, page.pid)
        begun = time.perf_counter()
        after = _memory_after(RELOADS, tab, page.pid)
        each = (time.perf_counter() - begun) / RELOADS
    return Row(
        f"{RELOADS:,} reloads of a page",
        f"{(after - before) / 1e6:+.1f} MB ({after / 1e6:.0f} MB in all; {each * 1000:.0f} ms each)",
        f"≤ +{MOST_GROWTH / 1e6:.0f} MB",
        after - before <= MOST_GROWTH,
    )


def _memory_after(times: int, tab: Tab, pid: int) -> int:
    for _ in range(times):
        tab.load("/")
        tab.load("/now")
    return int(psutil.Process(pid).memory_info().rss)


@contextmanager
def shown(checkpoint: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The page of a checkpoint, and its address."""
    boot = f"from paramsurvey.live_page.serving import main; main({str(checkpoint)!r})"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", boot], text=True, **pipes) as page:  # type: ignore[call-overload]
        try:
            yield page, page.stdout.readline().strip()
        finally:
            page.stdin.close()


def tabs(directory: Path, count: int = COUNT, rounds: int = ROUNDS, opened: int = TABS) -> Row:
    """Run a survey of tiny psets alone, with a page, and with a page in many tabs, by turns."""
    psets = integers(count)
    cases = {"alone": None, "0 tabs": 0, f"{opened} tabs": opened, BUSY: None}
    cpu: dict[str, list[float]] = {case: [] for case in cases}
    walls = []
    with paramsurvey.Session(verbose=0, pslogger_prefix=None) as session:
        session.map(add, psets)  # so that the workers are there
        for turn in range(rounds):
            for case in _rotated(list(cases), turn):
                out = directory / f"{turn} {case}"
                session.map(add, psets[:1], checkpoint=out)  # so that there is something to show
                with _beside(case, out, cases[case]):
                    before, begun = time.process_time(), time.perf_counter()
                    session.map(add, psets, checkpoint=out)
                    cpu[case].append(time.process_time() - before)
                    walls.append(time.perf_counter() - begun)
                shutil.rmtree(out)
    more = {case: median_ratio(cpu[case], cpu["alone"]) - 1 for case in cases if case != "alone"}
    compared = f"{more.pop(BUSY):+.1%} beside {BUSY}"
    measured = ", ".join(f"{share:+.1%} with {case}" for case, share in more.items())
    own, rate = statistics.median(cpu["alone"]), count / statistics.median(walls) / 1e6
    return Row(
        f"the survey's own process, {count:,} tiny psets into a checkpoint, while a page shows it",
        f"{measured}; {compared} ({own:.2f} s of processor time alone, {rate:.2f} million psets/s)",
        f"< +{MOST_CPU:.0%}",
        max(more.values()) < MOST_CPU,
    )


def _rotated(cases: list[str], turn: int) -> list[str]:
    """Return the cases, beginning with another one in each round, for the first may be at an advantage."""
    first = turn % len(cases)
    return [*cases[first:], *cases[:first]]


@contextmanager
def _beside(case: str, checkpoint: Path, count: int | None) -> Iterator[None]:
    if case != BUSY:
        with watched(checkpoint, count):
            yield
        return
    endless = f"import os; os.nice({NICE})\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", endless]) as busy:
        try:
            yield
        finally:
            busy.kill()


@contextmanager
def watched(checkpoint: Path, count: int | None) -> Iterator[None]:
    """The page of a checkpoint in so many tabs; None: no page."""
    with ExitStack() as all_of_it:
        if count is not None:
            _, address = all_of_it.enter_context(shown(checkpoint))
            if count:
                all_of_it.enter_context(open_tabs(count, address))
        yield


def rows(count: int = COUNT) -> list[Row]:
    """Measure all."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        return [tabs(directory, count), telling(directory), reloads(directory)]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--psets", type=int, default=COUNT)
    print(machine())
    print(HEAD)
    for row in rows(parser.parse_args().psets):
        print(row)


if __name__ == "__main__":
    main()
