"""A checkpoint with values that a later version has stored, in a way that is not known here, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.checkpoint.format import part_files
from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS, live_parts, read_part, write_part
from paramsurvey.cli.program import run_program
from paramsurvey.errors import NotACheckpoint, ParamsurveyWarning

SENTENCE = (
    r"the column 'b' is not known here: a later version of paramsurvey has stored its values, as "
    r"'quaternion'; use the version that wrote the checkpoint, or a later one"
)


def worker(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 3:
        raise ValueError("no result")
    return {"c": 2 * pset["a"]}


def survey() -> Any:
    psets = [{"a": a, "b": f"text {a}"} for a in range(4)]
    return paramsurvey.map(worker, psets, checkpoint="run")


@pytest.fixture(params=[RESULTS, FAILURES])
def written_later(in_tmp: Path, request: pytest.FixtureRequest) -> list[Path]:
    """A checkpoint where the pset key ``b`` of some psets has a codec of the future; its parts."""
    paramsurvey.init(backend="serial", verbose=0)
    survey()
    directory = Path("run", request.param)
    for part in live_parts(directory)[0]:
        table = read_part(part).arrow
        at = table.schema.get_field_index("b")
        field = table.schema.field(at)
        says = {**json.loads(field.metadata[b"paramsurvey"]), "codec": "quaternion"}
        changed = field.with_metadata({b"paramsurvey": json.dumps(says)})
        write_part(
            directory, table.set_column(at, changed, table.column(at)), part.first, part.last, part.writer
        )
        part.path.unlink()
    return sorted(Path("run").rglob("*.parquet"))


@pytest.mark.parametrize("read", [survey, lambda: paramsurvey.load("run")])
def test_it_is_refused_in_a_sentence_and_nothing_is_set_aside(
    written_later: list[Path], read: Callable[[], Any]
) -> None:
    with pytest.raises(NotACheckpoint, match=SENTENCE):
        read()
    assert sorted(path for path in Path("run").rglob("*") if ".parquet" in path.name) == written_later


@pytest.mark.parametrize("command", ["report", "missing", "status"])
def test_the_command_line_refuses_it_with_the_same_sentence(
    written_later: list[Path], command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_program([command, "run"]) == 2
    assert "a later version of paramsurvey has stored its values" in capfd.readouterr().err


@pytest.mark.parametrize("written_later", [RESULTS], indirect=True)
def test_scan_refuses_it_too_but_not_where_a_large_file_is_damaged(
    written_later: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotACheckpoint, match=SENTENCE):
        paramsurvey.scan("run")
    monkeypatch.setattr(part_files, "SMALL_BYTES", 0)
    with pytest.raises(NotACheckpoint, match=SENTENCE):
        paramsurvey.scan("run")
    for part in live_parts(Path("run", RESULTS))[0]:
        content = part.path.read_bytes()
        part.path.write_bytes(content[:5] + bytes([content[5] ^ 1]) + content[6:])
    with pytest.warns(ParamsurveyWarning, match="its checksum is wrong"):
        assert paramsurvey.scan("run").count_rows() == 0
