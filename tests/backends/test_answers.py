"""Answers of workers are unpickled in the driver, whatever is in them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from paramsurvey.backends.answers import AnswerUnreadable, read_answer
from paramsurvey.errors import Stopped


class Raises:
    """Raises an exception of a class when it is unpickled."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        return raise_, (self.kind,)


def raise_(kind: type[BaseException]) -> None:
    raise kind("no")


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit])
def test_whatever_unpickling_raises_is_the_failure_of_a_pset(kind: type[BaseException]) -> None:
    with pytest.raises(AnswerUnreadable) as caught:
        read_answer(pickle.dumps(Raises(kind)))
    assert f"the result cannot be unpickled here ({kind.__name__}('no'))" in caught.value.failure.exception


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Stopped])
def test_what_ends_a_map_while_an_answer_is_read_ends_it(kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        read_answer(pickle.dumps(Raises(kind)))
