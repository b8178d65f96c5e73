"""Which workers give back psets that they have not begun, while other workers have nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paramsurvey.engine.group_size import GroupSizer
from paramsurvey.engine.sent_group import SentGroup


def groups_to_recall(
    sent: Iterable[SentGroup],
    idle: int,
    running: Callable[[int], tuple[int, float] | None],
    sizer: GroupSizer,
) -> list[SentGroup]:
    """Return the groups with the most psets that have not begun, at most one for each idle worker.

    Parameters
    ----------
    sent : iterable of SentGroup
        All groups that workers have.
    idle : int
        How many workers have nothing to do.
    running : callable
        `Backend.running`.
    sizer : GroupSizer
        Knows how many psets are worth moving.
    """
    waiting = [
        (count, one)
        for one in sent
        if not one.recalled and (count := one.count_not_begun(running(one.group.id)))
    ]
    waiting.sort(key=lambda count_and_group: -count_and_group[0])
    return [one for count, one in waiting[:idle] if sizer.is_worth_moving(count)]
