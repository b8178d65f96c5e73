"""What is said once per user and machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paramsurvey.session.told_once import was_told_before


@pytest.fixture(autouse=True)
def cache(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_tmp / "cache"))
    return in_tmp / "cache" / "paramsurvey"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramsurvey.session.told_once.is_terminal", lambda stream: True)


@pytest.mark.usefixtures("terminal")
def test_who_sits_at_a_terminal_is_told_once_of_each_thing(cache: Path) -> None:
    assert [was_told_before("threads"), was_told_before("threads"), was_told_before("other")] == [
        False,
        True,
        False,
    ]
    assert len(list(cache.iterdir())) == 2


def test_a_file_or_a_pipe_is_told_each_time(cache: Path) -> None:
    assert [was_told_before("threads"), was_told_before("threads")] == [False, False]
    assert not cache.exists()


@pytest.mark.usefixtures("terminal")
def test_the_mark_follows_no_link(cache: Path, in_tmp: Path) -> None:
    was_told_before("threads")
    (mark,) = cache.iterdir()
    mark.unlink()
    mark.symlink_to(in_tmp / "elsewhere")
    assert was_told_before("threads")
    assert not (in_tmp / "elsewhere").exists()


@pytest.mark.usefixtures("terminal")
@pytest.mark.skipif(os.name != "posix", reason="there is no /dev/null")
def test_without_a_place_for_the_mark_it_is_said_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert [was_told_before("threads"), was_told_before("threads")] == [False, False]
