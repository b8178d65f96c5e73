"""Checkpoints whose durations, times with a zone and large integers are pickled are read and continued."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pickled_times
import pyarrow.parquet as pq
import pytest
from pickled_times import FAILED, psets, worker

import paramsurvey
from paramsurvey.checkpoint.format.part_files import RESULTS, live_parts, merge
from paramsurvey.cli.program import run_program
from paramsurvey.results.report_subjects import checkpoint_subject
from paramsurvey.results.stored_survey import stored_survey
from paramsurvey.views import compare, data_of

WRITTEN = Path(pickled_times.__file__).parent / "fixtures" / "pickled-times"
VALUES = [key for key in psets(1)[0] if key != "i"]
MIXED = "ignore:the column .* has values for which Arrow has no common type"


@pytest.fixture
def checkpoint(in_tmp: Path) -> str:
    """A copy, which a test may write to."""
    paramsurvey.init(backend="serial", verbose=0)
    return str(shutil.copytree(WRITTEN, in_tmp / "survey"))


def continued(checkpoint: str, count: int) -> Any:
    return paramsurvey.map(
        worker, psets(count), checkpoint=checkpoint, retry_failed=False, on_change="ignore"
    )


def shown(rows: Any) -> list[dict[str, tuple[str, str]]]:
    return [{key: (type(value).__name__, repr(value)) for key, value in row.items()} for row in rows]


def finished(count: int) -> list[dict[str, Any]]:
    """Return rows as `iterdicts` has them, computed without a checkpoint."""
    return list(paramsurvey.map(worker, psets(count)).iterdicts())


def codecs_of(part: Any) -> dict[str, set[str]]:
    """Return the codecs of psets' and results' columns, and the columns that have them."""
    found: dict[str, set[str]] = {}
    for field in pq.read_schema(part.path):
        about = json.loads((field.metadata or {}).get(b"paramsurvey", b"{}"))
        if about.get("role") in ("pset", "result"):
            found.setdefault(about["codec"], set()).add(field.name)
    return found


def test_everything_was_pickled() -> None:
    pickled = set[str]().union(*(codecs_of(part)["pickle"] for part in live_parts(WRITTEN / RESULTS)[0]))
    assert pickled == {*VALUES, *(f"{key}_back" for key in VALUES)}


def test_it_is_loaded_and_nothing_runs_again(checkpoint: str) -> None:
    assert shown(paramsurvey.load(checkpoint).iterdicts()) == shown(finished(6))
    results = continued(checkpoint, 6)
    assert (results.progress.resumed, results.progress.failures) == (5, 1)
    assert shown(results.iterdicts()) == shown(finished(6))


def test_what_is_added_stands_beside_what_was_pickled(checkpoint: str) -> None:
    results = continued(checkpoint, 9)
    assert results.progress.resumed == 5
    assert shown(results.iterdicts()) == shown(paramsurvey.load(checkpoint).iterdicts()) == shown(finished(9))
    assert continued(checkpoint, 9).progress.resumed == 8
    assert "pickle" not in codecs_of(live_parts(Path(checkpoint, RESULTS))[0][-1])


@pytest.mark.filterwarnings(MIXED)
def test_until_the_parts_are_merged_scan_and_report_leave_such_columns_out_and_say_so(
    checkpoint: str,
) -> None:
    continued(checkpoint, 9)
    stored = stored_survey(checkpoint)
    assert sorted(stored.finished.to_table()["i"].to_pylist()) == [0, 1, 2, 4, 5, 6, 7, 8]
    assert {f"the column '{key}' has values" for key in VALUES} <= {
        text.partition(" for which")[0] for text in stored.complaints
    }
    assert len(checkpoint_subject(checkpoint).data) == 9
    assert run_program(["report", checkpoint, "-o", "report.html"]) == 0
    assert "has values for which Arrow has no common type" in Path("report.html").read_text()


def test_merged_parts_have_no_pickles_and_every_reader_sees_the_same(checkpoint: str) -> None:
    continued(checkpoint, 9)
    directory = Path(checkpoint, RESULTS)
    assert merge(directory, live_parts(directory)[0], "0" * 8, lambda: True) is not None
    assert "pickle" not in codecs_of(live_parts(directory)[0][0])
    assert shown(paramsurvey.load(checkpoint).iterdicts()) == shown(finished(9))
    assert continued(checkpoint, 9).progress.resumed == 8
    stored, in_memory = stored_survey(checkpoint).data, data_of(paramsurvey.load(checkpoint))
    for key in VALUES:  # that of the failed pset is still pickled
        labels = stored.axis(f"{key}_back").labels()
        assert labels == in_memory.axis(f"{key}_back").labels()
        assert set(labels) - {"(no value)"} <= set(stored.axis(key).labels())


def test_psets_of_both_kinds_of_checkpoints_are_compared(checkpoint: str) -> None:
    paramsurvey.map(worker, psets(6), checkpoint="new", retry_failed=False)
    pickled, new = stored_survey(checkpoint).data, stored_survey("new").data
    in_memory = data_of(paramsurvey.load(checkpoint))
    assert compare(pickled, new).both == compare(new, pickled).both == 6
    assert compare(new, in_memory).both == compare(in_memory, new).both == 6
    assert FAILED in [pset["i"] for _, pset in compare(pickled, new).still_failing.examples]
