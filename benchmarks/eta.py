"""How honest the ETA is: in 30 simulated surveys, how often the true end lay in the range that was shown.

The survey's loop, the cost model and the monitor are the real ones; only the workers and the clock are
simulated. The range is looked at at 90 moments, from the first tenth of a survey to its end.

Usage: python benchmarks/eta.py [--noise N | --draws N] [SHAPE ...]

Names of shapes: these alone, with every range. Another number of the noise is another draw: a change of the
ETA shall be better on several, and not only on the one of the table. --draws shows the first N side by side.
"""

from __future__ import annotations

import argparse
import heapq
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from common import Row, machine

from paramsurvey.engine.collecting.collector import Collector
from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.queue import PsetQueue
from paramsurvey.engine.dispatch.retry import RetryPolicy
from paramsurvey.engine.map_state import MapState
from paramsurvey.engine.overview import Overview
from paramsurvey.engine.progress import MapProgress
from paramsurvey.engine.survey import Survey
from paramsurvey.params.sources import as_source
from paramsurvey.reporting.monitor import INTERVAL, Monitor
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import Answers, Failure, FailureKind, Group, Job, Pset, Reply, Rows

MOMENTS = 90  # between the first tenth and the end
TARGET = 0.85
NARROW = 0.10  # the range's ends, from the truth, on constant work from the half to the last eighth
CLOSE = 0.5  # seconds from the truth that always count as narrow
REPLY_AFTER = 0.5  # seconds: then a worker sends what it has, as the real ones do
RAISED = Failure(FailureKind.RAISED, "ValueError('simulated')")
NOISE = 0  # added to the seeds of all that is drawn, by --noise
STARTED = 0.1  # seconds until a worker has started


@dataclass(frozen=True)
class Shape:
    """A survey: its psets, what each of them takes, and what else happens.

    Parameters
    ----------
    name : str
    psets : list of dict
    seconds : float array
        What each pset takes.
    cores : callable
        How many cores work when that share of the psets has ended.
    fails : callable
        Whether a pset fails at its first, second ... attempt (0, 1, ...).
    even : bool
        All psets take about the same time: then the range must be narrow.
    """

    name: str
    psets: Sequence[Pset]
    seconds: np.ndarray[Any, Any]
    cores: Callable[[float], int] = lambda share: 4
    fails: Callable[[int, int], bool] = lambda row, attempt: False
    even: bool = False


@dataclass
class SimulatedCluster:
    """Workers on paper, with a clock that `poll` moves."""

    shape: Shape
    now: float = 0.0
    ended: int = 0
    name: str = "simulated"
    runs_here: bool = False
    captures: frozenset[Any] = frozenset()
    groups: dict[int, tuple[Group, float]] = field(default_factory=dict)  # with when they began
    ends: list[tuple[float, int, int]] = field(default_factory=list)  # when, group, its psets that have ended
    attempts: dict[int, int] = field(default_factory=dict)

    def core_count(self) -> int:
        return self.shape.cores(self.ended / len(self.shape.psets))

    def capacity(self) -> int:
        return self.core_count() - len(self.groups)

    def largest_group(self) -> int | None:
        return None

    def submit(self, group: Group) -> None:
        begun = max(self.now, STARTED)
        ends = np.cumsum(self.shape.seconds[np.asarray(group.rows)])
        count = min(len(group), int(np.searchsorted(ends, REPLY_AFTER)) + 1)
        self.groups[group.id] = group, begun
        heapq.heappush(self.ends, (begun + ends[count - 1], group.id, count))

    def poll(self, timeout: float) -> Answers:
        if not self.ends or self.ends[0][0] > self.now + timeout:
            self.now += timeout
            return []
        self.now, group_id, count = heapq.heappop(self.ends)
        group, _ = self.groups.pop(group_id)
        self.ended += count
        failures = {}
        for offset in range(count):
            row = int(group.rows[offset])
            attempt = self.attempts[row] = self.attempts.get(row, -1) + 1
            if self.shape.fails(row, attempt):
                failures[offset] = RAISED
        walls = array("d", self.shape.seconds[np.asarray(group.rows[:count])])
        return [Reply(group_id, 0, count, failures=failures, walls=walls, idle=((count, 0.0),))]

    def running(self, group_id: int) -> tuple[int, float] | None:
        group, begun = self.groups[group_id]
        ends = np.cumsum(self.shape.seconds[np.asarray(group.rows)])
        offset = min(int(np.searchsorted(ends, self.now - begun, "right")), len(group) - 1)
        return offset, max(0.0, self.now - begun - (ends[offset - 1] if offset else 0.0))

    def abort(self, group_id: int) -> str | None:
        return None

    def reserve(self) -> int:
        return 0

    def recall(self, group_id: int) -> None: ...

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return options

    def open(self, job: Job, options: Mapping[str, Any]) -> None: ...

    def end_job(self) -> None: ...

    def resources(self) -> list[dict[str, float]]:
        return []

    def close(self) -> None: ...


class Onlooker:
    """Lets the monitor look as often as a real one does, and notes its ranges at some moments."""

    def __init__(self, monitor: Monitor, cluster: SimulatedCluster, moments: Sequence[float]) -> None:
        self.monitor, self.cluster = monitor, cluster
        self.moments = list(moments)
        self.seen: list[tuple[float, tuple[float, float] | None]] = []
        self._due = 0.0

    def report(self, progress: MapProgress) -> None:
        if self.cluster.now >= self._due:
            self._due = self.cluster.now + INTERVAL
            self.monitor.report(progress, final=False)
        if self.moments and self.cluster.now >= self.moments[0]:
            self.moments.pop(0)
            self.seen.append((self.cluster.now, self.monitor.look().seconds_left))

    def interruptible(self) -> AbstractContextManager[None]:
        return nullcontext()

    def failed(self, row: int, pset: Callable[[], Pset], failure: Failure, attempts: int) -> None: ...

    def retried(self, row: int, failure: Failure) -> None: ...

    def acted(self, what: str, rows: Callable[[], Rows]) -> None: ...


def simulate(shape: Shape, moments: Sequence[float] = ()) -> tuple[float, Onlooker]:
    """Run a survey to its end, and return when that was."""
    cluster = SimulatedCluster(shape)
    monitor = Monitor(lambda: cluster.now)
    onlooker = Onlooker(monitor, cluster, moments)
    source = as_source(list(shape.psets))
    survey = Survey(
        state=MapState(source, Collector(), MapProgress(shape.name, len(source)), PerfStats()),
        backend=cluster,
        queue=PsetQueue(range(len(source))),
        watcher=onlooker,
        clock=lambda: cluster.now,
        sizer=GroupSizer(),
        retry=RetryPolicy(retries=3),
    )
    monitor.begin(Overview(survey))
    for _ in survey.rounds():
        pass
    return cluster.now, onlooker


# ---- the shapes


def shapes() -> list[Shape]:
    """Return the surveys that are simulated."""
    return [*_even(), *_changing(), *_scattered(), *_by_axes(), *_disturbed()]


def _numbered(count: int) -> list[Pset]:
    return [{"i": i} for i in range(count)]


def _noisy(seconds: Any, spread: float = 0.05) -> np.ndarray[Any, Any]:
    values = np.asarray(seconds, dtype=np.float64)
    return values * np.random.default_rng(len(values) + NOISE).lognormal(0, spread, len(values))


def _shape(name: str, seconds: Any, **more: Any) -> Shape:
    return Shape(name, _numbered(len(seconds)), np.asarray(seconds, dtype=np.float64), **more)


def _even() -> list[Shape]:
    tiny = np.full(200_000, 1e-3)
    return [
        _shape("constant, 60 of 4 s", _noisy(np.full(60, 4.0), 0.02), even=True),
        _shape("constant, 400 of 1 s", _noisy(np.full(400, 1.0)), even=True),
        _shape("constant, 5,000 of 50 ms", _noisy(np.full(5000, 0.05)), even=True),
        _shape("constant, 200,000 of 1 ms", tiny, even=True),
        _shape("noisy (±30 %), 400 of 1 s", _noisy(np.full(400, 1.0), 0.3)),
        _shape("6 long ones on 2 cores", _noisy(np.full(6, 600.0)), cores=lambda share: 2),
        _shape("12 long ones on 4 cores, ±30 %", _noisy(np.full(12, 300.0), 0.3)),
    ]


def _changing() -> list[Shape]:
    place = np.linspace(0, 1, 500)
    return [
        _shape("growing evenly, 1 to 10", _noisy(0.3 * (1 + 9 * place))),
        _shape("growing by factors, 1 to 30", _noisy(0.1 * 30**place)),
        _shape("growing, noisy", _noisy(0.3 * (1 + 9 * place), 0.5)),
        _shape("shrinking evenly, 10 to 1", _noisy(0.3 * (10 - 9 * place))),
        _shape("shrinking by factors, 30 to 1", _noisy(0.1 * 30 ** (1 - place))),
        _shape("shrinking, noisy", _noisy(0.3 * (10 - 9 * place), 0.5)),
        _shape("up and down", _noisy(1 + 0.8 * np.sin(6 * np.pi * place))),
        _shape("16-fold slower from the half on", _noisy(np.where(place < 0.5, 0.2, 3.2))),
        _shape("16-fold slower in the last quarter", _noisy(np.where(place < 0.75, 0.2, 3.2))),
        _shape("every second 25 take 8 times longer", _noisy(np.where(place * 20 % 2 < 1, 0.2, 1.6))),
    ]


def _scattered() -> list[Shape]:
    chance = np.random.default_rng(7 + NOISE)
    rare = np.where(chance.random(800) < 0.01, 60.0, 0.24)
    return [
        _shape("log-normal, sigma 1", 0.5 * chance.lognormal(0, 1, 600)),
        _shape("log-normal, sigma 2", 0.2 * chance.lognormal(0, 2, 600)),
        _shape("Pareto, exponent 1.5", 0.3 * (chance.pareto(1.5, 600) + 1)),
        _shape("1 % takes 250 times longer", rare),
        _shape("half takes 20 times longer", np.where(chance.random(400) < 0.5, 0.1, 2.0)),
    ]


def _by_axes() -> list[Shape]:
    grid = [{"n": n, "method": method} for n in range(1, 21) for method in ("fast", "slow", "exact")]
    cost = {"fast": 0.1, "slow": 1.0, "exact": 4.0}
    psets = [{**pset, "seed": seed} for pset in grid for seed in range(8)]
    seconds = _noisy([cost[str(pset["method"])] * pset["n"] / 10 for pset in psets])
    mixed = np.random.default_rng(3 + NOISE).permutation(len(psets))
    slowest_first = np.argsort(-seconds)
    return [
        Shape("two axes, as a grid", psets, seconds),
        Shape("two axes, shuffled", [psets[i] for i in mixed], seconds[mixed]),
        Shape("two axes, the longest first", [psets[i] for i in slowest_first], seconds[slowest_first]),
        Shape("the last value of the first axis is slow", *_slow_last()),
    ]


def _slow_last() -> tuple[list[Pset], np.ndarray[Any, Any]]:
    psets = [{"size": size, "seed": seed} for size in (1, 2, 4, 8, 16) for seed in range(60)]
    return psets, _noisy([0.2 * pset["size"] for pset in psets])


def _disturbed() -> list[Shape]:
    second = _noisy(np.full(400, 1.0))
    chance = np.random.default_rng(5 + NOISE).random((2000, 4))
    return [
        _shape(
            "a third fails, and is tried again", second, fails=lambda row, n: n < 3 and chance[row, n] < 0.33
        ),
        _shape("a tenth fails once", second, fails=lambda row, n: n == 0 and chance[row, 0] < 0.1),
        _shape(
            "2 cores more and less, again and again",
            second,
            cores=lambda share: 5 + (int(share * 16) % 2) * 2,
        ),
        _shape("4 cores, then 8 from a tenth on", second, cores=lambda share: 4 if share < 0.1 else 8),
    ]


# ---- the table


@dataclass(frozen=True)
class Result:
    """What came out of one shape."""

    shape: Shape
    end: float
    inside: float
    ratio: float
    off: float

    @property
    def good(self) -> bool:
        return self.inside >= TARGET and (not self.shape.even or self.off <= NARROW)


def result_of(shape: Shape, verbose: bool = False) -> Result:
    """Simulate a shape twice: to learn its end, and to look at its ranges."""
    end, _ = simulate(shape)
    moments = np.linspace(0.1 * end, end, MOMENTS, endpoint=False)
    _, onlooker = simulate(shape, moments)
    good, ratios, off = 0, [], 0.0
    for now, span in onlooker.seen:
        left = end - now
        inside = span is not None and span[0] <= left <= span[1]
        good += inside
        if span is not None and span[0] > 0:
            ratios.append(span[1] / span[0])
        if span is not None and end / 2 < now < 0.875 * end:
            far = max(left - span[0], span[1] - left)
            off = max(off, far / left if far > CLOSE else 0.0)
        if verbose and span is not None:
            print(
                f"{now / end:6.1%} {left:9.1f} {span[0]:9.1f} {span[1]:9.1f}  {'' if inside else 'outside'}"
            )
    return Result(shape, end, good / len(moments), float(np.median(ratios)) if ratios else float("inf"), off)


def rows() -> list[Row]:
    """Return the rows of docs/performance.md."""
    results = [result_of(shape) for shape in shapes()]
    good = int(sum(one.inside >= TARGET for one in results))
    narrow = float(max(one.off for one in results if one.shape.even))
    work = f"ETA of {len(results)} simulated surveys: the true end is in the range at {TARGET:.0%} of moments"
    even = "ETA of even work, from the half on"
    return [
        Row(work, f"{good} of {len(results)} surveys", f"{len(results)}", good == len(results)),
        Row(even, f"within ±{narrow:.0%}", f"±{NARROW:.0%}", narrow <= NARROW),
    ]


def goal(surveys: int) -> str:
    """Return what is wanted, in a sentence."""
    return (
        f"Goal: {surveys} of {surveys} good. In a good one the true end is in the range at {TARGET:.0%} of\n"
        f"the moments or more; if its work is constant, the ends of the range are within ±{NARROW:.0%}\n"
        "of the truth from the half on."
    )


def line_of(result: Result) -> str:
    """Return a line of the table."""
    even = f"±{result.off:.0%}" if result.shape.even else ""
    cells = [
        result.shape.name,
        f"{result.end:.0f} s",
        f"{result.inside:.0%}",
        f"×{result.ratio:.2f}",
        even,
        "yes" if result.good else "**no**",
    ]
    return f"| {' | '.join(cells)} |"


def print_draws(draws: int, wanted: Sequence[str]) -> None:
    """Print how often each shape's end was in the range, draw by draw; what is not good has a mark."""
    global NOISE
    good = [0] * draws
    widths: list[float] = []
    numbers = [str(draw) for draw in range(draws)]
    print(f"| survey | {' | '.join(numbers)} | range, usually | from the half on |")
    print("|---" * (draws + 3) + "|")
    for place, shape in enumerate(shapes()):
        if wanted and not any(name in shape.name for name in wanted):
            continue
        results = []
        for draw in range(draws):
            NOISE = draw
            results.append(result_of(shapes()[place]))
        good = [before + one.good for before, one in zip(good, results, strict=True)]
        widths.append(float(np.median([one.ratio for one in results])))
        cells = [f"{one.inside:.0%}" + ("" if one.good else "!") for one in results]
        even = f"±{max(one.off for one in results):.1%}" if shape.even else ""
        print(f"| {shape.name} | {' | '.join(cells)} | ×{widths[-1]:.2f} | {even} |", flush=True)
    print(f"| good | {' | '.join(map(str, good))} | ×{np.median(widths):.2f} | |")
    print(f"\n{goal(len(widths))} `!` marks the others.")


def main() -> None:
    """Print a line per shape."""
    global NOISE
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("shapes", nargs="*")
    parser.add_argument("--noise", type=int, default=NOISE)
    parser.add_argument("--draws", type=int)
    arguments = parser.parse_args()
    NOISE, wanted = arguments.noise, arguments.shapes
    print(f"{machine()}\n")
    if arguments.draws:
        print_draws(arguments.draws, wanted)
        return
    print("| survey | ends after | in the range | range, usually | from the half on | good |")
    print("|---|---|---|---|---|---|")
    results = []
    for shape in shapes():
        if not wanted or any(name in shape.name for name in wanted):
            results.append(result_of(shape, verbose=bool(wanted)))
            print(line_of(results[-1]), flush=True)
    mean = np.mean([one.inside for one in results])
    print(f"\n{sum(one.good for one in results)} of {len(results)}; in the range on average: {mean:.0%}")
    print(goal(len(results)))


if __name__ == "__main__":
    main()
