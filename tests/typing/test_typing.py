"""The types of the public names, as the type checkers of our users see them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    find_spec("mypy") is None,
    reason="the type checkers come with the extra 'lint', whose types are the newest",
)

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = ("accepted.py", "rejected.py")
PAGE = ROOT / "docs/how-to/write-a-backend.md"

Line = tuple[str, int]


def mypy(files: list[Path]) -> list[tuple[Line, str]]:
    """Return the lines of which mypy complains, with what it says."""
    done = run("mypy", "--strict", "--no-error-summary", *map(str, files))
    found = re.findall(r"^(.*?):(\d+): error: (.*)$", done.stdout, re.M)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [((Path(name).name, int(line)), message) for name, line, message in found]


def pyright(files: list[Path]) -> list[tuple[Line, str]]:
    """Return the lines of which pyright complains, with what it says."""
    done = run("pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, files))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [
        ((Path(one["file"]).name, one["range"]["start"]["line"] + 1), one["message"])
        for one in json.loads(done.stdout)["generalDiagnostics"]
        if one["severity"] == "error"
    ]


def run(checker: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", checker, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def marked() -> set[Line]:
    """Return the lines that must be complained of."""
    return {
        (name, number)
        for name in FILES
        for number, line in enumerate((HERE / name).read_text().splitlines(), start=1)
        if line.endswith("  # error")
    }


Checker = Callable[[list[Path]], list[tuple[Line, str]]]


@pytest.mark.limit(300)
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_what_is_right_is_accepted_and_what_is_wrong_is_rejected(checker: Checker) -> None:
    found = checker([HERE / name for name in FILES])
    assert [one for one in found if one[0] not in marked()] == []
    assert marked() - {line for line, _ in found} == set(), "nothing was said of these lines"


@pytest.mark.limit(300)
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_the_backend_of_the_page_has_the_types_of_one(checker: Checker, tmp_path: Path) -> None:
    code = re.findall(
        r"^```python\n(# survey_agents.py\n.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    file = tmp_path / "survey_agents.py"
    file.write_text(code[0])
    assert checker([file]) == []
