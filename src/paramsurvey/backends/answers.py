"""Answers of workers, unpickled in the driver: whatever is in them, no more than their psets is lost."""

from __future__ import annotations

import pickle
from typing import Any

from paramsurvey.errors import INTERRUPTIONS
from paramsurvey.transport.messages import Failure, FailureKind
from paramsurvey.transport.safe_repr import describe


class AnswerUnreadable(Exception):
    """An answer cannot be unpickled here.

    Attributes
    ----------
    failure : Failure
        Of the pset that it is about.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(cause)
        self.failure = Failure(
            FailureKind.UNSENDABLE,
            f'NotPicklable("the result cannot be unpickled here ({describe(cause)}): '
            'return plain data instead")',
        )


def read_answer(packed: bytes | bytearray) -> Any:
    """Return what a worker has pickled.

    Raises
    ------
    AnswerUnreadable
        The values in it are pickled by themselves, but keys of results may be objects, and do anything now.
    """
    try:
        return pickle.loads(packed)
    except INTERRUPTIONS:
        raise
    except BaseException as error:  # also SystemExit
        raise AnswerUnreadable(error) from error
