"""Which workers are asked to give back psets that they have not begun, so that these run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import inf

from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.sent_group import SentGroup

SCAN_SECONDS = 0.1  # at most between two scans for psets that wait behind a long one
SCAN_COST = 20e-6  # seconds per group, at least, between two scans, so that scanning many groups costs little

Running = Callable[[int], tuple[int, float] | None]


class Recalls:
    """Decides which groups to recall now, and when to scan them again.

    Parameters
    ----------
    sizer : GroupSizer
    clock : callable
        Returns the time in seconds.

    Attributes
    ----------
    wake_at : float
        When to scan again, because a pset may have held up others for too long by then.
    """

    def __init__(self, sizer: GroupSizer, clock: Callable[[], float]) -> None:
        self._sizer, self._clock = sizer, clock
        self._scan_at = 0.0  # may be before `wake_at`, since a pset that has begun meanwhile may be long
        self.wake_at = 0.0

    def due(self, sent: Collection[SentGroup], idle: int, running: Running) -> list[SentGroup]:
        """Return the groups to recall: first those that share work with idle workers. None is recalled twice.

        Parameters
        ----------
        sent, idle, running
            As for `groups_to_share`.
        """
        recalled = groups_to_share(sent, idle, running, self._sizer) if idle > 0 else []
        if (now := self._clock()) >= self._scan_at:
            held_up, seconds = groups_held_up(sent, running, self._sizer)
            self.wake_at = now + seconds
            self._scan_at = min(self.wake_at, now + SCAN_SECONDS)
            recalled += held_up
        return list({sent_group.group.id: sent_group for sent_group in recalled}.values())


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
        (count, sent_group)
        for sent_group in sent
        if not sent_group.recalled and (count := sent_group.count_not_begun(running(sent_group.group.id)))
    ]
    waiting.sort(key=lambda count_and_group: -count_and_group[0])
    candidates = [(count, sent_group, running(sent_group.group.id)) for count, sent_group in waiting[:idle]]
    return [
        sent_group
        for count, sent_group, state in candidates
        if sizer.is_worth_moving(count, state[1] if state else 0.0)
    ]


def groups_held_up(
    sent: Collection[SentGroup], running: Running, sizer: GroupSizer
) -> tuple[list[SentGroup], float]:
    """Return the groups in which a pset has run for so long that those behind it had better run elsewhere.

    This keeps psets nearly in their order: a long one among those behind does not begin after all others end.

    Parameters
    ----------
    sent, running
        As for `groups_to_share`.
    sizer : GroupSizer
        Knows how long psets take.

    Returns
    -------
    list of SentGroup
    float
        After how many seconds to scan again, because another pset may have run for too long by then; infinite
        if the backend does not tell what runs.
    """
    longest = sizer.held_up_seconds()
    known = [
        (state[1], sent_group)
        for sent_group in sent
        if not sent_group.recalled and (state := running(sent_group.group.id)) is not None
    ]
    held_up = [sent_group for seconds, sent_group in known if seconds > longest]
    if not known:
        return held_up, inf
    # A pset that is halfway there is met on time. Waking up for each that has just begun would cost more.
    soon = (longest - seconds for seconds, _ in known if longest / 2 < seconds <= longest)
    return held_up, max(min([SCAN_SECONDS, *soon]), SCAN_COST * len(sent))
