"""The tests of release 0.4.21 itself, as its sdist has them, run against this package.

`make old` fetches them; none of them is kept here. Each suite is run in a process of its own, as 0.4 does.
What fails is on the list below, with the reason; a test on the list that passes must leave it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pandas
import pytest

from drop_in.releases import KEPT, OLD_ENVIRONMENT, OLD_VERSION

SUITES = OLD_ENVIRONMENT / "original" / f"paramsurvey-{OLD_VERSION}" / "test"

PRIVATE = "it tests a function of the inside of 0.4, which nothing else names: "
EMPTY = "on purpose: empty psets give an empty MapResults, where 0.4 gives None"
NESTED = "on purpose: a worker may have processes of its own, where 0.4 ends the whole program"
ON_BOTH = "0.4.21 fails it, too, with pandas 3, whose categorical of these values is the smaller one"

FAILS: dict[str, dict[str, str]] = {
    "unit/test_multiprocessing.py": {"test__core_count": PRIVATE + "psmultiprocessing._core_count"},
    "unit/test_pslogger.py": {"test_atomic_create_ish": PRIVATE + "pslogger.atomic_create_ish"},
    "unit/test_params.py": {
        "test__coerce_to_category": PRIVATE + "params._coerce_to_category",
        "test__infer_category": PRIVATE + "params._infer_category",
        **({} if pandas.__version__ < "3" else {"test_add_column": ON_BOTH}),
    },
    "unit/test_stats.py": {},
    "unit/test_utils.py": {
        "test_get_pset_group": PRIVATE + "utils.get_pset_group",
        "test_init_resolve_kwargs": PRIVATE + "utils.initialize_kwargs and resolve_kwargs",
    },
    "integration/test_generic.py": {"test_args": EMPTY},
    "integration/test_stress.py": {},
    "integration/test-multiprocessing-failure.py": {},
    "integration/test-env-overrides.py": {},
    "integration/test-generic_init_max_tasks_per_child.py": {},
    "integration/test-multiprocessing-nest.py": {"test_multiprocessing_nesting": NESTED},
    "integration/test-multiprocessing-omp.py": {},
}
ON_RAY: dict[str, dict[str, str]] = {
    "integration/test_generic.py": {"test_args": EMPTY},
    "integration/test_stress.py": {},
    "integration/test-generic_init_max_tasks_per_child.py": {},
}
BUSY = {"test_stress_10"}  # compares times to 10 ms, which fails where other programs use the cores
VARIABLES = {"integration/test-multiprocessing-omp.py": {"OMP_NUM_THREADS": "3"}}
HANGS = 540  # seconds

pytestmark = [pytest.mark.usefixtures("old_pandas"), pytest.mark.limit(HANGS + 10)]


def outcomes(
    suite: str, directory: Path, backend: str, variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Run a suite in a copy of its directory; return the tests that did not pass, each with its error."""
    assert SUITES.is_dir(), f"{SUITES} has the tests of 0.4.21 and is not there: make old"
    copy = directory / "copy"
    shutil.copytree((SUITES / suite).parent, copy)
    report = directory / "report.xml"
    clean = {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={report}", Path(suite).name],
        cwd=copy,
        env={**clean, "PARAMSURVEY_BACKEND": backend, **VARIABLES.get(suite, {}), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert report.exists(), done.stdout + done.stderr
    return dict(_failures(report)) if done.returncode else {}


def _failures(report: Path) -> list[tuple[str, str]]:
    cases = ElementTree.parse(report).iter("testcase")
    bad = [
        (case, case.find("failure") if case.find("error") is None else case.find("error")) for case in cases
    ]
    return [
        (case.get("name") or case.get("classname") or "", problem.get("message") or "")
        for case, problem in bad
        if problem is not None
    ]


@pytest.mark.parametrize("suite", FAILS)
def test_suite(suite: str, tmp_path: Path) -> None:
    found = outcomes(suite, tmp_path, "multiprocessing")
    if list(found.values()) == ["collection failure"]:  # it imports a private module: no test of it was run
        found = dict.fromkeys(FAILS[suite], "collection failure")
    assert set(found) - BUSY == set(FAILS[suite]), found


@pytest.mark.parametrize("suite", ON_RAY)
def test_suite_on_ray(suite: str, tmp_path: Path) -> None:
    found = outcomes(suite, tmp_path, "ray")
    assert set(found) - BUSY == set(ON_RAY[suite]), found


def test_suite_where_ray_is_not_installed(tmp_path: Path) -> None:
    without = tmp_path / "without"
    without.mkdir()
    (without / "ray.py").write_text("raise ImportError('not installed')\n", encoding="utf-8")
    suite = "integration/test-only-builtins.py"
    assert outcomes(suite, tmp_path, "ray", {"PYTHONPATH": str(without)}) == {}


def test_every_suite_is_run() -> None:
    suites = {path.relative_to(SUITES).as_posix() for path in SUITES.rglob("test*.py")}
    assert suites == {*FAILS, *ON_RAY, "integration/test-only-builtins.py"}


def test_no_more_fails_than_private_names_and_two_deliberate_differences() -> None:
    reasons = {reason for tests in FAILS.values() for reason in tests.values()} - {ON_BOTH}
    assert {reason for reason in reasons if not reason.startswith(PRIVATE)} == {EMPTY, NESTED}
