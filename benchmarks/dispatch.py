"""The driver's own CPU time per group: 10,000 workers that are only pretended, and a simulated clock.

Every worker takes one simulated second for a group, so ten thousand groups end each second: what
the driver may use for one of them is 100 µs.

Usage: python benchmarks/dispatch.py [--workers N] [--psets N]
"""

from __future__ import annotations

import argparse
import heapq
import time
from array import array
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from common import HEAD, Row, machine

from paramsurvey.engine.collecting.collector import Collector
from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.progress import MapProgress
from paramsurvey.engine.survey import Survey
from paramsurvey.params import grid
from paramsurvey.params.sources import SpaceSource
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import Answers, Group, Job, Reply, ResultColumn

GROUP_SECONDS = 1.0
TARGET = 100e-6


class PretendedCluster:
    """Workers that exist on paper: a group is answered a simulated second after it was submitted."""

    name = "pretended"
    runs_here = False

    def __init__(self, workers: int) -> None:
        self.now = 0.0
        self.groups = 0
        self._workers = workers
        self._ends: list[tuple[float, int]] = []
        self._groups: dict[int, Group] = {}

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return options

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        pass

    def capacity(self) -> int:
        return self._workers - len(self._groups)

    def reserve(self) -> int:
        return 0

    def recall(self, group_id: int) -> None:
        pass

    def largest_group(self) -> int | None:
        return None

    def submit(self, group: Group) -> None:
        self.groups += 1
        self._groups[group.id] = group
        jitter = (group.id * 7919 % 1000) / 1000
        heapq.heappush(self._ends, (self.now + GROUP_SECONDS * (0.5 + jitter), group.id))

    def poll(self, timeout: float) -> Answers:
        self.now = max(self.now, self._ends[0][0])
        answers = []
        while self._ends and self._ends[0][0] <= self.now:
            answers.append(self._answer(self._groups.pop(heapq.heappop(self._ends)[1])))
        return answers

    def _answer(self, group: Group) -> Reply:
        values = array("q", range(len(group)))
        walls = array("d", [GROUP_SECONDS / len(group)]) * len(group)
        return Reply(
            group.id,
            0,
            len(group),
            columns={"y": (ResultColumn(range(len(group)), values),)},
            walls=walls,
            idle=((len(group), 0.01),),
        )

    def running(self, group_id: int) -> tuple[int, float] | None:
        return 0, GROUP_SECONDS / 100

    def abort(self, group_id: int) -> None:
        pass

    def end_job(self) -> None:
        pass

    def core_count(self) -> int:
        return self._workers

    def resources(self) -> list[dict[str, float]]:
        return []

    def close(self) -> None:
        pass


class Nobody:
    """Watches nothing."""

    def report(self, progress: MapProgress) -> None:
        pass

    def failed(self, *arguments: Any) -> None:
        pass

    def retried(self, *arguments: Any) -> None:
        pass

    def acted(self, *arguments: Any) -> None:
        pass

    def interruptible(self) -> AbstractContextManager[None]:
        return nullcontext()


def simulate(workers: int, psets: int, per_group: int) -> tuple[float, int, float]:
    """Survey `psets` psets; return the driver's CPU seconds, the groups, and the simulated seconds."""
    side = round(psets**0.5)
    source = SpaceSource(grid(x=range(side), y=range(side)))
    cluster = PretendedCluster(workers)
    survey = Survey(
        state=MapState(source, Collector(keep_results=False), MapProgress(total=len(source)), PerfStats()),
        backend=cluster,
        queue=PsetQueue(range(len(source))),
        watcher=Nobody(),
        clock=lambda: cluster.now,
        sizer=GroupSizer(per_group),
    )
    begun = time.process_time()
    for _ in survey.rounds():
        pass
    assert survey.progress.finished == len(source)
    return time.process_time() - begun, cluster.groups, cluster.now


def rows(workers: int = 10_000, psets: int = 10_000_000) -> list[Row]:
    """Measure."""
    cpu, groups, _ = simulate(workers, psets, per_group=100)
    return [
        Row(
            f"driver's CPU time per group, {workers:,} workers, {groups:,} groups (simulated)",
            f"{cpu / groups * 1e6:.0f} µs",
            f"≤ {TARGET * 1e6:.0f} µs",
            cpu / groups <= TARGET,
        )
    ]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--psets", type=int, default=10_000_000)
    arguments = parser.parse_args()
    print(machine())
    print(HEAD)
    for row in rows(arguments.workers, arguments.psets):
        print(row)


if __name__ == "__main__":
    main()
