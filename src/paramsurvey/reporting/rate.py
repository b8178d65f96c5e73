"""How fast a survey is: how many psets were settled per second lately."""

from __future__ import annotations

from collections import deque

from paramsurvey.fast_dataclass import dataclass

LATELY = 30.0  # seconds that count as lately
FEWEST = 6  # arrivals of results: if there were fewer lately, older ones count as well
MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class RateSample:
    """How many psets were settled at some time."""

    time: float
    settled: int


class RateMeter:
    """Watches how many psets are settled.

    Since results come in groups, what counts is when they arrive, and not how many. "Lately" means the last
    `LATELY` seconds, or longer if fewer than `FEWEST` groups have arrived in them.

    Parameters
    ----------
    now : float
        When the survey began, in seconds.
    settled : int
        Psets that were settled before it began.

    Examples
    --------
    >>> meter = RateMeter(0.0)
    >>> for second in range(1, 31):
    ...     meter.observe(float(second), 10 * second)
    >>> meter.per_second(30.0)
    10.0
    """

    def __init__(self, now: float, settled: int = 0) -> None:
        self._start = RateSample(now, settled)
        self._samples = deque([self._start], maxlen=MOST_SAMPLES)

    def observe(self, now: float, settled: int) -> None:
        """Note how many psets are settled by now."""
        if settled != self._samples[-1].settled:
            self._samples.append(RateSample(now, settled))

    def per_second(self, now: float) -> float | None:
        """Return how many psets were settled per second lately; None if none has been yet."""
        recent = self._recent(now)
        return _rate(recent[0], recent[-1], now, len(recent) - 1) if len(recent) > 1 else None

    def _recent(self, now: float) -> list[RateSample]:
        samples = list(self._samples)
        first = next((i for i, each in enumerate(samples) if each.time >= now - LATELY), len(samples))
        return samples[max(0, min(first, len(samples) - 1 - FEWEST)) :]


def _rate(first: RateSample, last: RateSample, now: float, arrivals: int) -> float:
    """Return psets per second; silence counts only once the next arrival is late."""
    span = last.time - first.time
    late = now - last.time - span / arrivals
    return (last.settled - first.settled) / max(span + max(late, 0.0), 1e-9)
