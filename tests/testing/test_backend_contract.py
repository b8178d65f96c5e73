"""The class that the author of a backend inherits from: which tests it has, and what it needs."""

from __future__ import annotations

import subprocess
import sys

from paramsurvey.testing import BackendContract
from paramsurvey.testing.contract import SUBJECTS


def test_a_test_is_collected_only_where_the_traits_allow_it() -> None:
    class Simple(BackendContract):
        backend = "serial"

    class Sturdy(Simple):
        replaces_workers = True

    name = "test_a_worker_that_dies_costs_its_pset"
    assert getattr(Simple, name) is None
    assert callable(getattr(Sturdy, name))


def test_no_two_subjects_have_tests_of_one_name() -> None:
    names = [name for subject in SUBJECTS for name in vars(subject) if name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_a_test_that_is_set_to_none_stays_out_in_subclasses() -> None:
    class Simple(BackendContract):
        backend = "serial"
        test_a_lambda = None

    class Sturdy(Simple):
        replaces_workers = True

    assert Sturdy.test_a_lambda is None


def test_without_pytest_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['pytest'] = None; import paramsurvey.testing"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        "PackageMissing: paramsurvey.testing needs pytest: pip install 'paramsurvey[testing]'" in done.stderr
    )


def test_nothing_else_loads_pytest() -> None:
    program = "import sys, paramsurvey; paramsurvey.map, paramsurvey.backends; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
