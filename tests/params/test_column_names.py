"""What a column may be called."""

from __future__ import annotations

import pytest

from paramsurvey.params.column_names import check_names, refuse_duplicates


@pytest.mark.parametrize("names", [[], ["a"], ["a", "A", "a_", "a1", "größe", "match"]])
def test_identifiers_are_names(names: list[str]) -> None:
    check_names(names)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("class", "'class_'"),
        ("two words", "'two_words'"),
        ("2x", "'column_2x'"),
        ("", "'column'"),
        ("_private", "'private'"),
        ("_", "'column'"),
        (3, "'column_3'"),
        (("a", "b"), "rename it"),
    ],
)
def test_anything_else_is_refused_by_name_and_with_a_better_one(name: object, remedy: str) -> None:
    with pytest.raises(ValueError, match="column") as refusal:
        check_names(["a", name, "b"])  # type: ignore[list-item]
    assert repr(name) in str(refusal.value)
    assert remedy in str(refusal.value)


def test_a_proposed_name_is_accepted() -> None:
    for name in ("class", "a b", "2x", "_class", "a²", "__"):
        with pytest.raises(ValueError, match="for example to") as refusal:
            check_names([name])
        check_names([str(refusal.value).split("'")[-2]])


@pytest.mark.parametrize("check", [check_names, refuse_duplicates])
def test_a_name_that_is_there_twice_is_refused(check: object) -> None:
    with pytest.raises(ValueError, match="'b' occurs 2 times"):
        check(["a", "b", "c", "b"])  # type: ignore[operator]
