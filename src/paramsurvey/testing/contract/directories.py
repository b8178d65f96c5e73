"""Where psets run: `chdir` and `out_subdirs`, the same on every backend."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs

PSETS = [{"a": i} for i in range(30)]


def test_psets_run_in_the_drivers_directory(place: Place, in_tmp: Path) -> None:
    results = place.map(lambda p, s, u: {"where": os.getcwd()}, PSETS)
    assert set(results["where"]) == {str(in_tmp)}


def test_the_drivers_directory_is_that_of_the_moment(
    place: Place, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (in_tmp / name).mkdir()
        monkeypatch.chdir(in_tmp / name)
        results = place.map(lambda p, s, u: {"where": os.getcwd()}, PSETS)
        assert set(results["where"]) == {str(in_tmp / name)}


@pytest.mark.parametrize("kind", [str, Path])
def test_psets_run_in_chdir(place: Place, in_tmp: Path, kind: Any) -> None:
    (in_tmp / "there").mkdir()
    results = place.map(lambda p, s, u: {"where": os.getcwd()}, PSETS, chdir=kind(in_tmp / "there"))
    assert set(results["where"]) == {str(in_tmp / "there")}
    assert os.getcwd() == str(in_tmp)


def test_chdir_may_be_relative(place: Place, in_tmp: Path) -> None:
    (in_tmp / "there").mkdir()
    results = place.map(lambda p, s, u: {"where": os.getcwd()}, PSETS, chdir="there")
    assert set(results["where"]) == {str(in_tmp / "there")}


def test_the_next_map_is_back_home(place: Place, in_tmp: Path) -> None:
    (in_tmp / "there").mkdir()
    place.map(lambda p, s, u: None, PSETS, chdir="there")
    results = place.map(lambda p, s, u: {"where": os.getcwd()}, PSETS)
    assert set(results["where"]) == {str(in_tmp)}


@pytest.mark.parametrize("path", ["missing", "file"])
def test_a_chdir_that_is_no_directory_is_refused_before_any_work(
    place: Place, in_tmp: Path, path: str
) -> None:
    (in_tmp / "file").touch()
    ran = in_tmp / "ran"
    with pytest.raises(ValueError, match=f"chdir='{path}' is not a directory") as caught:
        place.map(lambda p, s, u: ran.touch(), PSETS, chdir=path)
    assert isinstance(caught.value, FileNotFoundError)
    assert not ran.exists()


@needs("own_directory")
def test_a_function_that_goes_elsewhere_leaves_the_next_pset_and_the_driver_at_home(
    place: Place, in_tmp: Path
) -> None:
    def settle(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, str]:
        found = os.getcwd()
        os.mkdir(f"d{pset['a']}")
        os.chdir(f"d{pset['a']}")
        return {"where": found}

    results = place.map(settle, PSETS, group_size=10)
    assert set(results["where"]) == {str(in_tmp)}
    assert os.getcwd() == str(in_tmp)
    assert not list(in_tmp.glob("*/*"))


@needs("own_directory")
def test_one_that_goes_elsewhere_in_a_group_that_is_answered_in_pieces(place: Place, in_tmp: Path) -> None:
    (in_tmp / "/".join(["deeper"] * 12)).mkdir(parents=True)

    def settle(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, str]:
        found = os.getcwd()
        os.chdir("deeper")
        time.sleep(
            0.03 if pset["a"] == 0 else 0
        )  # an answer comes after the first pset, and not after others
        return {"where": found}

    assert set(place.map(settle, PSETS[:10], group_size=10)["where"]) == {str(in_tmp)}


def test_out_subdirs_are_ps_and_a_zero_padded_number(place: Place) -> None:
    results = place.map(lambda p, s, u: {"subdir": s["out_subdir"]}, PSETS, out_subdirs=12)
    assert all(re.fullmatch(r"ps\d\d", name) for name in results["subdir"])
    assert {int(name[2:]) for name in results["subdir"]} <= set(range(12))
    assert len(set(results["subdir"])) > 1


@pytest.mark.parametrize(("count", "digits"), [(1, 1), (10, 1), (11, 2), (100, 2), (1000, 3)])
def test_out_subdirs_have_as_many_digits_as_the_largest_needs(place: Place, count: int, digits: int) -> None:
    results = place.map(lambda p, s, u: {"subdir": s["out_subdir"]}, PSETS, out_subdirs=count)
    assert {len(name) for name in results["subdir"]} == {2 + digits}


def test_a_pset_has_the_same_out_subdir_however_it_is_grouped(place: Place) -> None:
    found = [
        place.map(lambda p, s, u: {"subdir": s["out_subdir"]}, PSETS, out_subdirs=7, group_size=size)
        for size in (1, 4)
    ]
    assert found[0]["subdir"].tolist() == found[1]["subdir"].tolist()


@pytest.mark.parametrize("count", [None, 0])
def test_without_out_subdirs_there_is_no_out_subdir(place: Place, count: int | None) -> None:
    results = place.map(lambda p, s, u: {"has": "out_subdir" in s}, PSETS, out_subdirs=count)
    assert not results["has"].any()


@pytest.mark.parametrize("count", [-1, "many", 2.5])
def test_out_subdirs_must_be_a_number(place: Place, count: Any) -> None:
    with pytest.raises(ValueError, match="out_subdirs"):
        place.map(lambda p, s, u: None, PSETS, out_subdirs=count)
