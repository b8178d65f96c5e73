"""Files that are written: where links lead, and which links are not followed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import paramsurvey
from paramsurvey.cli.errors import BadUsage, RunFailed
from paramsurvey.cli.tables.output_file import check_output, write_table
from paramsurvey.cli.tables.table import Table
from paramsurvey.transport.new_files import followed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="users and links of Unix")
REASON = "another user's link, in a directory where everybody may write: remove it, or"


@pytest.fixture
def shared(in_tmp: Path) -> Path:
    """Return a directory like /tmp, with links in it that lead to a file outside."""
    folder = in_tmp / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    (in_tmp / "precious").write_text("precious")
    return folder


def put_link(shared: Path, name: str, owner: int) -> str:
    link = shared / name
    link.symlink_to("../precious")
    os.chown(link, owner, -1, follow_symlinks=False)
    return str(link)


def test_the_own_link_is_followed_through_others(shared: Path) -> None:
    link = put_link(shared, "one", os.geteuid())
    (shared / "two").symlink_to("one")
    assert followed(str(shared / "two")) == followed(link) == os.path.realpath("precious")
    assert followed("precious") == os.path.realpath("precious")


def test_a_circle_of_links_ends(shared: Path) -> None:
    (shared / "one").symlink_to("two")
    (shared / "two").symlink_to("one")
    followed(str(shared / "one"))


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
        followed(str(shared / "mine"))
    shared.chmod(0o755)
    assert followed(str(shared / "r.html")) == os.path.realpath("precious")
    assert Path("precious").read_text() == "precious"
