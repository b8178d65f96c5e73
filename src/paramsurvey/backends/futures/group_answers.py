"""What an executor returned for a group: whether it is an answer at all, and a whole one."""

from __future__ import annotations

from typing import Any

from paramsurvey.backends.answers import AnswerUnreadable, read_answer
from paramsurvey.transport.messages import (
    Answer,
    Failure,
    FailureKind,
    Group,
    JobRejected,
    LostGroup,
    Reply,
)

NO_ANSWER = Failure(
    FailureKind.CRASHED,
    "WorkerDied('the executor returned something else than what was submitted to it')",
)


def unpacked(group: Group, packed: Any) -> list[Answer]:
    """Return the answers that came back for a group; its loss where they cannot be read, or are none."""
    try:
        answers = [read_answer(answer) for answer in packed]
    except AnswerUnreadable as error:
        return [LostGroup(group.id, error.failure)]
    except TypeError:
        answers = []
    return answers if are_whole(group, answers) else [LostGroup(group.id, NO_ANSWER)]


def are_whole(group: Group, answers: list[Any]) -> bool:
    """Tell whether these are all answers to a group."""
    if any(
        not isinstance(one, JobRejected) and getattr(one, "group_id", None) != group.id for one in answers
    ):
        return False
    last = answers[-1] if answers else None
    return isinstance(last, (LostGroup, JobRejected)) or (isinstance(last, Reply) and last.done)
