"""Public programs that use 0.4, built again as small programs with the same calls, give the same on both."""

from __future__ import annotations

import pytest

from drop_in.conftest import Same

ON_RAY = pytest.param("ray", marks=pytest.mark.limit(300))


def test_ehtim_survey_writes_the_same_files(same: Same) -> None:
    old, new = same("client_ehtim_survey.py")
    assert old.files() == new.files()
    assert len(new.files()) == 16 * 3


def test_multimpi_leaders_and_followers_find_each_other(same: Same) -> None:
    _, new = same("client_multimpi.py")
    assert new["leaders"]["value"] == [[0, "ranks 3\n"]] * 3


@pytest.mark.parametrize("backend", ["multiprocessing", ON_RAY])
def test_weather_builder_writes_the_same_files(backend: str, same: Same) -> None:
    old, new = same("client_weather_builder.py", backend)
    assert old.files() == new.files()
    assert old.stdout == new.stdout


@pytest.mark.parametrize("backend", ["multiprocessing", ON_RAY])
def test_difx_driver_runs_its_jobs(backend: str, same: Same) -> None:
    old, new = same("client_difx_driver.py", backend)
    assert old.files() == new.files()
    assert len(new.files()) == 6 * 2


def test_difmap_driver_runs_its_pipes(same: Same) -> None:
    old, new = same("client_difmap_driver.py")
    assert old.files() == new.files() != {}
    assert old.stdout == new.stdout


def test_what_psets_print_is_passed_on(same: Same) -> None:
    old, new = same("client_scheduler_hello.py")
    assert sorted(old.stdout.splitlines()) == sorted(new.stdout.splitlines())
    assert len(new.stdout.splitlines()) == 15


def test_a_survey_in_stages_with_missing_psets(same: Same) -> None:
    same("client_stages.py")
