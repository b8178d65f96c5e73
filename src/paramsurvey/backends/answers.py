"""Unpickles workers' answers in the driver: whatever is in them, only their own psets can be lost."""

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
        That of the pset that it is about.
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
        Unpickling it raised an exception. The values in it have pickles of their own, but keys of results may
        be objects, whose classes run code now.
    """
    try:
        return pickle.loads(packed)
    except INTERRUPTIONS:
        raise
    except BaseException as error:  # even SystemExit
        raise AnswerUnreadable(error) from error
