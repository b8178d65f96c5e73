"""The differences from 0.4.21 that are left: these and no others; the page about moving tells of each."""

from __future__ import annotations

import re

import pytest

from drop_in.conftest import Both
from drop_in.releases import ROOT

PAGE = (ROOT / "docs" / "moving-from-0.4.md").read_text(encoding="utf-8")

# What the programs show differently, and words of the page that tell of it.
VALUES = {
    "result: small numpy integers": "`int8` or `float32`",
    "result: single floats": "`int8` or `float32`",
    "pset: small numpy integers": "`int8` or `float32`",
    "pset: single floats": "`int8` or `float32`",
}
ARGUMENTS = {
    "worker: pset": "`_pset_id`",
    "worker: system": "`system_kwargs['out_subdirs']`",
    "out_func: system": "`system_kwargs['pset_ids']`",
    "out_func: pset 2": "`_pset_id`",
    "out_func: pset 3": "`_pset_id`",
    "out_func: 3": "`user_ret['result']`",
    "exceptions": "the worker function must return a dict",
    "missing": "`_attempts`",
    "empty": "empty `MapResults`",
    "limit 0": "`limit=0`",
}
NOTHING = {
    "out_func: result of None": "for a worker that returned None",
    "columns without a row": "no pset finished",
}


@pytest.mark.parametrize(
    ("program", "known"),
    [("values.py", VALUES), ("arguments.py", ARGUMENTS), ("nothing_finished.py", NOTHING)],
)
def test_no_other_thing_differs_and_the_page_tells_of_each(
    program: str, known: dict[str, str], both: Both
) -> None:
    old, new = both(program)
    differ = {name for name in {**old.shown, **new.shown} if old.shown.get(name) != new.shown.get(name)}
    assert differ == set(known)
    assert [words for words in known.values() if words not in PAGE] == []


def test_what_a_worker_gets_beside_its_pset_is_the_same_but_for_what_is_on_the_page(both: Both) -> None:
    old, new = both("arguments.py")
    before = set(old["worker: system"]["value"])
    assert set(new["worker: system"]["value"]) == before - {"out_subdirs"} | {"worker_number"}
    assert set(new["out_func: system"]["value"]) < set(old["out_func: system"]["value"])


def test_every_row_of_the_page_has_the_line_to_change() -> None:
    rows = re.findall(r"^\| .* \|$", PAGE, re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    assert all(len(row) == 3 and all(row) for row in cells), [row for row in cells if len(row) != 3]
