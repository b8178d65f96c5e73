"""Exceptions in one line, with what their repr leaves out."""

from __future__ import annotations

import pytest

from paramsurvey.transport.safe_repr import describe_error


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
