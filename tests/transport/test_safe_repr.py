"""Exceptions as text: in one line, with what their repr leaves out, and with their tracebacks."""

from __future__ import annotations

import pytest

from paramsurvey.transport.safe_repr import LONGEST_TRACEBACK, describe_error, traceback_of


class MakesItsOwnText(Exception):
    def __str__(self) -> str:
        return "the star\nhas no mass"


class FailsToTell(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no"), "ValueError('no')"),
        (FileNotFoundError(2, "No such file", "a.csv"), "FileNotFoundError(2, 'No such file'): 'a.csv'"),
        (OSError(18, "Invalid link", "a", None, "b"), "OSError(18, 'Invalid link'): 'a' -> 'b'"),
        (OSError("disk"), "OSError('disk')"),
        (MakesItsOwnText(), "MakesItsOwnText(): the star has no mass"),
        (FailsToTell(), "FailsToTell()"),
        (KeyboardInterrupt(), "KeyboardInterrupt()"),
    ],
)
def test_what_repr_leaves_out_is_added(error: BaseException, line: str) -> None:
    assert describe_error(error) == line


def test_of_a_huge_exception_the_beginning_and_the_end_of_its_traceback_are_kept() -> None:
    """Else a few thousand failures fill the driver's memory and the checkpoint."""
    error = ValueError("the matrix is singular: " + "0.0 " * 1_000_000 + "and so on")
    error.add_note("see the manual")
    text = traceback_of(error)
    assert len(text) < LONGEST_TRACEBACK + 100
    assert text.startswith("ValueError: the matrix is singular")
    assert "characters left out" in text
    assert text.endswith("and so on\nsee the manual\n")
