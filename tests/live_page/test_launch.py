"""The page beside a map, and the command that shows one: starting it, and what is refused."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from page_surveys import PSETS, worker

import paramsurvey
from conftest import runs, wait_until
from paramsurvey.cli.program import run_program
from paramsurvey.errors import OptionError, PackageMissing
from paramsurvey.live_page.launch import Pages
from paramsurvey.live_page.serving import NICE

NICEST = 19  # there is nothing beyond it


def page_processes() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "live_page" in " ".join(one.cmdline())]


def test_view_needs_a_checkpoint() -> None:
    paramsurvey.init(backend="serial", verbose=0)
    with pytest.raises(OptionError, match="give checkpoint='DIR', too"):
        paramsurvey.map(worker, PSETS, view=True)


def test_a_session_with_view_runs_maps_without_a_checkpoint(nothing_left: None) -> None:
    paramsurvey.init(backend="serial", verbose=0, view=True)
    assert len(paramsurvey.map(worker, PSETS)) == 21
    assert page_processes() == []


def test_a_package_that_is_missing_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "starlette" else found(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    paramsurvey.init(backend="serial", verbose=0)
    with pytest.raises(PackageMissing, match=r"pip install 'paramsurvey\[view\]'"):
        paramsurvey.map(worker, PSETS, checkpoint="out", view=True)
    assert not Path("out").exists()


def test_a_checkpoint_has_one_page_which_ends_with_the_session(nothing_left: None) -> None:
    paramsurvey.init(backend="serial", verbose=0, view=True)
    paramsurvey.map(worker, PSETS, checkpoint="out")
    (page,) = page_processes()
    paramsurvey.map(worker, PSETS, checkpoint="out")
    assert page_processes() == [page]
    paramsurvey.finalize()
    assert not runs(page.pid)


def test_a_page_leaves_the_cores_to_the_survey(nothing_left: None) -> None:
    paramsurvey.init(backend="serial", verbose=0, view=True)
    paramsurvey.map(worker, PSETS, checkpoint="out")
    (page,) = page_processes()
    assert page.nice() == min(NICEST, psutil.Process().nice() + NICE)
    paramsurvey.finalize()


def test_a_page_that_was_killed_is_started_again_for_the_next_map(nothing_left: None) -> None:
    Path("out").mkdir()
    pages = Pages()
    assert (pages.open("out") or "").startswith("http://127.0.0.1:")
    (page,) = page_processes()
    page.kill()
    wait_until(lambda: not runs(page.pid), "it does not end")
    assert (pages.open("out") or "").startswith("http://127.0.0.1:")
    assert pages.open("out") is None
    pages.close()


def test_a_page_that_cannot_start_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    paramsurvey.init(backend="serial")
    monkeypatch.setattr(sys, "executable", "")
    assert len(paramsurvey.map(worker, PSETS, checkpoint="out", view=True)) == 21
    assert "the live page could not be started: paramsurvey view out says why" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["http://lab", "*"])
def test_what_is_no_name_is_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(worker, PSETS, checkpoint="out")
    assert run_program(["view", "out", "--allow-host", name]) == 2
    assert "is not the name of a machine" in capfd.readouterr().err


def test_a_port_that_is_taken_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(worker, PSETS, checkpoint="out")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_program(["view", "out", "--port", str(port)]) == 2
    assert f"--port {port} cannot be used" in capfd.readouterr().err


def test_what_is_no_checkpoint_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert run_program(["view", "empty"]) == 2
    assert "is not a checkpoint" in capfd.readouterr().err
