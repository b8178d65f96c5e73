"""When a survey will probably be over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from conftest import FakeClock
from paramsurvey.engine.cost_model import NO_PREDICTIONS, Predictions
from paramsurvey.reporting.eta import Eta
from paramsurvey.reporting.moment import Moment


class Watched:
    """A survey whose psets run one after the other on each of its cores."""

    def __init__(self, clock: FakeClock, seconds: Sequence[float], cores: int = 1) -> None:
        self.clock, self.seconds, self.cores = clock, seconds, cores
        self.eta = Eta(clock.now)
        self.done = self.retried = 0

    def run(self, psets: int) -> None:
        """Let the next psets run: each core has one at a time, and all of them end together."""
        for first in range(self.done, self.done + psets, self.cores):
            batch = self.seconds[first : first + self.cores]
            self.clock.now += max(batch)
            self.done += len(batch)
            self.eta.observe(self.moment(), Predictions(np.array(batch), np.ones(len(batch))))

    def moment(self, ages: Sequence[float] = (), cores: int | None = None) -> Moment:
        left = len(self.seconds) - self.done
        spent = float(sum(self.seconds[: self.done]))
        return Moment(self.clock.now, self.done, spent, left, self.retried, cores or self.cores, ages)

    def left(self, ages: Sequence[float] = (), cores: int | None = None) -> tuple[float, float]:
        moment = self.moment(ages, cores)
        self.eta.observe(moment, Predictions(np.empty(0), np.empty(0)))
        span = self.eta.seconds_left(moment)
        assert span is not None
        return span


def test_nothing_is_said_before_something_has_run_for_a_second(clock: FakeClock) -> None:
    survey = Watched(clock, [600.0] * 6, cores=2)
    clock.now += 0.5
    assert survey.eta.seconds_left(survey.moment(ages=[0.5, 0.5])) is None


def test_before_the_first_result_the_range_is_wide(clock: FakeClock) -> None:
    survey = Watched(clock, [600.0] * 6, cores=2)
    clock.now += 300
    low, high = survey.left(ages=[300.0, 300.0])
    assert low < 1500 < high
    assert high > 4 * low


def test_one_result_is_enough_for_a_range(clock: FakeClock) -> None:
    survey = Watched(clock, [600.0] * 6)
    survey.run(1)
    low, high = survey.left()
    assert low < 3000 < high
    assert high < 3 * low


@pytest.mark.parametrize("cores", [1, 4])
def test_even_work_is_forecast_within_a_tenth_from_the_half_on(clock: FakeClock, cores: int) -> None:
    survey = Watched(clock, [2.0] * 200, cores)
    survey.run(100)
    low, high = survey.left()
    truth = 200 / cores
    assert 0.9 * truth < low < truth < high < 1.1 * truth


def test_the_last_round_takes_as_long_as_its_psets_still_run(clock: FakeClock) -> None:
    survey = Watched(clock, [10.0] * 8, cores=2)
    survey.run(6)
    clock.now += 4
    low, high = survey.left(ages=[4.0, 4.0])
    assert 5 < low < 6 < high < 7


def test_a_trend_is_followed(clock: FakeClock) -> None:
    seconds = np.linspace(10, 1, 100)
    survey = Watched(clock, seconds.tolist())
    survey.run(30)
    low, high = survey.left()
    assert low < seconds[30:].sum() < high
    assert high < 1.5 * seconds[:30].mean() * 70


def test_psets_that_run_for_unusually_long_raise_the_upper_end(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 100, cores=2)
    survey.run(50)
    _, before = survey.left(ages=[0.5, 0.5])
    clock.now += 10
    _, after = survey.left(ages=[10.0, 10.0])
    assert after > 8 * before


def test_the_last_psets_may_run_for_as_long_again_when_both_are_unlike_all_others(clock: FakeClock) -> None:
    """That all psets may take longer now is a sign of a later end, and never of an earlier one."""
    survey = Watched(clock, [1.0] * 40 + [200.0] * 2, cores=2)
    survey.run(40)
    clock.now += 50
    _, high = survey.left(ages=[50.0, 50.0])
    assert high > 150


def test_few_long_psets_among_many_short_ones_do_not_mean_that_all_are_long_now(clock: FakeClock) -> None:
    """Long psets are what runs at most moments, though they are rare."""
    survey = Watched(clock, ([1.0] * 38 + [60.0] * 2) * 5, cores=2)
    survey.run(100)
    clock.now += 40
    low, high = survey.left(ages=[40.0, 40.0])
    assert low < 20 + 3 * 60 < high
    assert high < 60 * 98 / 2


def test_short_psets_end_first_and_those_that_still_run_count(clock: FakeClock) -> None:
    survey = Watched(clock, [100.0] + [400.0] * 8)
    survey.run(1)
    clock.now += 200
    _, high = survey.left(ages=[300.0] * 4, cores=4)
    assert high > 500


def test_any_number_of_cores_can_run_psets_for_unusually_long(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 10_000, cores=5_000)
    survey.run(5_000)
    clock.now += 30
    low, high = survey.left(ages=[30.0] * 5_000)
    assert 0 <= low < 30 < high


def test_a_trend_goes_on_from_where_the_running_psets_end(clock: FakeClock) -> None:
    """With many cores, what waits is farther away than what has ended tells."""
    seconds = np.linspace(10, 1, 400)
    survey = Watched(clock, seconds.tolist(), cores=40)
    survey.run(200)
    low, high = survey.left(ages=[0.1] * 40)
    assert low < seconds[200:].sum() / 40 < high


def test_retries_are_expected_to_go_on(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 100)
    survey.run(50)
    _, without = survey.left()
    survey.retried = 25
    low, high = survey.left()
    assert low < 50 < high
    assert high > 1.8 * without


def test_cores_that_join_are_counted(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 200, cores=2)
    survey.run(100)
    low, _ = survey.left(cores=4)
    assert low < 30


def test_at_the_end_nothing_is_left(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 4)
    survey.run(4)
    assert survey.left() == (0, 0)


def test_expectations_that_came_true_narrow_the_range(clock: FakeClock) -> None:
    """Long psets first: the cost model knows that the others are short."""
    seconds = [10.0] * 20 + [1.0] * 100
    survey = Watched(clock, seconds)
    eta = survey.eta
    for count in range(1, 60):
        clock.now += seconds[count - 1]
        survey.done = count
        eta.observe(
            survey.moment(),
            Predictions(np.array(seconds[count - 1 : count]), np.array(seconds[count - 1 : count])),
        )
        span = eta.seconds_left(survey.moment(), np.array(seconds[count:]))
    assert span is not None
    assert span[0] < sum(seconds[59:]) < span[1]


def test_the_last_pset_may_end_soon_when_it_runs_longer_than_all_others(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 40 + [100.0], cores=1)
    survey.run(40)
    clock.now += 50
    low, high = survey.left(ages=[50.0])
    assert low < 10 < 50 < high


def test_the_last_psets_may_be_a_little_shorter_than_the_shortest_of_few(clock: FakeClock) -> None:
    survey = Watched(clock, [600.0, 610.0, 590.0, 605.0, 570.0, 570.0], cores=2)
    survey.run(4)
    low, high = survey.left(ages=[1.0, 1.0])
    assert low < 569 < high
    assert low > 400


def test_a_steep_trend_does_not_leave_the_range_too_narrow(clock: FakeClock) -> None:
    chance = np.random.default_rng(3)
    seconds = np.linspace(10, 1, 200) * chance.lognormal(0, 0.3, 200)
    survey = Watched(clock, seconds.tolist())
    inside = []
    for _ in range(9):
        survey.run(20)
        low, high = survey.left()
        inside.append(low < seconds[survey.done :].sum() < high)
    assert sum(inside) >= 8


def test_psets_that_have_ended_count_before_their_workers_tell_of_them(clock: FakeClock) -> None:
    survey = Watched(clock, [1.0] * 4000, cores=4)
    survey.run(2000)
    clock.now += 90
    moment = replace(survey.moment(ages=[0.5] * 4), active=400, unreported=360)
    survey.eta.observe(moment, NO_PREDICTIONS)
    span = survey.eta.seconds_left(moment)
    assert span is not None
    assert 390 < span[0] < 410 < span[1] < 430


def test_without_word_from_the_backend_groups_that_began_together_are_taken_to_go_on_together(
    clock: FakeClock,
) -> None:
    """Four cores run groups of 100 psets of a second, and nobody tells which of them runs now."""
    eta, moments = Eta(clock.now), []
    for groups in range(5):
        for seconds in (99.9, 0.1):
            clock.now += seconds
            ended = 400 * (groups + (seconds == 0.1))
            moments.append(Moment(clock.now, ended, ended, 4000 - ended, cores=4, active=400))
            eta.observe(moments[-1], NO_PREDICTIONS)
    clock.now += 60.5
    moment = replace(moments[-1], now=clock.now)
    eta.observe(moment, NO_PREDICTIONS)
    span = eta.seconds_left(moment)
    assert span is not None
    assert 420 < span[0] < 440 < span[1] < 460


def test_a_group_that_ends_late_by_less_than_can_be_seen_has_no_pset_that_is_unlike_the_others(
    clock: FakeClock,
) -> None:
    eta = Eta(clock.now)
    for groups in range(1, 41):
        clock.now += 0.1
        moment = Moment(clock.now, 400 * groups, 0.4 * groups, 40_000 - 400 * groups, cores=4, active=400)
        eta.observe(moment, NO_PREDICTIONS)
    clock.now += 0.3
    moment = replace(moment, now=clock.now)
    eta.observe(moment, NO_PREDICTIONS)
    span = eta.seconds_left(moment)
    assert span is not None
    assert span[1] < 10  # seconds; even work is left for 6
