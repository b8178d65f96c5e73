"""What to tell the survey about a task that Ray has no answer for."""

from __future__ import annotations

from typing import Any

from paramsurvey.transport.messages import Answer, Failure, FailureKind, JobRejected, LostGroup


class LossesInARow:
    """Counts how often Ray workers were lost, one loss after the other, without any answer in between.

    A node with many cores that dies loses many groups, but this is one loss: another one counts only if its
    group was submitted after the last that counted.

    Attributes
    ----------
    count : int

    Examples
    --------
    >>> losses = LossesInARow()
    >>> before = losses.total
    >>> losses.lost(before), losses.lost(before), losses.count
    (None, None, 1)
    >>> losses.lost(losses.total), losses.count
    (None, 2)
    """

    def __init__(self) -> None:
        self.total = 0  # of the losses that counted; a group keeps what it was when it was submitted
        self.count = 0

    def lost(self, total_before: int) -> None:
        """Count the loss of a group, if it was submitted after the last loss that counted."""
        if total_before == self.total:
            self.total, self.count = self.total + 1, self.count + 1

    def answered(self) -> None:
        """Take note that a Ray worker has answered."""
        self.count = 0


def answer_for(errors: Any, group_id: int, error: Exception) -> Answer:
    """Return what to tell the survey about a task that Ray has no answer for.

    Parameters
    ----------
    errors : module
        ``ray.exceptions``
    group_id : int
    error : RayError
    """
    text = str(error)
    if isinstance(error, (errors.RuntimeEnvSetupError, errors.TaskUnschedulableError)):
        return JobRejected(f"Ray cannot run the tasks: {text}")
    if isinstance(error, errors.RayTaskError) and isinstance(error.cause, ImportError):
        return JobRejected(
            f"the Ray workers cannot import what they need ({error.cause}): "
            "install the same paramsurvey on all nodes",
            text,
        )
    reason = f"{type(error).__name__}: {first_sentence(text)}"
    raised_by_task = isinstance(error, errors.RayTaskError)  # if not, the Ray worker or its node is gone
    return LostGroup(group_id, died(reason, text) if raised_by_task else node_lost(reason, text))


def out_of_memory(group_id: int, text: str) -> LostGroup:
    """Return the loss of a group whose Ray worker was ended because a node ran out of memory."""
    reason = first_sentence(text).replace("1 worker(s) were", "the worker was")
    return LostGroup(group_id, Failure(FailureKind.OUT_OF_MEMORY, f"OutOfMemoryError({reason!r})", text))


def died(reason: str, details: str = "") -> Failure:
    """Return the failure of psets whose Ray worker is gone."""
    return Failure(FailureKind.CRASHED, f"WorkerDied({reason!r})", details)


def node_lost(reason: str, details: str = "") -> Failure:
    """Return what happened to a group whose Ray worker, or its node, is gone; no pset is the cause."""
    return Failure(FailureKind.NODE_LOST, f"NodeLost({reason!r})", details)


def first_sentence(text: str) -> str:
    """Return the first sentence of what Ray says."""
    return text.partition("\n")[0].partition(". ")[0]
