"""Backends that other packages register: found by name, lazily, and checked like ours."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import paramsurvey
from paramsurvey.backends import registry
from paramsurvey.errors import BackendMissing, OptionError, UnknownOption

PSETS = [{"a": 1}, {"a": 2}]

MODULE = """
from paramsurvey.backends.serial import SerialBackend
from paramsurvey.errors import UnknownOption, suggestion

class TheirBackend(SerialBackend):
    name = "{name}"
    opened = []
    groups = []

    def __init__(self, options, own):
        super().__init__(options, own)
        self.own = self.check_options(own)

    def check_options(self, options):
        for option in options:
            if option != "speed":
                near = suggestion(option, ["speed"])
                raise UnknownOption(f"the {name} backend has no option {{option!r}}{{near}}")
        return options

    def open(self, job, options):
        self.opened.append({{**self.own, **options}})
        super().open(job, options)

    def submit(self, group):
        self.groups.append((len(group), group.options))
        super().submit(group)
"""

Install = Callable[..., Any]


@pytest.fixture
def install(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install packages with a backend, as pip would, into a directory of the search path."""
    monkeypatch.syspath_prepend(in_tmp / "site")
    monkeypatch.setattr(registry, "_registered", registry._registered.__wrapped__)  # nothing known of before

    def install(backend: str = "theirs", package: str = "survey-theirs", module: str = MODULE) -> None:
        name = package.replace("-", "_")
        about = in_tmp / "site" / f"{name}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[paramsurvey.backends]\n{backend} = {name}:TheirBackend\n")
        (in_tmp / "site" / f"{name}.py").write_text(module.format(name=backend))
        monkeypatch.delitem(sys.modules, name, raising=False)

    return install


def theirs() -> Any:
    import survey_theirs

    return survey_theirs.TheirBackend


def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": 2 * pset["a"]}


def test_it_is_used_by_its_name(install: Install) -> None:
    install()
    paramsurvey.init(backend="theirs", verbose=0)
    assert paramsurvey.backend() == "theirs"
    assert paramsurvey.map(double, PSETS)["b"].tolist() == [2, 4]
    assert theirs().groups


def test_it_is_used_by_its_name_in_the_environment(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    monkeypatch.setenv("PARAMSURVEY_BACKEND", "theirs")
    paramsurvey.init(verbose=0)
    assert paramsurvey.backend() == "theirs"


def test_the_program_takes_its_name_too(install: Install, in_tmp: Path) -> None:
    install()
    command = ["run", "-p", "a=1,2", "--backend", "theirs", "-o", "out.csv", "--", "echo", "{a}"]
    done = subprocess.run(
        [sys.executable, "-c", "from paramsurvey.cli import main; main()", *command],
        env={**os.environ, "PYTHONPATH": str(in_tmp / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert pd.read_csv("out.csv")["stdout"].tolist() == [1, 2]


def test_its_options_are_given_under_its_name(install: Install) -> None:
    install()
    paramsurvey.init(backend="theirs", theirs={"speed": 1}, verbose=0)
    paramsurvey.map(double, PSETS)
    paramsurvey.map(double, PSETS, theirs={"speed": 3})
    assert theirs().opened == [{"speed": 1}, {"speed": 3}]


def test_other_options_under_its_name_are_another_backend(install: Install) -> None:
    install()
    with paramsurvey.Session(backend="theirs", theirs={"speed": 1}, verbose=0) as session:
        before = session.backend
        session.update(backend="theirs", theirs={"speed": 1}, verbose=0)
        assert session.backend is before
        session.update(backend="theirs", theirs={"speed": 2}, verbose=0)
        assert session.backend is not before


def test_a_pset_may_have_options_for_it(install: Install) -> None:
    install()
    paramsurvey.init(backend="theirs", verbose=0)
    paramsurvey.map(double, [{"a": 1, "theirs": {"speed": 5}}, {"a": 2, "theirs": {}}])
    assert theirs().groups == [(1, {"speed": 5}), (1, {})]


def test_an_option_that_it_does_not_have_is_refused_in_its_own_words(install: Install) -> None:
    install()
    with pytest.raises(UnknownOption, match="the theirs backend has no option 'sped'; did you mean 'speed'"):
        paramsurvey.init(backend="theirs", theirs={"sped": 1}, verbose=0)


def test_its_options_must_be_a_dict(install: Install) -> None:
    install()
    with pytest.raises(OptionError, match=r"theirs has the value 3, .* theirs takes a dict"):
        paramsurvey.init(backend="theirs", theirs=3, verbose=0)


def test_its_options_are_ignored_while_another_backend_is_in_use(install: Install) -> None:
    install()
    paramsurvey.init(backend="serial", theirs={"speed": 1}, verbose=0)
    assert len(paramsurvey.map(double, PSETS, theirs={"anything": 1})) == 2


def test_what_no_package_registers_is_an_unknown_option() -> None:
    with pytest.raises(UnknownOption, match=r"init\(\) has no option 'theirs'"):
        paramsurvey.init(backend="serial", theirs={"speed": 1}, verbose=0)


def test_a_name_that_is_nearly_its_own_is_answered_with_it(install: Install) -> None:
    install()
    with pytest.raises(OptionError, match="there is no backend 'their'; did you mean 'theirs'"):
        paramsurvey.init(backend="their")
    with pytest.raises(OptionError, match="one of multiprocessing, serial, ray, futures, theirs, or a"):
        paramsurvey.init(backend=3)


def test_no_package_is_asked_while_a_backend_of_ours_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(**kwargs: Any) -> Any:
        pytest.fail("the installed packages were read")

    monkeypatch.setattr(importlib.metadata, "entry_points", asked)
    paramsurvey.init(backend="serial", ray={"address": "x"}, verbose=0)
    assert len(paramsurvey.map(double, PSETS, limit=1, serial={})) == 1


def test_a_package_that_is_installed_while_the_program_runs_is_found(install: Install) -> None:
    with pytest.raises(OptionError, match="there is no backend 'theirs'"):
        paramsurvey.init(backend="theirs", verbose=0)
    install()
    paramsurvey.init(backend="theirs", verbose=0)
    assert paramsurvey.backend() == "theirs"


def test_one_that_cannot_be_imported_is_told_with_its_package(install: Install) -> None:
    install(module="import no_such_module")
    with pytest.raises(BackendMissing, match=r"'theirs' of the package survey-theirs .*no_such_module"):
        paramsurvey.init(backend="theirs", verbose=0)


def test_one_that_calls_itself_otherwise_is_refused(install: Install) -> None:
    install(module=MODULE.replace('"{name}"', '"mine"'))
    with pytest.raises(OptionError, match="registers as the backend 'theirs', has the name 'mine'"):
        paramsurvey.init(backend="theirs", verbose=0)


def test_two_packages_with_one_name_are_refused(install: Install) -> None:
    install()
    install(package="other-survey")
    with pytest.raises(OptionError, match="other-survey and the package survey-theirs both register"):
        paramsurvey.init(backend="theirs", verbose=0)


@pytest.mark.parametrize("name", ["limit", "their-own"])
def test_a_name_that_cannot_be_a_keyword_of_its_own_is_refused(install: Install, name: str) -> None:
    install(backend=name)
    with pytest.raises(OptionError, match=f"{name!r} of the package survey-theirs cannot be used"):
        paramsurvey.init(backend=name, verbose=0)


def test_ours_cannot_be_replaced(install: Install) -> None:
    install(backend="serial")
    paramsurvey.init(backend="serial", verbose=0)
    assert paramsurvey.map(double, PSETS)["b"].tolist() == [2, 4]
    assert registry.names().count("serial") == 1
