"""What only looks at a checkpoint never unpickles: whatever is in it, no code of it runs."""

from __future__ import annotations

import base64
import itertools
import json
import os
import pickle
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import paramsurvey
from paramsurvey.checkpoint.format.codec_table import codecs
from paramsurvey.checkpoint.format.codecs import decode
from paramsurvey.cli.checkpoints.run_state import describe, read_state
from paramsurvey.errors import SurveyError
from paramsurvey.results.load_checkpoint import load_without_unpickling

NOT_UNICODE = "caf\udce9.txt"
PROGRAM = Path(sys.executable).with_name("paramsurvey")

EXPLODE = r"""
import os, pickle, _pickle

def explode(*arguments, **keywords):
    with open(os.environ["EXPLODED"], "a") as file:
        file.write("unpickled\n")
    raise SystemExit("unpickled")

class Unpickler:
    dispatch = pickle._Unpickler.dispatch  # which pandas looks at
    __init__ = load = explode

for module in (pickle, _pickle):
    module.load = module.loads = explode
    module.Unpickler = Unpickler
pickle._load = pickle._loads = explode
pickle._Unpickler = Unpickler
"""


class Trap:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, (os.environ["SPRUNG"], "w"))


@pytest.fixture(autouse=True)
def armed(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    paramsurvey.init(backend="serial", verbose=0)
    monkeypatch.setenv("SPRUNG", str(in_tmp / "sprung"))
    yield
    assert not (in_tmp / "sprung").exists(), "code of the checkpoint has run"


def trap() -> bytes:
    return pickle.dumps(Trap())


def field(name: str, array: Any, **about: str) -> tuple[Any, Any]:
    return pa.field(name, array.type, metadata={"paramsurvey": json.dumps(about)}), array


def traps(count: int) -> Any:
    return pa.array([trap()] * count, pa.binary())


def write(kind: str, *columns: tuple[Any, Any], number: int | None = None) -> Path:
    """Write a part whose name and checksum are right; its number is the next one, unless it is given."""
    fields, arrays = zip(*columns, strict=True)
    folder = Path("dir") / kind
    number = 10 + len(list(folder.iterdir())) if number is None else number
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(list(arrays), schema=pa.schema(fields)), sink)
    content = sink.getvalue().to_pybytes()
    name = f"{number:08d}-{number:08d}-{len(arrays[0]):09d}-{zlib.crc32(content):08x}-aaaaaaaa.parquet"
    (folder / name).write_bytes(content)
    return folder / name


new = itertools.count(1000)


def position(*rows: int) -> tuple[Any, Any]:
    """Return the column of positions; by default of one that no other row has."""
    return field("_position", pa.array(rows or [next(new)], pa.int64()), role="position")


def trap_key() -> str:
    return "p" + base64.b64encode(trap()).decode()


def failure_columns(count: int, trapped: str = "") -> list[tuple[Any, Any]]:
    plain = {
        "kind": pa.array(["raised"] * count),
        "exception": pa.array(["ValueError('x')"] * count),
        "traceback": pa.array(["line"] * count),
        "attempts": pa.array([1] * count, pa.int64()),
    }
    codec = {"kind": "str", "exception": "str", "traceback": "str", "attempts": "number"}
    return [
        field(
            f"_{key}",
            traps(count) if key == trapped else array,
            role="failure",
            key=f"s{key}",
            codec="pickle" if key == trapped else codec[key],
            dtype="",
        )
        for key, array in plain.items()
    ]


def checkpoint() -> None:
    def work(pset: dict[str, Any], *_: object) -> dict[Any, Any]:
        if pset["a"] == 2:
            raise ValueError("two")
        return {"b": pset["a"]}

    paramsurvey.map(work, [{"a": a} for a in range(4)], checkpoint="dir", capture_output="store")


def pset_column(count: int) -> tuple[Any, Any]:
    return field(
        "a",
        pa.array([next(new) for _ in range(count)], pa.int64()),
        role="pset",
        key="sa",
        codec="number",
        dtype="",
    )


def in_failures(trapped: str) -> None:
    write("failures", position(), pset_column(1), *failure_columns(1, trapped))


CRAFTED: dict[str, Any] = {
    "a result": lambda: write(
        "results", position(), field("x", traps(1), role="result", key="sx", codec="pickle", dtype="")
    ),
    "the key of a result": lambda: write(
        "results",
        position(),
        field("x", pa.array([1]), role="result", key=trap_key(), codec="number", dtype=""),
    ),
    "a pset that failed": lambda: write(
        "failures",
        position(),
        field("a", traps(1), role="pset", key="sa", codec="pickle", dtype="object"),
        *failure_columns(1),
    ),
    "the key of a pset": lambda: write(
        "failures",
        position(),
        field("a", pa.array([1]), role="pset", key=trap_key(), codec="number", dtype=""),
        *failure_columns(1),
    ),
    "a kind": lambda: in_failures("kind"),
    "an exception": lambda: in_failures("exception"),
    "a traceback": lambda: in_failures("traceback"),
    "attempts": lambda: in_failures("attempts"),
    "the key of a failure": lambda: write(
        "failures",
        position(),
        pset_column(1),
        *failure_columns(1),
        field("_why", pa.array([1]), role="failure", key=trap_key(), codec="number", dtype=""),
    ),
    "what was printed": lambda: write(
        "failures",
        position(),
        pset_column(1),
        *failure_columns(1),
        field("_output", traps(1), role="output", key="soutput", codec="pickle", dtype=""),
    ),
    "the key of what was printed": lambda: write(
        "results",
        position(),
        pset_column(1),
        field("_output", pa.array(["x"]), role="output", key=trap_key(), codec="str", dtype=""),
    ),
    "two programs at once": lambda: [
        write(
            "results",
            position(*range(9, 9 + count)),
            field("a", traps(count), role="pset", key="sa", codec="pickle", dtype=""),
            number=90,
        )
        for count in (1, 2)
    ],
}

REFUSED = {"a kind", "attempts"}  # without these, nobody knows what a failure is

LOOKERS = [
    ["status", "dir"],
    ["status", "--json", "dir"],
    ["watch", "dir"],
    ["watch", "--json", "--every", "0.1", "dir"],
    ["missing", "dir"],
    ["missing", "dir", "-o", "missing.csv"],
    ["missing", "dir", "-o", "missing.sqlite"],
    ["report", "dir", "-o", "report.html"],
    ["trace", "dir", "-o", "trace.json"],
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program in which everything that unpickles explodes."""
    Path("site").mkdir(exist_ok=True)
    Path("site/sitecustomize.py").write_text(EXPLODE)
    environ = {**os.environ, "PYTHONPATH": "site", "EXPLODED": "exploded"}
    return subprocess.run(command, env=environ, capture_output=True, text=True)


@pytest.mark.limit(600)
def test_no_subcommand_that_looks_unpickles_anything() -> None:
    checkpoint()
    for name in CRAFTED.keys() - REFUSED:
        CRAFTED[name]()
    for words in LOOKERS:
        assert run_unexploded(words).returncode in (0, 1)
    for name in REFUSED:
        CRAFTED[name]()
    for words in LOOKERS[:1]:
        assert "failures in the checkpoint cannot be read" in run_unexploded(words).stderr
    done = run(sys.executable, "-c", "import paramsurvey; paramsurvey.scan('dir').to_table()")
    assert not Path("exploded").exists(), done.stderr


def run_unexploded(words: list[str]) -> subprocess.CompletedProcess[str]:
    done = run(str(PROGRAM), *words)
    assert not Path("exploded").exists(), words
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    return done


def test_the_explosives_are_armed() -> None:
    checkpoint()
    CRAFTED["a result"]()
    run(str(PROGRAM), "export", "dir", "results.csv")
    assert Path("exploded").exists()


@contextmanager
def exploding() -> Iterator[None]:
    def explode(*_: object, **__: object) -> None:
        raise BaseException("unpickled")

    with pytest.MonkeyPatch.context() as patch:
        for module in (pickle, cloudpickle):
            for name in ("load", "loads"):
                patch.setattr(module, name, explode)
        patch.setattr(pickle, "Unpickler", explode)
        yield


def look_everywhere() -> None:
    """Do all that looks, and let nothing out but an error that the user understands."""
    state = read_state("dir")
    describe(state)
    json.dumps(state.to_json())
    results = load_without_unpickling("dir")
    results.missing.to_df()
    list(results.missing.iterdicts())
    paramsurvey.scan("dir").to_table()


@pytest.mark.parametrize("craft", CRAFTED.values(), ids=CRAFTED.keys())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nothing_is_unpickled(craft: Any) -> None:
    checkpoint()
    craft()
    with exploding(), suppress(SurveyError):  # a kind of failure that nobody knows
        look_everywhere()


def test_what_is_pickled_is_shown_as_such() -> None:
    checkpoint()
    in_failures("exception")
    CRAFTED["a pset that failed"]()
    missing = load_without_unpickling("dir").missing.to_df()
    assert missing._exception.str.contains("a pickled object").tolist() == [False, True, False]
    assert missing.a.astype(str).str.contains("a pickled object").sum() == 1
    assert "a pickled object" in "".join(describe(read_state("dir")))


PLAIN: list[Any] = [
    *(1, 300, -70000, 2**70, 0.5, True, False, "a", "b" * 300, "c" * 100_000, "", b"a", NOT_UNICODE, 1 - 2j),
    *([1, "a", None], [], (), (1,), (1, 2), (1, 2, 3), tuple("abcd"), [[1, [2]], [1]], {1}, {2, 3}),
    *({"a": 1}, {"a": {"b": [1]}, 2: "a"}, {}, ["same", "same"], Path("a/b"), Decimal("0.10")),
    *(date(2024, 2, 29), [date(2024, 1, 1)] * 2, time(1, 2), datetime(1, 1, 1), timedelta(-1, 5)),
    datetime(2024, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=2))),
    *(pd.Timestamp("2024-01-02 03:04").as_unit(unit) for unit in ("s", "ms", "us", "ns")),
]
OTHERS: list[Any] = [
    *(ValueError("a"), datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), np.arange(2), range(3), len),
    [range(3)],
]


def test_plain_values_of_a_mixed_column_are_shown_as_they_are() -> None:
    def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        raise ValueError("no")

    paramsurvey.map(work, [{"x": value} for value in (*PLAIN, *OTHERS)], checkpoint="dir")
    with exploding():
        shown = load_without_unpickling("dir").missing["x"].tolist()
    assert list(map(repr, shown[: len(PLAIN)])) == list(map(repr, PLAIN))
    assert all(text.startswith("<a pickled object of") for text in shown[len(PLAIN) :])
    for form in ("csv", "json", "parquet", "sqlite"):
        done = subprocess.run([PROGRAM, "missing", "dir", "-o", f"missing.{form}"], capture_output=True)
        assert (done.returncode, done.stderr) == (0, f"missing.{form}: {len(PLAIN + OTHERS)} rows\n".encode())
    assert pd.read_csv("missing.csv")["x"].str.contains("a pickled object").sum() == len(OTHERS)


def test_a_pset_that_is_an_object_is_missing_like_others() -> None:
    def work(pset: dict[str, Any], *_: object) -> dict[str, Any]:
        raise ValueError("no")

    paramsurvey.map(work, [{"a": {1, 2}}, {"a": 5}], checkpoint="dir")
    with exploding():
        shown = load_without_unpickling("dir").missing.to_df()
    assert len(shown) == 2
    assert paramsurvey.load("dir").missing.a.tolist() == [{1, 2}, 5]


# ---- a fuzzer

ROLES = st.sampled_from(["pset", "result", "failure", "output", "kinds", "identity", "position", "other"])
CODECS = st.sampled_from(["number", "pickle", "unknown", *codecs()])
KEYS = st.sampled_from(["skind", "sexception", "sa", "s", "", "x", "p", "p%%%", "TRAP", "soutput"])
ARRAYS = st.sampled_from(
    [
        pa.array([1, None, 3]),
        pa.array(["a", None, "c"]),
        pa.array([b"x", b"", None]),
        pa.array([0.5, float("nan"), None]),
        pa.array([[1], [], None]),
        pa.array([1, 2, 9], pa.int8()),
        pa.array([None, None, None]),
        pa.array([b"0" * 16] * 3, pa.binary(16)),
        pa.array([1, 2, 3], pa.timestamp("ms")),
        "TRAPS",
    ]
)
DTYPES = st.sampled_from(["", "int64", "object", "category {}", "category [", "arrow AAAA", "nonsense"])
FIELDS = st.tuples(ROLES, KEYS, CODECS, DTYPES, ARRAYS, st.sampled_from(["a", "_kind", "_position", "b"]))


def fuzzed(role: str, key: str, codec: str, dtype: str, array: Any, name: str) -> tuple[Any, Any]:
    array = traps(3) if isinstance(array, str) else array
    return field(name, array, role=role, key=trap_key() if key == "TRAP" else key, codec=codec, dtype=dtype)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.lists(FIELDS, max_size=4),
    lacks=st.none() | st.integers(0, 5),
    kind=st.sampled_from(["results", "failures"]),
    garbage=st.none() | st.binary(max_size=20),
)
@example(  # the name of a column of psets elsewhere, with values that do not fit
    fields=[("failure", "skind", "number", "", pa.array([[1], [], None]), "a")],
    lacks=None,
    kind="results",
    garbage=None,
)
@pytest.mark.filterwarnings("ignore")
def test_whatever_parts_say_nothing_is_unpickled_and_errors_are_sentences(
    fields: list[Any], lacks: int | None, kind: str, garbage: bytes | None
) -> None:
    if not Path("dir").exists():
        checkpoint()
    columns = [position(7, 8, 9), *failure_columns(3), *(fuzzed(*one) for one in fields)]
    if lacks is not None and lacks < len(columns):
        del columns[lacks]
    if garbage is not None:
        odd = columns[-1][0].with_metadata({b"paramsurvey": garbage})
        columns[-1] = (odd, columns[-1][1])
    if not columns:
        return
    path = write(kind, *columns)
    try:
        with exploding(), suppress(SurveyError, ValueError):
            look_everywhere()
    finally:
        path.unlink()


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300))
def test_whatever_a_pickled_value_is_it_is_shown(content: bytes) -> None:
    array = pa.array([content, None, trap()], pa.binary())
    with exploding():
        (piece,) = decode(array, "pickle", unpickle=False)
        decode(array, "mixed", unpickle=False)
    assert isinstance(piece[1], list)
    assert isinstance(piece[0], np.ndarray)
    assert "a pickled object of" in piece[1][-1]
    assert len(repr(piece[1])) < 100_000


PICKLED = pickle.dumps(
    [{"a": [1, "b", date(2024, 1, 1)]}, ("c", "c", 1.5, None, {2}, Decimal(1))], protocol=5
)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(PICKLED) - 1), byte=st.integers(0, 255))
def test_a_damaged_pickle_of_plain_values_is_shown(place: int, byte: int) -> None:
    content = PICKLED[:place] + bytes([byte]) + PICKLED[place + 1 :]
    with exploding():
        decode(pa.array([content], pa.binary()), "pickle", unpickle=False)


BOMBS = {
    "lists of the same lists": b"]\x94"
    + b"".join(b"]\x94(" + b"h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(60))
    + b".",
    "deeply nested": b"]" * 9000 + b"a" * 8999 + b".",
    "many instructions": b"(" + b"N" * 1_000_000 + b"t.",
    "a long text many times": pickle.dumps(["a" * 100_000] * 5000, protocol=5),
    "a long path many times": pickle.dumps([Path("a" * 100_000)] * 5000, protocol=5),
    "a long number many times": pickle.dumps([Decimal("1" * 100_000)] * 5000, protocol=5),
    "a long zone many times": pickle.dumps([timezone(timedelta(1 / 24), "a" * 100_000)] * 5000, protocol=5),
    "a day that does not exist": pickle.dumps(date(2024, 1, 1), protocol=5).replace(
        b"\x07\xe8\x01\x01", b"\x07\xe8\x01\xff"
    ),
    "a function": pickle.dumps(date, protocol=5),
    "functions in a list": pickle.dumps([date, (date,)], protocol=5),
    "nothing": b"",
    "no end": b"N",
    "two values": b"NN.",
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_pickle_that_could_not_be_shown_is_not(content: bytes) -> None:
    with exploding():
        ((_, (shown,)),) = decode(pa.array([content], pa.binary()), "mixed", unpickle=False)
    assert shown.startswith("<a pickled object of")
