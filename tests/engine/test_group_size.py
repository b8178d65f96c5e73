"""How many psets are sent together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsurvey.engine.dispatch.group_size import (
    GROWTH,
    MIN_SECONDS,
    MOST_PSETS,
    STREAM_PSETS,
    TARGET_SECONDS,
    GroupSizer,
)


def sizes_of(seconds: float, psets: int, cores: int) -> list[int]:
    """Return the sizes of all groups of a survey whose psets take so long."""
    sizer, sizes = GroupSizer(), []
    while psets:
        sizes.append(min(psets, sizer.size(psets, cores)))
        sizer.observe_seconds(sizes[-1], sizes[-1] * seconds)
        psets -= sizes[-1]
    return sizes


def test_the_first_group_is_one_pset_for_nobody_knows_how_long_it_takes() -> None:
    assert GroupSizer().size(1_000_000, 8) == 1


def test_psets_that_are_expected_to_be_short_begin_in_groups_of_a_cores_share() -> None:
    sizer = GroupSizer(expected_seconds=1e-6)
    sizer.observe_bytes(1, 0)
    assert sizer.size(20, 2) == 10
    assert sizer.size(1_000_000, 2) == GROWTH


def test_psets_begin_in_groups_only_where_it_is_known_that_they_are_not_large() -> None:
    sizer = GroupSizer(expected_seconds=1e-6)
    assert sizer.needs_payload_size()
    assert sizer.size(1000, 2) == 1
    sizer.observe_bytes(1, 10**8)
    assert not sizer.needs_payload_size()
    assert sizer.size(1000, 2) == 1


def test_psets_that_are_expected_to_be_long_begin_alone() -> None:
    sizer = GroupSizer(expected_seconds=1.0)
    sizer.observe_bytes(1, 0)
    assert sizer.size(1000, 2) == 1


def test_what_is_measured_counts_from_the_first_pset_on_whatever_an_earlier_map_took() -> None:
    sizer = GroupSizer(expected_seconds=1e-6)
    sizer.observe_seconds(1, 1.0)
    assert sizer.size(1000, 2) == 1
    assert sizer.measured_seconds == 1.0


def test_psets_behind_one_that_takes_unexpectedly_long_are_worth_moving() -> None:
    sizer = GroupSizer(expected_seconds=1e-6)
    assert not sizer.is_worth_moving(20, running=1e-4)
    assert sizer.is_worth_moving(20, running=0.01)


def test_short_psets_travel_in_ever_larger_groups_up_to_the_target() -> None:
    sizes = sizes_of(1e-4, 100_000, cores=2)
    assert sizes[:3] == [1, GROWTH, GROWTH**2]
    assert max(sizes) == int(TARGET_SECONDS / 1e-4)


def test_groups_of_tiny_psets_have_so_many_that_those_that_wait_need_little_memory() -> None:
    assert max(sizes_of(1e-7, 10_000_000, cores=2)) == MOST_PSETS


@pytest.mark.parametrize("seconds", [TARGET_SECONDS, 1.0, 3600.0])
def test_long_psets_travel_alone(seconds: float) -> None:
    assert set(sizes_of(seconds, 50, cores=2)) == {1}


def test_towards_the_end_groups_shrink_so_that_no_worker_is_left_with_a_long_tail() -> None:
    sizes = sizes_of(1e-6, 100_000, cores=4)
    assert sizes[-1] * 1e-6 < 2 * MIN_SECONDS
    assert all(later <= max(sizes) for later in sizes[sizes.index(max(sizes)) :])
    done = 0
    for size in sizes:
        assert size <= max(-(-(100_000 - done) // 4), MIN_SECONDS / 1e-6)
        done += size


def test_psets_of_microseconds_travel_together_also_at_the_end() -> None:
    assert sizes_of(1e-6, 80, cores=2) == [1, GROWTH, 47]


@pytest.mark.parametrize(("each", "together"), [(100e6, 1), (9e6, 1), (4e6, 4), (1e6, 16)])
def test_psets_with_large_objects_travel_in_small_groups_however_short_they_are(
    each: float, together: int
) -> None:
    sizer = GroupSizer()
    for _ in range(5):
        sizer.observe_bytes(10, int(10 * each))
        sizer.observe_seconds(1000, 1e-3)
    assert sizer.size(10**6, 2) == together
    sizer.observe_bytes(10, 0)
    assert sizer.size(10**6, 2) > 1000


def test_a_fixed_size_stays_whatever_is_learned() -> None:
    sizer = GroupSizer(7)
    sizer.observe_seconds(7, 1000.0)
    sizer.observe_bytes(7, 10**12)
    assert sizer.size(100, 2) == 7


def test_nothing_is_learned_from_no_psets() -> None:
    sizer = GroupSizer()
    sizer.observe_seconds(0, 0.0)
    assert sizer.size(100, 2) == 1


def test_psets_that_become_slower_make_groups_smaller() -> None:
    sizer = GroupSizer()
    for _ in range(10):
        sizer.observe_seconds(1000, 0.001)
    large = sizer.size(10**6, 2)
    for _ in range(10):
        sizer.observe_seconds(10, 1.0)
    assert sizer.size(10**6, 2) < large / 100


@given(
    observed=st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1e6))),
    remaining=st.integers(1, 10**9),
    cores=st.integers(0, 10**5),
)
def test_a_group_has_one_pset_at_least_whatever_was_observed(
    observed: list[tuple[int, float]], remaining: int, cores: int
) -> None:
    sizer = GroupSizer()
    for psets, seconds in observed:
        sizer.observe_seconds(psets, seconds)
    assert 1 <= sizer.size(remaining, cores) <= remaining
    assert sizer.read_ahead(cores) >= 1


def stream_sizes(sizer: GroupSizer, seconds: float, psets: int, cores: int) -> list[int]:
    """Return the sizes of the groups that are made of one read of an iterator."""
    left, sizes = min(psets, sizer.read_ahead(cores)), []
    while left:
        sizes.append(sizer.size(left, cores))
        sizer.observe_seconds(sizes[-1], sizes[-1] * seconds)
        left -= sizes[-1]
    return sizes


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_of_an_iterator_with_tiny_psets_no_more_is_read_at_a_time_than_a_group(cores: int) -> None:
    sizer = GroupSizer()
    for _ in range(12):
        sizes = stream_sizes(sizer, 5e-7, 10**9, cores)
    assert sizes == [STREAM_PSETS]


def test_of_an_iterator_with_long_psets_few_are_read_ahead() -> None:
    sizer = GroupSizer()
    for _ in range(12):
        sizes = stream_sizes(sizer, 1.0, 10**9, cores=2)
    assert sum(sizes) <= 4


def test_a_group_size_that_the_user_chose_holds_for_iterators_too() -> None:
    assert stream_sizes(GroupSizer(10**6), 1e-6, 10**7, cores=2)[0] == 10**6
