"""When a survey will probably be over: a range, from the work that is left and what the cores get done.

The work that is left is guessed in several ways (`paramsurvey.reporting.forecast`). What the cores get done
is measured: it has everything in it that costs time beside the psets' own, such as workers that start.
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
    OUTSIDE,
    History,
    Outlook,
    Promise,
    few_tell,
    likely,
    outlooks,
    spread,
    trust,
)
from paramsurvey.reporting.makespan import STRANGE, makespan, seconds_to_go
from paramsurvey.reporting.moment import Moment

Floats = NDArray[np.float64]

MOST_PIECES = 128  # of history: then neighbours are joined
MOST_SAMPLES = 512  # psets whose own times are kept
DOUBT = 1.7  # standard deviations: then the truth is in the range about nine times out of ten
SHORTEST = 1.0  # seconds that something must have run to tell anything before the first result
JITTER = 0.15  # seconds: workers start, and send what they have every now and then
EARLY_FACTOR = 6.0  # before the first result: psets may take so many times what they have run so far
SLOWEST = 0.01  # seconds of work that a core gets done in a second: less is believed of none
ALIKE = 1.25  # times what others took, or less: psets that run now are taken for alike
MORE = 1.15  # times what had run when expectations were kept: then they are kept again
UNLIKELY = 0.05  # so many psets that have run for so long are a sign that all psets now take longer


@dataclass(slots=True)
class _Effort:
    """What the cores had done by a moment: seconds of work, in so many seconds of cores.

    Attributes
    ----------
    time : float
    work : float
    cores : float
        The seconds of all cores, added up.
    at_once : int
        How many cores there were.
    """

    time: float
    work: float
    cores: float
    at_once: int


class Eta:
    """Watches a survey, and says between how many seconds it will probably take from now.

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
        self._promises: list[Promise] = []
        self._efforts = [_Effort(now, 0.0, 0.0, 0)]
        self._last = Moment(now, 0, 0.0, 0)
        self._ended = deque([(now, math.inf)], maxlen=MOST_PIECES)  # when psets ended, and how many

    def observe(self, moment: Moment, tested: Predictions) -> None:
        """Note what is known now.

        Parameters
        ----------
        moment : Moment
        tested : Predictions
            How well the cost model predicted what has ended since the last call.
        """
        last, self._last = self._last, moment
        if moment.psets > last.psets:
            self._ended.append(((last.now + moment.now) / 2, moment.psets - last.psets))
            self._note_ended(moment.psets - last.psets, moment.seconds - last.seconds, tested)
        self._note_effort(last, moment)

    def _note_ended(self, count: int, seconds: float, tested: Predictions) -> None:
        """Note that so many psets have ended, which took so many seconds all together."""
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
        """Return between how many seconds the survey will probably take from now; None if nobody can tell.

        Parameters
        ----------
        moment : Moment
            The one that was observed last.
        expected : float array, optional
            What the cost model expects of the waiting psets, or of a sample of them that is evenly spread.
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
        """Return the least and the most seconds that each waiting pset probably takes."""
        psets, seconds, expected = map(np.array, (self._psets, self._seconds, self._expected))
        left = max(waiting, 1)
        views = [(History(psets, seconds, psets), np.ones(1))]
        self._note_promise(moment, left, shape)
        if len(shape) > 1:
            views.append((History(psets, seconds, expected, is_expected=True), shape))
        ways: list[Outlook] = []
        shapes: list[Floats] = []
        for history, each in views:
            wide, mean = spread(history), _mean(each)
            several = outlooks(history, wide, self._promises, left * mean, len(ages) * float(each[0]))
            ways += [one.of_mean(mean, wide / math.sqrt(left)) for one in several]
            shapes += [each] * len(several)
        far = left / float(psets.sum())
        weights = trust(ways, far)
        low, high = likely(ways, weights, far)
        best = shapes[int(weights.argmax())]
        lows_tail, highs_tail = self._tail(ages)
        shares = best / _mean(best)
        return shares * low * lows_tail, shares * max(high * highs_tail, self._slower_now(ages))

    def _note_promise(self, moment: Moment, waiting: float, expected: Floats) -> None:
        """Keep what is expected now, to be tested later."""
        if not self._promises or moment.psets >= MORE * self._promises[-1].psets:
            self._promises.append(Promise(moment.psets, waiting, expected))

    def _tail(self, ages: Sequence[float]) -> tuple[float, float]:
        """Return how much less, and more, a mean may be since the longest pset is there by chance.

        Short psets end first: those that run now count as well, as if they took the usual time of psets that
        have run for as long.
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
        more *= 1 + DOUBT / math.sqrt(rare)  # so few may be there by chance
        high = 1 + more + (next_longest - mean) / ((count + 1) * mean)
        return 1 - (longest - mean) / (count * mean), high

    def _slower_now(self, ages: Sequence[float]) -> float:
        """Return how long psets take if those that run now are typical; 0 if there is no sign of that.

        It is one if nearly all others were shorter by far, and chance does not explain it. A look at any
        moment meets a long pset more often than a short one, in proportion to their times (Cox, Renewal
        Theory, 1962, chapter 5).
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
        share = longer / (float(samples.sum()) + 2 * middle)  # one more is assumed, which takes twice as long
        by_chance = _log_ways(len(ages), older) + older * math.log(share)
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
        """Return after how many seconds the survey is over, if the waiting psets take these seconds.

        Parameters
        ----------
        each : float array
            Of the waiting psets, or of a sample that is evenly spread.
        count : float
            How many wait.
        ages : sequence of float
            Of those that run now. They may take as long as what ran before, or as what waits.
        cores, speed : float
        pick : callable
            `min` for the first moment that is likely, `max` for the last.
        """
        samples = np.array(self._samples)
        scale = float(each.mean()) / max(float(samples.mean()), 1e-12)
        if max(scale, 1 / scale) < ALIKE:
            scale = 1.0  # what runs now began when things were as they are in the samples
        wide = _spread(samples)
        doubt = math.exp((DOUBT if pick is max else -DOUBT) * wide / math.sqrt(len(samples)))
        the_end = 1 - OUTSIDE if pick is max else OUTSIDE

        def to_go(some: Sequence[float], chance: float) -> list[float]:
            ways = (seconds_to_go(some, samples * doubt * one, chance, wide) for one in (1.0, scale))
            return [pick(pair) for pair in zip(*ways, strict=True)]

        strange = [age for age in ages if age > STRANGE * samples.max()]
        last = max(to_go(strange, the_end), default=0.0)  # as one: they may end together
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
        work = moment.seconds + unreported * self._lately() + sum(ages)
        cores = before.cores + busy * (moment.now - before.time)
        self._efforts.append(_Effort(moment.now, work, cores, busy))
        if len(self._efforts) > MOST_PIECES:
            del self._efforts[1::2]

    def _speeds(self, moment: Moment) -> tuple[float, float]:
        """Return how many seconds of work a core gets done in a second: at least, and at most."""
        first, last = self._efforts[0], self._efforts[-1]
        recent = self._efforts[2 * len(self._efforts) // 3]
        speeds = [
            (last.work - one.work) / (last.cores - one.cores)
            for one in (first, recent)
            if last.cores > one.cores and last.work > one.work
        ]
        return max(min(speeds, default=1.0), SLOWEST), max(max(speeds, default=1.0), SLOWEST)

    def _cores(self, moment: Moment) -> tuple[float, float]:
        """Return the least and the most cores that there will probably be: as now, and as of late."""
        last, recent = self._efforts[-1], self._efforts[2 * len(self._efforts) // 3]
        if last.time <= recent.time or moment.remaining < 2 * moment.cores:
            return moment.cores, moment.cores
        of_late = (last.cores - recent.cores) / (last.time - recent.time)
        seen = [one.at_once for one in self._efforts[1 + 2 * len(self._efforts) // 3 :]]
        fewest, most = (of_late + min(seen)) / 2, (of_late + max(seen)) / 2
        return min(fewest, moment.cores), max(most, moment.cores)

    # what workers have in hand

    def _in_hand(self, moment: Moment) -> tuple[Sequence[float], int]:
        """Return how long psets have been running, and how many others have ended while nobody has told yet.

        Where no backend tells, each core is taken to have as many psets as any other, of the usual time.
        """
        running = min(moment.active, moment.cores, moment.remaining)
        if moment.ages or not running:
            return moment.ages, moment.unreported
        done, each, several = self._since_begun(moment), self._lately(), moment.active // running
        ended = min(int(done / each), several - 1) if each else 0
        in_time = done < several * each + SHORTEST  # it is not known more exactly when psets have ended
        age = done - ended * each
        return [min(age, each) if in_time and each else age] * running, ended * running

    def _since_begun(self, moment: Moment) -> float:
        """Return for how long cores have had what they run, on average: it began when as many psets ended."""
        left, waited = float(moment.active), 0.0
        for time, count in reversed(self._ended):
            some = min(count, left)
            waited += some * (moment.now - time)
            left -= some
        return waited / (moment.active - left)

    def _lately(self) -> float:
        """Return how long a pset took of those that ended last; 0 if none has."""
        return self._seconds[-1] / self._psets[-1] if self._psets else 0.0


def _before_the_first(moment: Moment, ages: Sequence[float]) -> tuple[float, float] | None:
    """Return a wide range, from nothing but how long the first psets have been running."""
    age = max(ages, default=0.0)
    if age < SHORTEST:
        return None
    rounds = math.ceil(moment.remaining / max(moment.cores, 1))
    return (rounds - 1) * age, rounds * EARLY_FACTOR * age


def _attempts(moment: Moment, waiting: int) -> tuple[float, float]:
    """Return the attempts that waiting psets take if no more fail, and if as many fail as so far."""
    if not moment.retried:
        return waiting, waiting
    attempts = max(moment.psets, moment.retried)
    share = moment.retried / attempts
    most = min(0.9, share + DOUBT * math.sqrt(share * (1 - share) / attempts) + 0.5 / attempts)
    return waiting, waiting / (1 - most)


def _chance_of_sum(chance: float, count: int) -> float:
    """Return the chance of each of some psets at which their sum has that chance.

    A sum is known better the more there are; and half of its variance is that of the psets that wait.
    """
    return NORMAL.cdf(NORMAL.inv_cdf(chance) / math.sqrt(2 * max(1, count)))


def _log_ways(of: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose so many."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _spread(samples: Floats) -> float:
    """Return the relative standard deviation of what psets took, as far as so few of them tell."""
    logs = np.log(np.maximum(samples, 1e-9))
    return min(1.0, few_tell(float(((logs - logs.mean()) ** 2).sum()), len(logs)))


def _mean(values: Floats) -> float:
    return float(values.mean())
