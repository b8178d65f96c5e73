"""What CI runs: in an environment without the developer's variables, and with the oldest dependencies."""

from __future__ import annotations

import doctest
import os
import re
import runpy
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").iterdir())
NOT_TESTED = {"lint", "dev"}  # extras that `make test-oldest` does not install
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


# ---- what is checked, and when


def test_a_commit_is_checked_like_make_lint() -> None:
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text())
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    checks = re.findall(r"\.venv/bin/(.*)", recipe)
    assert [hook.split()[0] for hook in hooks] == [check.split()[0] for check in checks]
    assert {"mypy --strict src", "lint-imports --no-cache --no-logo"} <= set(hooks) & set(checks)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_their_commit_with_the_version_beside_it(workflow: Path) -> None:
    used = re.findall(r"uses: (.*)", workflow.read_text())
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


# ---- a release


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with version 1.2.3 of the package, built, and with its heading in the changelog."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/check-release", tmp_path / ".ci")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/paramsurvey-1.2.3.tar.gz").touch()
    (tmp_path / "dist/paramsurvey-1.2.3-py3-none-any.whl").touch()
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-12-01\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/installation.md").write_text("# Installation\n\n`pip install paramsurvey`\n")
    return tmp_path


def check_release(project: Path, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([project / ".ci/check-release", version], capture_output=True, text=True)


def test_a_release_is_the_version_of_its_tag(project: Path) -> None:
    assert check_release(project, "1.2.3").returncode == 0
    wrong = check_release(project, "1.2.4")
    assert wrong.returncode == 1
    assert "set __version__ to 1.2.4" in wrong.stderr


def test_a_release_is_in_the_changelog(project: Path) -> None:
    (project / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    wrong = check_release(project, "1.2.3")
    assert wrong.returncode == 1
    assert "CHANGELOG.md has no '## 1.2.3 - DATE'" in wrong.stderr


def test_the_installation_page_tells_of_a_release(project: Path) -> None:
    (project / "docs/installation.md").write_text("Release 1.2.3 is not on the package index yet.\n")
    wrong = check_release(project, "1.2.3")
    assert wrong.returncode == 1
    assert "say 'pip install paramsurvey'" in wrong.stderr


# ---- coverage


def test_the_figure_of_the_readme_is_written_between_two_comments() -> None:
    program = runpy.run_path(str(ROOT / ".ci/coverage_figure.py"))
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for name in ("sentence", "with_figure"):
        for test in finder.find(program[name], name, globs=dict(program)):
            assert runner.run(test).failed == 0
    readme = (ROOT / "README.md").read_text()
    assert "a figure<!-- end" in program["with_figure"](readme, "a figure")
