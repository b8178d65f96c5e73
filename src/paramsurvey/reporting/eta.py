"""When a survey will probably be over: a range, from the work that is left and what the cores get done.

The work that is left is estimated in several ways (`paramsurvey.reporting.forecast`). What the cores get done
is measured, so that it includes everything that takes time besides the psets, such as starting workers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from paramsurvey.engine.cost_model import Predictions
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.reporting.forecast import (
    NORMAL,
    TAIL_CHANCE,
    Expectation,
    Forecast,
    History,
    cautious_deviation,
    forecasts,
    likely_range,
    spread,
    weigh,
)
from paramsurvey.reporting.makespan import STRANGE, makespan, seconds_to_go
from paramsurvey.reporting.moment import Moment

Floats = NDArray[np.float64]

MOST_PIECES = 128  # of history; if there are more, neighbours are joined
MOST_SAMPLES = 512  # psets whose own times are kept
DOUBT = 1.7  # standard deviations, so that the truth is in the range about nine times out of ten
SHORTEST = 1.0  # seconds that a pset must have run before it says anything before the first result
JITTER = 0.15  # seconds, because workers take time to start, and send what they have now and then
EARLY_FACTOR = 6.0  # before the first result, psets may take this many times what they have run so far
SLOWEST = 0.01  # seconds of work per second: no core is believed to be slower
ALIKE = 1.25  # psets that take up to this many times what others took count as like them
MORE = 1.15  # expectations are kept again when this many times as much has run as when they last were
UNLIKELY = 0.05  # a chance below this means that long-running psets are a sign that all now take longer


@dataclass(slots=True)
class _Effort:
    """What the cores had done by a moment: seconds of work, in how many seconds of cores.

    Attributes
    ----------
    time : float
    work : float
    cores : float
        The seconds of all cores, added up.
    at_once : int
        How many cores there were at that moment.
    """

    time: float
    work: float
    cores: float
    at_once: int


class Eta:
    """Watches a survey, and returns the range of seconds that it will probably take from now.

    Parameters
    ----------
    now : float
        When the survey began.

    Examples
    --------
    >>> from paramsurvey.engine.cost_model import NO_PREDICTIONS
    >>> eta = Eta(0.0)
    >>> for second in range(1, 31):
    ...     moment = Moment(float(second), psets=second, seconds=float(second), remaining=60 - second)
    ...     eta.observe(moment, NO_PREDICTIONS)
    >>> low, high = eta.seconds_left(moment)
    >>> low < 30 < high
    True
    """

    def __init__(self, now: float) -> None:
        self._psets: list[float] = []
        self._seconds: list[float] = []
        self._expected: list[float] = []
        self._samples: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._expectations: list[Expectation] = []
        self._efforts = [_Effort(now, 0.0, 0.0, 0)]
        self._last = Moment(now, 0, 0.0, 0)
        self._ended = deque([(now, math.inf)], maxlen=MOST_PIECES)  # when psets ended, and how many

    def observe(self, moment: Moment, tested: Predictions) -> None:
        """Note what is known now.

        Parameters
        ----------
        moment : Moment
        tested : Predictions
            How well the cost model predicted the psets that have ended since the last call.
        """
        last, self._last = self._last, moment
        if moment.psets > last.psets:
            self._ended.append(((last.now + moment.now) / 2, moment.psets - last.psets))
            self._note_ended(moment.psets - last.psets, moment.seconds - last.seconds, tested)
        self._note_effort(last, moment)

    def _note_ended(self, count: int, seconds: float, tested: Predictions) -> None:
        """Note that a number of psets have ended, and how many seconds they took in total."""
        self._samples.extend(tested.seconds.tolist() or [seconds / count])
        known = tested.seconds.sum() > 0
        expected = seconds * float(tested.expected.sum() / tested.seconds.sum()) if known else float(count)
        self._psets.append(count)
        self._seconds.append(max(seconds, 1e-9))
        self._expected.append(max(expected, 1e-9))
        if len(self._psets) > MOST_PIECES:
            for pieces in (self._psets, self._seconds, self._expected):
                pieces[:] = [sum(pieces[at : at + 2]) for at in range(0, len(pieces), 2)]

    def seconds_left(self, moment: Moment, expected: Floats | None = None) -> tuple[float, float] | None:
        """Return the range of seconds that the survey will probably take from now; None if it is not known.

        Parameters
        ----------
        moment : Moment
            The moment that was observed last.
        expected : float array, optional
            How long the cost model expects the waiting psets to take, or an evenly spread sample of them.
        """
        if moment.remaining <= 0:
            return 0.0, 0.0
        ages, unreported = self._in_hand(moment)
        if not self._psets:
            return _before_the_first(moment, ages)
        waiting = max(0, moment.remaining - unreported - len(ages))
        shape = np.ones(1) if expected is None or len(expected) == 0 else expected
        low, high = self._per_pset(moment, ages, waiting, shape)
        fewest, most = _attempts(moment, waiting)
        slow, fast = self._speeds(moment)
        fewer, more = self._cores(moment)
        return (
            max(0.0, self._time_of(low, fewest, ages, more, fast, min) - JITTER),
            self._time_of(high, most, ages, fewer, slow, max) + JITTER,
        )

    # work

    def _per_pset(
        self, moment: Moment, ages: Sequence[float], waiting: int, shape: Floats
    ) -> tuple[Floats, Floats]:
        """Return the fewest and the most seconds that each waiting pset will probably take."""
        psets, seconds, expected = map(np.array, (self._psets, self._seconds, self._expected))
        left = max(waiting, 1)
        views = [(History(psets, seconds, psets), np.ones(1))]
        self._note_expectation(moment, left, shape)
        if len(shape) > 1:
            views.append((History(psets, seconds, expected, is_expected=True), shape))
        ways: list[Forecast] = []
        shapes: list[Floats] = []
        for history, each in views:
            wide, mean = spread(history), _mean(each)
            several = forecasts(history, wide, self._expectations, left * mean, len(ages) * float(each[0]))
            ways += [one.of_mean(mean, wide / math.sqrt(left)) for one in several]
            shapes += [each] * len(several)
        far = left / float(psets.sum())
        weights = weigh(ways, far)
        low, high = likely_range(ways, weights, far)
        best = shapes[int(weights.argmax())]
        lows_tail, highs_tail = self._tail_factors(ages)
        shares = best / _mean(best)
        return shares * low * lows_tail, shares * max(high * highs_tail, self._slower_now(ages))

    def _note_expectation(self, moment: Moment, waiting: float, expected: Floats) -> None:
        """Keep what is expected now, to be tested later."""
        if not self._expectations or moment.psets >= MORE * self._expectations[-1].psets:
            self._expectations.append(Expectation(moment.psets, waiting, expected))

    def _tail_factors(self, ages: Sequence[float]) -> tuple[float, float]:
        """Return by which factors a mean may be lower, or higher, since the longest pset is there by chance.

        Short psets end first, so that those that are running now count as well, as if they took the usual
        time of psets that have run for as long.
        """
        samples = np.array(self._samples)
        longest, mean, count = float(samples.max()), float(samples.mean()), len(samples)
        if mean <= 0:
            return 1.0, 1.0
        wide = _spread(samples)
        next_longest = longest * 2**wide
        running = sum(ages) + sum(seconds_to_go(ages, samples, 0.5, wide))
        more = max(0.0, (float(samples.sum()) + running) / (count + len(ages)) / mean - 1)
        rare = max(1, sum(age > longest for age in ages))
        more *= 1 + DOUBT / math.sqrt(rare)  # because so few may be there by chance
        high = 1 + more + (next_longest - mean) / ((count + 1) * mean)
        return 1 - (longest - mean) / (count * mean), high

    def _slower_now(self, ages: Sequence[float]) -> float:
        """Return how long psets take if those that are running now are typical; 0 if nothing suggests that.

        It is suggested if nearly all others were much shorter, and chance does not explain that. At any given
        moment, a long pset is more likely to be running than a short one, in proportion to their times (Cox,
        Renewal Theory, 1962, chapter 5).
        """
        if not ages:
            return 0.0
        samples = np.array(self._samples)
        lately = np.sort(samples[-64:])
        older = (len(ages) + 2) // 2  # running psets that have run for this long or longer
        middle = sorted(ages)[len(ages) - older]
        if middle <= STRANGE * lately[9 * len(lately) // 10]:
            return 0.0
        longer = float(np.maximum(samples - middle, 0.0).sum()) + middle
        share = longer / (float(samples.sum()) + 2 * middle)  # assumes one more, which takes twice as long
        by_chance = _log_combinations(len(ages), older) + older * math.log(share)
        return 2 * middle if by_chance < math.log(UNLIKELY) else 0.0

    def _time_of(
        self,
        each: Floats,
        count: float,
        ages: Sequence[float],
        cores: float,
        speed: float,
        pick: Callable[[tuple[float, float]], float],
    ) -> float:
        """Return after how many seconds the survey is over if the waiting psets take these seconds.

        Parameters
        ----------
        each : float array
            Seconds of each waiting pset, or of an evenly spread sample of them.
        count : float
            How many psets are waiting.
        ages : sequence of float
            How long each running pset has been running. These may take as long as those that have run, or as
            those that are waiting.
        cores, speed : float
        pick : callable
            `min` for the earliest likely moment, `max` for the latest.
        """
        samples = np.array(self._samples)
        scale = float(each.mean()) / max(float(samples.mean()), 1e-12)
        if max(scale, 1 / scale) < ALIKE:
            scale = 1.0  # the running psets began when things were as they are in the samples
        wide = _spread(samples)
        doubt = math.exp((DOUBT if pick is max else -DOUBT) * wide / math.sqrt(len(samples)))
        the_end = 1 - TAIL_CHANCE if pick is max else TAIL_CHANCE

        def to_go(some: Sequence[float], chance: float) -> list[float]:
            ways = (seconds_to_go(some, samples * doubt * one, chance, wide) for one in (1.0, scale))
            return [pick(pair) for pair in zip(*ways, strict=True)]

        strange = [age for age in ages if age > STRANGE * samples.max()]
        last = max(to_go(strange, the_end), default=0.0)  # not as a sum, because they may end together
        if count < 1:
            others = [age for age in ages if age not in strange]
            return max([last, *to_go(others, the_end ** (1 / max(1, len(others))))])
        whole = max(1, round(cores))
        running = to_go(ages, _chance_of_sum(the_end, len(ages)))
        return max(last, makespan(running, each / speed * (whole / cores), count, whole))

    # cores

    def _note_effort(self, last: Moment, moment: Moment) -> None:
        busy = min(moment.cores, max(last.remaining, moment.remaining))
        before = self._efforts[-1]
        ages, unreported = self._in_hand(moment)
        work = moment.seconds + unreported * self._recent_mean() + sum(ages)
        cores = before.cores + busy * (moment.now - before.time)
        self._efforts.append(_Effort(moment.now, work, cores, busy))
        if len(self._efforts) > MOST_PIECES:
            del self._efforts[1::2]

    def _speeds(self, moment: Moment) -> tuple[float, float]:
        """Return how many seconds of work a core gets done in a second, at least and at most."""
        first, last = self._efforts[0], self._efforts[-1]
        recent = self._efforts[2 * len(self._efforts) // 3]
        speeds = [
            (last.work - one.work) / (last.cores - one.cores)
            for one in (first, recent)
            if last.cores > one.cores and last.work > one.work
        ]
        return max(min(speeds, default=1.0), SLOWEST), max(max(speeds, default=1.0), SLOWEST)

    def _cores(self, moment: Moment) -> tuple[float, float]:
        """Return the fewest and the most cores that there will probably be, from now and the recent past."""
        last, recent = self._efforts[-1], self._efforts[2 * len(self._efforts) // 3]
        if last.time <= recent.time or moment.remaining < 2 * moment.cores:
            return moment.cores, moment.cores
        of_late = (last.cores - recent.cores) / (last.time - recent.time)
        seen = [one.at_once for one in self._efforts[1 + 2 * len(self._efforts) // 3 :]]
        fewest, most = (of_late + min(seen)) / 2, (of_late + max(seen)) / 2
        return min(fewest, moment.cores), max(most, moment.cores)

    # what workers have in hand

    def _in_hand(self, moment: Moment) -> tuple[Sequence[float], int]:
        """Return how long psets have been running, and how many others have ended but are not reported yet.

        If the backend cannot tell, all cores are assumed to have equally many psets that take the usual time.
        """
        running = min(moment.active, moment.cores, moment.remaining)
        if moment.ages or not running:
            return moment.ages, moment.unreported
        done, each, several = self._since_begun(moment), self._recent_mean(), moment.active // running
        ended = min(int(done / each), several - 1) if each else 0
        in_time = done < several * each + SHORTEST  # when psets ended is not known more exactly
        age = done - ended * each
        return [min(age, each) if in_time and each else age] * running, ended * running

    def _since_begun(self, moment: Moment) -> float:
        """Return how long ago running psets began, on average: each began when another one ended."""
        left, waited = float(moment.active), 0.0
        for time, count in reversed(self._ended):
            some = min(count, left)
            waited += some * (moment.now - time)
            left -= some
        return waited / (moment.active - left)

    def _recent_mean(self) -> float:
        """Return how long the psets that ended last took on average; 0 if none has ended."""
        return self._seconds[-1] / self._psets[-1] if self._psets else 0.0


def _before_the_first(moment: Moment, ages: Sequence[float]) -> tuple[float, float] | None:
    """Return a wide range, based only on how long the first psets have been running."""
    age = max(ages, default=0.0)
    if age < SHORTEST:
        return None
    rounds = math.ceil(moment.remaining / max(moment.cores, 1))
    return (rounds - 1) * age, rounds * EARLY_FACTOR * age


def _attempts(moment: Moment, waiting: int) -> tuple[float, float]:
    """Return how many attempts waiting psets take if no more fail, and if as many fail as so far."""
    if not moment.retried:
        return waiting, waiting
    attempts = max(moment.psets, moment.retried)
    share = moment.retried / attempts
    most = min(0.9, share + DOUBT * math.sqrt(share * (1 - share) / attempts) + 0.5 / attempts)
    return waiting, waiting / (1 - most)


def _chance_of_sum(chance: float, count: int) -> float:
    """Return which chance each of some psets must have for their sum to have the given chance.

    The more psets there are, the better their sum is known; and half of its variance comes from waiting ones.
    """
    return NORMAL.cdf(NORMAL.inv_cdf(chance) / math.sqrt(2 * max(1, count)))


def _log_combinations(of: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose `chosen` of so many."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _spread(samples: Floats) -> float:
    """Return the relative standard deviation of the psets' times, larger if it is based on few."""
    logs = np.log(np.maximum(samples, 1e-9))
    return min(1.0, cautious_deviation(float(((logs - logs.mean()) ** 2).sum()), len(logs)))


def _mean(values: Floats) -> float:
    return float(values.mean())
