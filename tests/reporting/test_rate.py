"""How fast a survey goes."""

from __future__ import annotations

import pytest

from conftest import FakeClock
from paramsurvey.reporting.rate import RateMeter


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


def test_before_anything_is_settled_nothing_is_known(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    clock.now += 100
    assert meter.per_second(clock.now) is None


def test_few_arrivals_count_however_old_they_are(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    for count in (100, 200, 300, 400, 500):
        clock.now += 10
        meter.observe(clock.now, count)
    assert meter.per_second(clock.now) == pytest.approx(10)


def test_the_rate_follows_a_change_within_half_a_minute(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    settled = run(meter, clock, 0, seconds=100, per_second=100)
    run(meter, clock, settled, seconds=31, per_second=10)
    assert meter.per_second(clock.now) == pytest.approx(10, rel=0.1)


def test_silence_lowers_the_rate(clock: FakeClock) -> None:
    meter = RateMeter(clock.now)
    run(meter, clock, 0, seconds=20, per_second=10)
    clock.now += 60
    rate = meter.per_second(clock.now)
    assert rate is not None
    assert rate < 5


def test_what_was_settled_before_does_not_count(clock: FakeClock) -> None:
    meter = RateMeter(clock.now, settled=1_000_000)
    run(meter, clock, 1_000_000, seconds=10, per_second=10)
    assert meter.per_second(clock.now) == pytest.approx(10)
