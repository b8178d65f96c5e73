"""Checks what came back for a group: is it all of the answers, and nothing else?"""

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

NOT_ANSWERS = Failure(
    FailureKind.CRASHED,
    "WorkerDied('the executor did not return what the submitted function returned: use another executor')",
)


def read_answers(group: Group, returned: Any) -> list[Answer]:
    """Return the answers that came back for a group; its loss if they cannot be read or are incomplete."""
    if not isinstance(returned, (list, tuple)):  # another iterable might do anything
        return [LostGroup(group.id, NOT_ANSWERS)]
    try:
        answers = [read_answer(answer) for answer in returned]
    except AnswerUnreadable as error:
        return [LostGroup(group.id, error.failure)]
    return answers if are_whole(group, answers) else [LostGroup(group.id, NOT_ANSWERS)]


def are_whole(group: Group, answers: list[Any]) -> bool:
    """Tell whether these are all of the answers to a group, and nothing else."""
    for answer in answers:
        if not isinstance(answer, JobRejected) and getattr(answer, "group_id", None) != group.id:
            return False
    last = answers[-1] if answers else None
    return isinstance(last, (LostGroup, JobRejected)) or (isinstance(last, Reply) and last.done)
