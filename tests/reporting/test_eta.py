"""How fast a survey goes, and when it will be over."""

from __future__ import annotations

import random

import pytest

from conftest import FakeClock
from paramsurvey.reporting.eta import RateMeter


def run(meter: RateMeter, clock: FakeClock, settled: int, seconds: float, per_second: float) -> int:
    """Let results arrive evenly, four times a second at most."""
    step = max(0.25, 1 / per_second)
    end = clock.now + seconds
    done = float(settled)
    while clock.now + step <= end + 1e-9:
        clock.now += step
        done += per_second * step
        meter.observe(clock.now, round(done))
    clock.now = end
    return round(done)


def left(meter: RateMeter, clock: FakeClock, remaining: int) -> tuple[float, float]:
    span = meter.seconds_left(clock.now, remaining)
    assert span is not None
    return span


def test_before_anything_is_settled_nothing_is_known(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    clock.now += 100
    assert meter.per_second(clock.now) is None
    assert meter.seconds_left(clock.now, 10) is None


def test_no_forecast_from_few_arrivals(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    for count in (100, 200, 300, 400, 500):
        clock.now += 10
        meter.observe(clock.now, count)
        assert meter.seconds_left(clock.now, 100) is None
    assert meter.per_second(clock.now) == pytest.approx(10)


def test_no_forecast_in_the_first_two_seconds(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    run(meter, clock, 0, seconds=1.9, per_second=1000)
    assert meter.seconds_left(clock.now, 100) is None


def test_a_steady_rate_is_forecast_within_a_narrow_range(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    run(meter, clock, 0, seconds=60, per_second=100)
    assert meter.per_second(clock.now) == pytest.approx(100)
    low, high = left(meter, clock, 10_000)
    assert 80 < low < 100 < high < 120


def test_few_long_psets_are_forecast_within_a_wide_range(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    run(meter, clock, 0, seconds=6 * 600, per_second=1 / 600)
    low, high = left(meter, clock, 10)
    assert low < 6000 < high
    assert 3 < high / low < 5


def test_the_rate_follows_a_change_within_half_a_minute(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    settled = run(meter, clock, 0, seconds=100, per_second=100)
    run(meter, clock, settled, seconds=31, per_second=10)
    assert meter.per_second(clock.now) == pytest.approx(10, rel=0.1)
    low, high = left(meter, clock, 1000)
    assert high > 100  # as it goes now
    assert low < 20  # as it went most of the time: nobody knows which it will be


def test_silence_lowers_the_rate_and_widens_the_range(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    run(meter, clock, 0, seconds=20, per_second=10)
    before = left(meter, clock, 100)
    clock.now += 60
    after = left(meter, clock, 100)
    rate = meter.per_second(clock.now)
    assert rate is not None
    assert rate < 5
    assert after[1] > 2 * before[1]


def test_what_was_settled_before_does_not_count(clock: FakeClock) -> None:
    meter = RateMeter(clock.now, settled=1_000_000)
    run(meter, clock, 1_000_000, seconds=10, per_second=10)
    assert meter.per_second(clock.now) == pytest.approx(10)


def test_at_the_end_nothing_is_left(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    run(meter, clock, 0, seconds=10, per_second=10)
    assert left(meter, clock, 0) == (0, 0)


def test_the_truth_is_nearly_always_in_the_range(clock: FakeClock) -> None:
    chance = random.Random(7)
    inside = asked = 0
    for _ in range(50):
        meter = RateMeter(clock.now)
        ends = arrivals(chance, clock.now, psets=200, workers=4)
        for count, (now, end) in enumerate(zip(ends, ends[1:] + ends[-1:], strict=True), 1):
            meter.observe(now, count)
            span = meter.seconds_left(now, 200 - count)
            if span is not None and end > now and count % 10 == 0:
                asked += 1
                inside += span[0] <= ends[-1] - now <= span[1] + 2
    assert asked > 500
    assert inside / asked > 0.85


def arrivals(chance: random.Random, start: float, psets: int, workers: int) -> list[float]:
    """Return when psets end that take 1 s on average, some of them much longer."""
    free = [start] * workers
    ends = []
    for _ in range(psets):
        free.sort()
        free[0] += chance.lognormvariate(-0.3, 0.8)
        ends.append(free[0])
    return sorted(ends)
