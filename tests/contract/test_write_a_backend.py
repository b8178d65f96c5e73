"""The backend of the page `docs/how-to/write-a-backend.md` keeps the contract, installed as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from paramsurvey.testing import BackendContract

PAGE = Path(__file__).parents[2] / "docs/how-to/write-a-backend.md"


def install(directory: Path) -> None:
    """Write the page's files, and what pip would make of its pyproject.toml."""
    page = PAGE.read_text(encoding="utf-8")
    for name, code in re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", page, re.M | re.S):
        (directory / name).write_text(code)
    (table,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    project = tomllib.loads(table)["project"]
    about = directory / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (about / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.limit(580)
def test_the_backend_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    install(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test_agents.py", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert "failed" not in done.stdout


def test_the_page_names_every_trait() -> None:
    traits = [name for name, value in vars(BackendContract).items() if value is False]
    assert len(traits) == 7
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in traits if f"| `{name}` |" not in page] == []
