"""Files that are written: where links lead, and which links are not followed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import paramsurvey
from paramsurvey.cli.errors import BadUsage, RunFailed
from paramsurvey.cli.program import run_program
from paramsurvey.cli.tables.output_file import check_output, write_table
from paramsurvey.cli.tables.table import Table
from paramsurvey.errors import SurveyError
from paramsurvey.transport.new_files import resolve_links

pytestmark = pytest.mark.skipif(os.name != "posix", reason="users and links of Unix")
REASON = "another user's link, in a directory where everybody may write; remove it, or"


@pytest.fixture
def shared(in_tmp: Path) -> Path:
    """Return a directory like /tmp, with links in it that lead to a file outside."""
    folder = in_tmp / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    (in_tmp / "precious").write_text("precious")
    return folder


def put_link(shared: Path, name: str, owner: int, target: str = "precious") -> str:
    link = shared / name
    link.symlink_to(f"../{target}")
    os.chown(link, owner, -1, follow_symlinks=False)
    return str(link)


def test_the_own_link_is_followed_through_others(shared: Path) -> None:
    link = put_link(shared, "one", os.geteuid())
    (shared / "two").symlink_to("one")
    assert resolve_links(str(shared / "two")) == resolve_links(link) == os.path.realpath("precious")
    assert resolve_links("precious") == os.path.realpath("precious")


def test_a_link_that_appears_later_is_not_followed(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = put_link(shared, "one", os.geteuid())
    monkeypatch.setattr(os.path, "islink", lambda path: False)
    assert resolve_links(link) == os.path.join(os.path.realpath(shared), "one")


def test_a_circle_of_links_ends(shared: Path) -> None:
    (shared / "one").symlink_to("two")
    (shared / "two").symlink_to("one")
    resolve_links(str(shared / "one"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a link to another user")
def test_the_link_of_another_user_is_not_followed(shared: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(lambda pset, *_: {"b": 1}, [{"a": 1}])
    writers: dict[str, Any] = {
        "r.html": results.report,
        "t.json": results.timeline().to_trace,
        "t.csv": lambda path: write_table(Table.of_frame(pd.DataFrame({"a": [1]})), path),
        "u.csv": check_output,
    }
    for name, write in writers.items():
        link = put_link(shared, name, owner=12345)
        with pytest.raises((PermissionError, RunFailed, BadUsage), match=REASON):
            write(link)
    (shared / "mine").symlink_to("r.html")
    with pytest.raises(PermissionError, match=REASON):
        resolve_links(str(shared / "mine"))
    shared.chmod(0o755)
    assert resolve_links(str(shared / "r.html")) == os.path.realpath("precious")
    assert Path("precious").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a link to another user")
@pytest.mark.parametrize(
    "words",
    [
        "--results shared/1",
        "--results shared/1/",
        "--results shared/{a}",
        "--output-dir shared/1",
        "--joblog shared/1",
        "--chdir shared/1",
        "--chdir shared/{a}",
    ],
)
def test_no_output_of_commands_goes_where_the_link_of_another_user_leads(
    words: str, shared: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (shared.parent / "elsewhere").mkdir()
    put_link(shared, "1", owner=12345, target="precious" if "joblog" in words else "elsewhere")
    command = ["sh", "-c", "echo {a}; echo > made"]
    assert run_program(["run", "-p", "a=1", *words.split(), "--backend", "serial", "--", *command]) != 0
    assert REASON in capfd.readouterr().err
    assert not any((shared.parent / "elsewhere").iterdir())
    assert Path("precious").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a link to another user")
def test_no_checkpoint_is_made_where_the_link_of_another_user_leads(shared: Path) -> None:
    (shared.parent / "elsewhere").mkdir()
    link = put_link(shared, "out", owner=12345, target="elsewhere")
    paramsurvey.init(backend="serial", verbose=0)
    with pytest.raises(SurveyError, match=REASON):
        paramsurvey.map(lambda pset, *_: {"b": 1}, [{"a": 1}], checkpoint=link)
    assert not any((shared.parent / "elsewhere").iterdir())
