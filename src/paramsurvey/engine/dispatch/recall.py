"""Which workers give back psets that they have not begun, so that these run elsewhere, and in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.sent_group import SentGroup

LOOK_SECONDS = 0.1  # between two looks for psets that wait behind a long one

Running = Callable[[int], tuple[int, float] | None]


def groups_to_share(
    sent: Iterable[SentGroup], idle: int, running: Running, sizer: GroupSizer
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


def groups_held_up(sent: Iterable[SentGroup], running: Running, sizer: GroupSizer) -> list[SentGroup]:
    """Return the groups in which a pset runs for so long that those behind it had better run elsewhere.

    So the psets begin nearly in their order: a long one among them does not begin when all others have ended.

    Parameters
    ----------
    sent, running
        As for `groups_to_share`.
    sizer : GroupSizer
        Knows how long psets take.
    """
    return [
        one
        for one in sent
        if not one.recalled and (now := running(one.group.id)) is not None and sizer.holds_up_others(now[1])
    ]
