"""Adds up what all workers have measured, and prints it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from paramsurvey.stats.histogram import bars_of, hdr_histogram
from paramsurvey.stats.percentiles import percentiles_of
from paramsurvey.stats.timer import SHORTEST, Timer
from paramsurvey.transport.safe_text import safe_line

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

PERCENTILES = (50, 90, 95, 99)
BAR_WIDTH = 40


class PerfStats:
    """Performance statistics: for each timer, how often, how long, and how it is distributed.

    Every map has one, as ``results.stats``.

    Parameters
    ----------
    raw_stats : mapping of str to sequence of float, optional
        Seconds by timer name, to begin with.
    vstats : int
        How much a map reports of it: 0 nothing, 1 every 30 s, 2 every second, 3 at every action.
    emit : callable, optional
        Takes each printed line; by default the log of `paramsurvey.init`, if there is one. It stays behind
        when the statistics are pickled.

    Attributes
    ----------
    peak_memory : int
        The most memory that any worker has held, in bytes; 0 where nobody measured it.

    Examples
    --------
    >>> stats = PerfStats({'reading': [0.1, 0.3]})
    >>> count, mean, histogram = stats.read_stats('reading')
    >>> count, mean, histogram.get_total_count()
    (2, 0.2, 2)
    """

    emit_by_default: ClassVar[Callable[[str], object] | None] = None  # set while there is a log

    def __init__(
        self,
        raw_stats: Mapping[str, Sequence[float]] | None = None,
        vstats: int = 1,
        emit: Callable[[str], object] | None = None,
    ) -> None:
        self.vstats = vstats
        self.peak_memory = 0
        self.copying = 0.0  # seconds that it took the workers to copy user_kwargs for each pset
        self._emit = emit
        self._timers: dict[str, Timer] = {}
        if raw_stats:
            self.combine_stats(raw_stats)

    def __getstate__(self) -> dict[str, Any]:
        # The log belongs to this process.
        return {**self.__dict__, "_emit": None}

    def __repr__(self) -> str:
        timers = ((safe_line(name), self._timers[name]) for name in self.all_stat_names())
        shown = [
            f"{name}: {timer.count:,} × {_format_seconds(timer.total / timer.count)}"
            for name, timer in timers
        ]
        return f"<PerfStats {', '.join(shown) or 'empty'}>"

    def add(self, name: str, values: NDArray[np.float64]) -> None:
        """Add an array of seconds to a timer. It costs nanoseconds per value.

        Parameters
        ----------
        name : str
            The timer's name.
        values : array of float64
            Seconds, in any order.

        Examples
        --------
        >>> stats = PerfStats()
        >>> stats.add('step', np.full(1_000_000, 2e-6))
        >>> stats.read_stats('step')[0]
        1000000
        """
        seconds = np.asarray(values, dtype=np.float64)
        if len(seconds):
            timer = self._timers.get(name)
            if timer is None:
                timer = self._timers[name] = Timer()
            timer.add(seconds)

    def add_equal(self, name: str, seconds: float, count: int) -> None:
        """Add the same number of seconds to a timer many times.

        Parameters
        ----------
        name : str
            The timer's name.
        seconds : float
        count : int
            How often.

        Examples
        --------
        >>> stats = PerfStats()
        >>> stats.add_equal('step', 2e-6, 1_000_000)
        >>> stats.read_stats('step')[0]
        1000000
        """
        if count > 0:
            self._timers.setdefault(name, Timer()).add_equal(seconds, count)

    def combine_stats(self, raw_stats: Mapping[str, Sequence[float]] | None) -> None:
        """Add what `record_wallclock` and `record_iowait` have put into a dict.

        Parameters
        ----------
        raw_stats : mapping of str to sequence of float, or None
            Seconds by timer name. It is left as it is. None is nothing, as for `PerfStats` itself.

        Examples
        --------
        >>> stats = PerfStats()
        >>> stats.combine_stats({'reading': [0.1, 0.3], 'fitting': [2.0]})
        >>> stats.all_stat_names()
        ['reading', 'fitting']
        """
        for name, seconds in (raw_stats or {}).items():
            self.add(name, np.asarray(seconds, dtype=np.float64))

    def all_stat_names(self) -> list[str]:
        """Return the names of all timers.

        Returns
        -------
        list of str
            In the order of their first values.

        Examples
        --------
        >>> PerfStats({'b': [1.0], 'a': [2.0]}).all_stat_names()
        ['b', 'a']
        """
        return list(self._timers)

    def read_stats(self, name: str) -> tuple[int, float, HdrHistogram] | None:
        """Return a timer's number of values, their mean in seconds, and their histogram.

        Parameters
        ----------
        name : str
            The timer's name.

        Returns
        -------
        tuple of (int, float, hdrh.histogram.HdrHistogram), or None
            Count and mean are exact. The histogram is in milliseconds, good to 2 digits; a value
            below 1 ms, or a negative one, counts as 1. None where there is no such timer.

        Raises
        ------
        PackageMissing
            hdrhistogram was uninstalled. `percentiles` and what prints do without it.

        Examples
        --------
        >>> count, mean, histogram = PerfStats({'fitting': [2.0, 4.0]}).read_stats('fitting')
        >>> count, mean, round(histogram.get_value_at_percentile(50) / 1000, 1)
        (2, 3.0, 2.0)
        """
        timer = self._timers.get(name)
        if timer is None:
            return None
        return timer.count, timer.total / timer.count, hdr_histogram(*timer.values())

    def total(self, name: str) -> float:
        """Return the sum of a timer's values.

        Parameters
        ----------
        name : str
            The timer's name.

        Returns
        -------
        float
            Seconds; 0.0 where there is no such timer.

        Examples
        --------
        >>> PerfStats({'fitting': [2.0, 4.0]}).total('fitting')
        6.0
        """
        timer = self._timers.get(name)
        return 0.0 if timer is None else timer.total

    def counts_below(self, name: str, bounds: Sequence[float]) -> tuple[list[int], int, float]:
        """Return how many values of a timer are at most as long as each of some bounds, good to 0.2 %.

        Parameters
        ----------
        name : str
            The timer's name.
        bounds : sequence of float
            Seconds.

        Returns
        -------
        tuple of list of int, int and float
            The counts, how many values there are, and their sum in seconds; zeros where there is no such
            timer.

        Examples
        --------
        >>> PerfStats({'fitting': [2.0, 4.0]}).counts_below('fitting', (1, 3))
        ([0, 1], 2, 6.0)
        """
        timer = self._timers.get(name)
        if timer is None:
            return [0] * len(bounds), 0, 0.0
        values, counts = timer.values()
        below = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
        return below[np.searchsorted(values, bounds, side="right")].tolist(), timer.count, timer.total

    def percentiles(self, name: str, percents: Iterable[float] = PERCENTILES) -> list[float]:
        """Return some percentiles of a timer, in seconds, each good to 0.1 %.

        Parameters
        ----------
        name : str
            The timer's name.
        percents : iterable of float
            Which: numbers from 0 to 100.

        Returns
        -------
        list of float
            In the order of `percents`; empty where there is no such timer.

        Examples
        --------
        >>> stats = PerfStats({'reading': [0.1, 0.2, 0.3, 0.4]})
        >>> [round(seconds, 1) for seconds in stats.percentiles('reading', (50, 99))]
        [0.2, 0.4]
        """
        timer = self._timers.get(name)
        if timer is None:
            return []
        return percentiles_of(*timer.values(), percents)

    def print_percentile(self, name: str, stderr: bool = False) -> None:
        """Print a timer's total, mean and percentiles to the log.

        Parameters
        ----------
        name : str
            The timer's name; nothing is printed where there is no such timer.
        stderr : bool
            Print to stderr, too.

        Examples
        --------
        >>> PerfStats({'fitting': [2.0, 2.0]}, emit=print).print_percentile('fitting')
        counter fitting, total 4s, mean 2.00s, counts 2
        counter fitting, 50%tile: 2.00s
        counter fitting, 90%tile: 2.00s
        counter fitting, 95%tile: 2.00s
        counter fitting, 99%tile: 2.00s
        """
        timer = self._timers.get(name)
        if timer is None:
            return
        total, mean = _format_total(timer.total), _format_seconds(timer.total / timer.count)
        self._print(f"counter {name}, total {total}, mean {mean}, counts {timer.count}", stderr)
        for percent, seconds in zip(PERCENTILES, self.percentiles(name), strict=True):
            self._print(f"counter {name}, {percent}%tile: {_format_seconds(seconds)}", stderr)

    def print_percentiles(self, name: str | None = "default", stderr: bool = False) -> None:
        """Print the percentiles of all timers to the log.

        Parameters
        ----------
        name : str, optional
            The timer to begin with; the others follow in alphabetical order.
        stderr : bool
            Print to stderr, too.

        Examples
        --------
        >>> PerfStats({'fitting': [2.0, 2.0]}).print_percentiles(stderr=True)
        """
        for each in self._ordered(name):
            self.print_percentile(each, stderr=stderr)

    def print_histogram(
        self, name: str, value_units_per_bucket: int | None = None, stderr: bool = False
    ) -> None:
        """Print a timer's histogram to the log, one bar per line.

        Parameters
        ----------
        name : str
            The timer's name; nothing is printed where there is no such timer.
        value_units_per_bucket : int, optional
            Print a line for each interval of this many milliseconds, as release 0.4 did: its upper end in
            seconds, and the number of values. By default, bars with round edges are printed.
        stderr : bool
            Print to stderr, too.

        Examples
        --------
        >>> PerfStats({'fitting': [1.1, 1.3, 6.0, 42.0]}, emit=print).print_histogram('fitting')
        counter fitting, 1s to 2s: 2 ########################################
        counter fitting, 2s to 5s: 0
        counter fitting, 5s to 10s: 1 ####################
        counter fitting, 10s to 20s: 0
        counter fitting, 20s to 50s: 1 ####################
        >>> PerfStats({'fitting': [0.1, 0.3]}, emit=print).print_histogram('fitting', 200)
        counter fitting, 0.2 1
        counter fitting, 0.4 1
        """
        timer = self._timers.get(name)
        if timer is None:
            return
        if value_units_per_bucket is not None:
            self._print_even_buckets(name, value_units_per_bucket, stderr)
            return
        bars = bars_of(*timer.values())
        tallest = max(count for *_, count in bars)
        for low, high, count in bars:
            bar = "#" * round(BAR_WIDTH * count / tallest)
            self._print(f"counter {name}, {low:.6g}s to {high:.6g}s: {count} {bar}".rstrip(), stderr)

    def _print_even_buckets(self, name: str, width: int, stderr: bool) -> None:
        from hdrh.iterators import LinearIterator

        histogram = hdr_histogram(*self._timers[name].values())
        for bucket in LinearIterator(histogram, width):
            until, count = bucket.value_iterated_to / 1000, bucket.count_added_in_this_iter_step
            self._print(f"counter {name}, {until} {count}", stderr)

    def print_histograms(self, name: str | None = "default", stderr: bool = False) -> None:
        """Print the histograms of all timers to the log.

        Parameters
        ----------
        name : str, optional
            The timer to begin with; the others follow in alphabetical order.
        stderr : bool
            Print to stderr, too.

        Examples
        --------
        >>> PerfStats({'fitting': [1.1, 1.3, 2.2]}).print_histograms(stderr=True)
        """
        for each in self._ordered(name):
            self.print_histogram(each, stderr=stderr)

    def _ordered(self, first: str | None) -> list[str]:
        return sorted(self._timers, key=lambda name: (name != first, name))

    def _print(self, line: str, stderr: bool) -> None:
        line = safe_line(line)  # the names of timers are the worker function's
        emit = self._emit or type(self).emit_by_default
        if emit is not None:
            emit(line)
        if stderr:
            print(line, file=sys.stderr)


def _format_seconds(seconds: float) -> str:
    """Two decimals; below 0.1 s, two digits that say something."""
    if not SHORTEST < abs(seconds) < 0.1:
        return f"{seconds:.2f}s"
    exponent = int(f"{seconds:.1e}".partition("e")[2])  # of the rounded value: 0.00999 is 0.010
    return f"{seconds:.{1 - exponent}f}s"


def _format_total(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds >= 1 else _format_seconds(seconds)
