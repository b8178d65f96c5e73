"""Checkpoints of each format, of which 1 was written by code that is gone, must be readable for ever."""

from __future__ import annotations

import json
import pickletools
import shutil
from pathlib import Path
from typing import Any

import format_1
import numpy as np
import pyarrow.parquet as pq
import pytest

import paramsurvey
from paramsurvey.errors import CheckpointChanged

WRITTEN = {number: Path(__file__).parent / "fixtures" / f"format-{number}" for number in (1, 2)}
NAN = float("nan")


@pytest.fixture(params=WRITTEN)
def checkpoint(in_tmp: Path, request: pytest.FixtureRequest) -> str:
    """A copy, which a test may write to."""
    return str(shutil.copytree(WRITTEN[request.param], in_tmp / "survey"))


def expected() -> list[dict[Any, Any]]:
    """Return the rows of the psets that finished, computed without paramsurvey."""
    rows = []
    for pset in native_psets():
        if pset["i"] not in format_1.FAILED:
            result = format_1.worker(pset, {}, format_1.USER_KWARGS)
            rows.append({**pset, "sometimes": NAN, **result})
    return rows


def native_psets() -> list[dict[str, Any]]:
    columns = {name: column.tolist() for name, column in format_1.psets().items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def assert_same(found: list[dict[Any, Any]], wanted: list[dict[Any, Any]]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert {key: shown(value) for key, value in one.items()} == {
            key: shown(value) for key, value in other.items()
        }


def shown(value: Any) -> Any:
    """Return a value that equals that of an equal value only; numbers of a column may be floats."""
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.tolist())
    if value is None or value != value:
        return "not there"
    return value


def no_worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
    raise AssertionError(f"ran again: {pset}")


def test_load_has_every_row_with_its_values(checkpoint: str) -> None:
    results = paramsurvey.load(checkpoint)
    assert_same(list(results.iterdicts()), expected())
    assert (results.progress.finished, results.progress.failures) == (21, 3)


def test_load_has_the_failures_with_their_reasons(checkpoint: str) -> None:
    missing = paramsurvey.load(checkpoint).missing
    assert missing["i"].tolist() == list(format_1.FAILED)
    assert missing["_exception"].tolist() == [f"ValueError('no result for {i}')" for i in format_1.FAILED]
    assert missing["_traceback"].str.contains("ValueError: no result for").all()
    assert missing["_attempts"].tolist() == [1, 1, 1]


def test_load_has_the_dtypes_of_the_psets(checkpoint: str) -> None:
    found = paramsurvey.load(checkpoint)
    written = {"small": "int8", "x": "float64", "flag": "bool", "gap": "float64", "when": "datetime64[us]"}
    assert {name: str(found[name].dtype) for name in written} == written
    assert found["kind"].cat.ordered
    assert found["kind"].cat.categories.tolist() == ["z", "y", "x"]


def test_load_has_what_the_psets_printed(checkpoint: str) -> None:
    results = paramsurvey.load(checkpoint)
    finished = results.index
    assert [results.output_of(row) for row in finished] == [
        f"pset {pset['i']} says hello\n" for pset in native_psets() if pset["i"] not in format_1.FAILED
    ]


@pytest.mark.filterwarnings("ignore:the column 'mixed' has values for which Arrow has no common type")
def test_scan_has_every_row_and_every_plain_column(checkpoint: str) -> None:
    table = paramsurvey.scan(checkpoint).to_table().sort_by("whole")
    rows = expected()
    for name in ("x", "s", "flag", "whole", "real", "text", "yes", "moment", "date", "bytes", "numbers"):
        assert table[name].to_pylist() == [row[name] for row in rows], name


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_resuming_runs_nothing_again(checkpoint: str, backend: str) -> None:
    paramsurvey.init(backend=backend, ncores=2, verbose=0)
    results = paramsurvey.map(
        no_worker, format_1.psets(), checkpoint=checkpoint, retry_failed=False, on_change="ignore"
    )
    assert (results.progress.resumed, results.progress.finished, results.progress.failures) == (21, 21, 3)
    assert_same(list(results.iterdicts()), expected())


def test_the_function_and_its_arguments_are_known_to_be_the_same(checkpoint: str) -> None:
    options: dict[str, Any] = {"checkpoint": checkpoint, "retry_failed": False, "on_change": "error"}
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(format_1.worker, format_1.psets(), user_kwargs=format_1.USER_KWARGS, **options)
    with pytest.raises(CheckpointChanged):
        paramsurvey.map(format_1.worker, format_1.psets(), user_kwargs={"scale": 3}, **options)


def test_what_is_added_to_the_survey_stands_beside_what_was_there(checkpoint: str) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = [*native_psets(), {"i": 1000}]
    results = paramsurvey.map(
        lambda pset, *rest: {"whole": 5},
        psets,
        checkpoint=checkpoint,
        retry_failed=False,
        on_change="ignore",
    )
    assert results.progress.resumed == 21
    assert results["whole"].tolist() == [row["whole"] for row in expected()] + [5]
    assert len(paramsurvey.load(checkpoint)) == 22


# ---- what makes it readable for ever


@pytest.mark.parametrize("number", WRITTEN)
def test_the_fixture_has_merged_parts_and_single_ones(number: int) -> None:
    assert len(format_1.merged(WRITTEN[number] / "results")) == 1
    assert len(list((WRITTEN[number] / "results").iterdir())) > 1
    assert json.loads((WRITTEN[number] / "run.json").read_text())["format"] == number


@pytest.mark.parametrize("number", WRITTEN)
def test_its_pickles_name_no_module_of_ours(number: int) -> None:
    parts = WRITTEN[number].rglob("*.parquet")
    modules = {module.partition(".")[0] for part in parts for module in pickled(part)}
    assert modules == {"fractions", "decimal", "datetime"} & modules
    assert "fractions" in modules


def pickled(part: Path) -> set[str]:
    """Return the modules that are named in a part's pickles."""
    table = pq.read_table(part)
    found = set()
    for field in table.schema:
        about = json.loads((field.metadata or {}).get(b"paramsurvey", b"{}"))
        for value in table[field.name].to_pylist() if about.get("codec") == "pickle" else []:
            found |= named(value) if value is not None else set()
    return found


def named(value: bytes) -> set[str]:
    """Return the modules in a pickle: the text before the last two of each STACK_GLOBAL."""
    texts: list[str] = []
    modules = set()
    for operation, argument, _ in pickletools.genops(value):
        if isinstance(argument, str):
            texts.append(argument)
        if operation.name == "STACK_GLOBAL":
            modules.add(texts[-2])
    return modules
