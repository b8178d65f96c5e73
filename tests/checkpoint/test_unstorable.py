"""Results that are hard to store, or cannot be stored at all: each costs itself alone, and is told."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import paramsurvey
from paramsurvey.checkpoint.format import pickles

COUNT = 200
STRANGE = 77
UNSTORABLE = [77, 137]


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


class Shy:
    """A key whose repr raises."""

    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shy)

    def __hash__(self) -> int:
        return 1


KEYS = {
    "half a surrogate pair": "a\ud800b",
    "the other half": "\udfff",
    "a zero": "a\0b",
    "nothing": "",
    "no repr": Shy(),
    "half a pair in a tuple": ("\ud800", 1),
    "long": "x" * 100_000,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_strange_key_costs_no_other_result(key: Any) -> None:
    def work(pset: dict[str, Any], *_: object) -> dict[Any, Any]:
        return {"y": pset["i"], **({key: "strange"} if pset["i"] == STRANGE else {})}

    psets = [{"i": i} for i in range(COUNT)]
    paramsurvey.map(work, psets, checkpoint="dir", group_size=50)
    loaded = paramsurvey.load("dir")
    assert loaded.y.tolist() == list(range(COUNT))
    (strange,) = [name for name in loaded.columns if name not in ("i", "y")]
    assert loaded[strange][STRANGE] == "strange"
    again = paramsurvey.map(work, psets, checkpoint="dir")
    assert again.progress.resumed == COUNT
    assert paramsurvey.scan("dir").count_rows() == COUNT


CLASHING = {
    "a half, and it written out": ("\ud800", "\\ud800"),
    "two with one repr": (7, "_result 7"),
    "as a helper is called": ("y", "_kinds of y"),
    "as a pset's helper is called": ("_result i", "i"),
    "as the position is called": ("_position", "position"),
}


@pytest.mark.parametrize("keys", CLASHING.values(), ids=CLASHING.keys())
def test_keys_that_would_have_one_name_in_the_file_have_two(keys: tuple[Any, Any]) -> None:
    def work(pset: dict[str, Any], *_: object) -> dict[Any, Any]:
        return dict.fromkeys(keys, pset["i"] if pset["i"] % 2 else pset["i"] / 4)

    psets = [{"i": i} for i in range(4)]
    plain = paramsurvey.map(work, psets)
    paramsurvey.map(work, psets, checkpoint="dir")
    pd.testing.assert_frame_equal(paramsurvey.load("dir").to_df(), plain.to_df())
    assert paramsurvey.map(work, psets, checkpoint="dir").progress.resumed == 4


@pytest.mark.parametrize("error", [TypeError("not storable"), OSError("not storable"), SystemExit(3)])
def test_what_cannot_be_stored_is_told_also_to_who_wants_to_hear_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def dumps(value: Any) -> bytes:
        if value == {"strange"}:
            raise error
        return pickle.dumps(value)

    def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        return {"y": {"strange"} if pset["i"] in UNSTORABLE else pset["i"]}

    psets = [{"i": i} for i in range(COUNT)]
    with monkeypatch.context() as patch:
        patch.setattr(pickles, "dumps", dumps)
        results = paramsurvey.map(work, psets, checkpoint="dir", group_size=50)
    assert len(results) == COUNT
    said = capfd.readouterr().err
    assert f"some psets cannot be stored in the checkpoint, and will run again ({error!r})" in said
    assert "2 psets cannot be stored in the checkpoint 'dir', and will run again when the survey is" in said
    loaded = paramsurvey.load("dir")
    assert sorted(set(range(COUNT)) - set(loaded.i)) == UNSTORABLE
    assert json.loads(Path("dir/run.json").read_text())["stored"]["results"] == COUNT - 2
    assert paramsurvey.map(work, psets, checkpoint="dir").progress.resumed == COUNT - 2


def test_what_failed_and_printed_strangely_is_stored_as_text() -> None:
    import pyarrow.parquet as pq

    def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        raise ValueError("half a pair: \ud800")

    paramsurvey.map(work, [{"i": 1}], checkpoint="dir")
    (part,) = Path("dir/failures").glob("*.parquet")
    schema = pq.read_schema(part)
    stored = {f.name: json.loads(f.metadata[b"paramsurvey"]).get("codec") for f in schema}
    assert stored["_exception"] == stored["_traceback"] == "str"
    assert "half a pair: \\ud800" in paramsurvey.load("dir").missing._exception[0]
