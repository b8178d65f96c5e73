"""Which workers give back psets that they have not begun, so that these run elsewhere, and in their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import inf

from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.engine.dispatch.sent_group import SentGroup

LOOK_SECONDS = 0.1  # between two looks for psets that wait behind a long one
LOOK_COST = 20e-6  # seconds, at least, between two looks for each group, so that many groups cost little

Running = Callable[[int], tuple[int, float] | None]


class Recalls:
    """Decides which groups are recalled now, and when to look again.

    Parameters
    ----------
    sizer : GroupSizer
    clock : callable
        Returns the time in seconds.

    Attributes
    ----------
    look_at : float
        When to look again, because a pset may have held up others for too long by then.
    """

    def __init__(self, sizer: GroupSizer, clock: Callable[[], float]) -> None:
        self._sizer, self._clock = sizer, clock
        self._sooner_at = 0.0  # at the latest, because a pset that begins meanwhile may be a long one
        self.look_at = 0.0

    def due(self, sent: Collection[SentGroup], idle: int, running: Running) -> list[SentGroup]:
        """Return the groups to recall, those that share with idle workers first; none that was recalled.

        Parameters
        ----------
        sent, idle, running
            As for `groups_to_share`.
        """
        recalled = groups_to_share(sent, idle, running, self._sizer) if idle > 0 else []
        if (now := self._clock()) >= self._sooner_at:
            held_up, seconds = groups_held_up(sent, running, self._sizer)
            self.look_at = now + seconds
            self._sooner_at = min(self.look_at, now + LOOK_SECONDS)
            recalled += held_up
        return list({one.group.id: one for one in recalled}.values())


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
    about = [(count, one, running(one.group.id)) for count, one in waiting[:idle]]
    return [one for count, one, now in about if sizer.is_worth_moving(count, now[1] if now else 0.0)]


def groups_held_up(
    sent: Collection[SentGroup], running: Running, sizer: GroupSizer
) -> tuple[list[SentGroup], float]:
    """Return the groups in which a pset runs for so long that those behind it had better run elsewhere.

    So the psets begin nearly in their order: a long one among them does not begin when all others have ended.

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
        After how many seconds to look again, because another pset may have run for too long by then; infinite
        where the backend does not tell what runs.
    """
    most = sizer.held_up_seconds()
    known = [(now[1], one) for one in sent if not one.recalled and (now := running(one.group.id)) is not None]
    held_up = [one for seconds, one in known if seconds > most]
    if not known:
        return held_up, inf
    # Exactly then where a pset has run for a while; to wake for each that has just begun would cost more.
    soon = (most - seconds for seconds, _ in known if most / 2 < seconds <= most)
    look_again = min([LOOK_SECONDS, *soon])
    return held_up, max(look_again, LOOK_COST * len(sent))
