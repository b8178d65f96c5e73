"""What CI runs: in an environment without the developer's variables, and with the oldest dependencies."""

from __future__ import annotations

import os
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NOT_TESTED = {"docs", "lint", "dev"}  # extras that `make test-oldest` does not install
OLDEST = {"python_version": "3.11", "sys_platform": "linux", "platform_machine": "x86_64"}


def clean(*options: str, **variables: str) -> set[str]:
    """Return the names of the variables that a command gets through `.ci/clean`."""
    command = [ROOT / ".ci" / "clean", *options, "env"]
    run = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=True)
    return {line.partition("=")[0] for line in run.stdout.splitlines()}


def test_no_variable_of_the_developers_reaches_the_tests() -> None:
    theirs = dict.fromkeys(("PYTHONUNBUFFERED", "PYTHONPATH", "OMP_NUM_THREADS", "PARAMSURVEY_NCORES"), "1")
    assert {"PATH", "HOME"} <= clean(**theirs) <= {"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"}


def test_only_pip_gets_what_it_needs_to_reach_its_index() -> None:
    theirs = {"PIP_INDEX_URL": "http://localhost", "SSL_CERT_FILE": "certs.pem", "PYTHONPATH": "1"}
    assert clean("--pip", **theirs) - clean(**theirs) >= {"PIP_INDEX_URL", "SSL_CERT_FILE"}
    assert "PYTHONPATH" not in clean("--pip", **theirs)


def test_the_oldest_versions_are_those_that_the_package_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [own for extra, own in project["optional-dependencies"].items() if extra not in NOT_TESTED]
    given = map(Requirement, [*project["dependencies"], *chain(*extras)])
    here = [one for one in given if one.marker is None or one.marker.evaluate(OLDEST)]
    lowest = {f"{one.name}=={limit}" for one in here if one.name != "paramsurvey" for limit in lowest_of(one)}
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    assert lowest == {line for line in lines if line and not line.startswith("#")}


def lowest_of(requirement: Requirement) -> list[str]:
    limits = [limit.version for limit in requirement.specifier if limit.operator == ">="]
    assert limits, f"{requirement} needs a lowest version"
    return limits
