"""Notices if the program has closed the files that lead to the workers."""

from __future__ import annotations

from paramsurvey.backends.multiprocessing.pool.groups_in_hand import GroupsInHand
from paramsurvey.backends.multiprocessing.pool.worker_set import WorkerSet
from paramsurvey.transport.own_descriptors import descriptors_lost


class WorkerFiles:
    """The driver's files through which it reaches its workers.

    Once the program has closed one of them, as ``os.closerange`` does, all workers are abandoned, because the
    files' numbers may now belong to other files.

    Parameters
    ----------
    workers : WorkerSet
    in_hand : GroupsInHand
    """

    def __init__(self, workers: WorkerSet, in_hand: GroupsInHand) -> None:
        self._workers = workers
        self._in_hand = in_hand
        self._are_lost = False

    def are_ours(self) -> bool:
        """Tell whether the program has left the files alone; if not, abandon all workers."""
        if not self._are_lost and not self._workers.has_its_files():
            self._are_lost = True
            self._workers.abandon()
            self._in_hand.clear()
        return not self._are_lost

    def check(self) -> None:
        """Raise an error if the program has closed one of the files.

        Raises
        ------
        BackendLost
        """
        if not self.are_ours():
            raise descriptors_lost()
