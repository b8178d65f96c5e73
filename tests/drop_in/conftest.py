"""What the drop-in tests get: both releases, and a function that runs a program on both."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas
import pytest

from drop_in.releases import NEW, OLD, OLD_VERSION, Ran, differences, run

Both = Callable[..., tuple[Ran, Ran]]
Same = Callable[..., tuple[Ran, Ran]]


@pytest.fixture(scope="session")
def old_pandas() -> str:
    """Return the version of pandas that release 0.4.21 works with; fail where that is not installed."""
    ask = "import pandas, importlib.metadata as m; print(m.version('paramsurvey'), pandas.__version__)"
    try:
        words = subprocess.run([OLD.python, "-c", ask], capture_output=True, text=True, check=True).stdout
        release, version = words.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        release, version = "none", ""
    if release != OLD_VERSION:
        pytest.fail(
            f"these tests run programs on release {OLD_VERSION} too, which is not in .venv-0.4: 'make old'",
            pytrace=False,
        )
    return version


@pytest.fixture
def both(old_pandas: str, tmp_path: Path) -> Both:
    """Run a program on both releases, and return what it did on each."""
    if old_pandas.partition(".")[0] != pandas.__version__.partition(".")[0]:
        pytest.skip(f"0.4.21 has pandas {old_pandas}, this release {pandas.__version__}: their dtypes differ")

    def both(program: str | Path, *args: str, **options: Any) -> tuple[Ran, Ran]:
        with ThreadPoolExecutor(2) as threads:  # 0.4 takes its time, and most of it is spent waiting
            old, new = (threads.submit(run, one, program, tmp_path, *args, **options) for one in (OLD, NEW))
            return old.result(), new.result()

    return both


@pytest.fixture
def same(both: Both) -> Same:
    """Run a program on both releases, and fail when what it shows is not the same."""

    def same(program: str | Path, *args: str, **options: Any) -> tuple[Ran, Ran]:
        old, new = both(program, *args, **options)
        assert old.shown, f"the program shows nothing:\n{old.stderr}"
        assert not (found := differences(old.shown, new.shown)), "\n".join(found)
        return old, new

    return same
