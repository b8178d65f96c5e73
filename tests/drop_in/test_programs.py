"""Programs in the way of astronomers, written without a look at the code: 0.4.21 and here show the same."""

from __future__ import annotations

import pytest

from drop_in.conftest import Same


def test_a_main_file_tells_the_program_from_its_workers_by_the_name_of_the_process(same: Same) -> None:
    old, new = same("told_by_process_name.py")
    assert old.files() == new.files()
    assert new.files()["started.txt"] == b"once\n"


@pytest.mark.parametrize(
    "program",
    [
        "guard_by_a_variable.py",
        "limit_of_none.py",
        "named_rows.py",
        "pslogger_module.py",
        "unnamed_series.py",
    ],
)
def test_shows_the_same(program: str, same: Same) -> None:
    same(program)


@pytest.mark.limit(300)  # on each release it starts a Ray
def test_references_to_what_ray_holds_may_be_sent_and_returned(same: Same) -> None:
    same("ray_references.py")
