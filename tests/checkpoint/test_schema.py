"""What stands in a part, as later versions and others read it, and what is refused as none of ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Hashable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format.codecs import Piece, encode
from paramsurvey.checkpoint.format.schema import (
    StoredColumn,
    check_columns,
    field_info,
    key_of,
    printed_column,
    pset_column,
    to_table,
)
from paramsurvey.checkpoint.format.variants import PREFIX, is_variants
from paramsurvey.errors import NotACheckpoint


def column(role: str, key: Hashable, values: list[Any], dtype: str = "") -> StoredColumn:
    pieces: list[Piece] = [(slice(0, len(values)), values)]
    return pset_column(key, encode(pieces, len(values)), pieces, dtype, role)


def table(*columns: StoredColumn, psets: tuple[str, ...] = ("a",)) -> Any:
    return to_table(pa.array([7, 8], pa.int64()), columns, psets, {"start": pa.array([1, 2])})


def said(written: Any) -> dict[str, dict[str, str]]:
    return {field.name: json.loads(field.metadata[b"paramsurvey"]) for field in written.schema}


def test_each_column_says_what_it_holds_and_how() -> None:
    written = table(
        column("pset", "a", [{1}, {2}], "object"),
        column("result", "y", [0.5, 2]),
        column("result", "a", [b"x", b"y"]),
        column("failure", "kind", ["error", "timeout"]),
        *printed_column({1: "hello"}, 2),
    )
    assert said(written) == {
        "_position": {"role": "position"},
        "a": {"role": "pset", "key": "sa", "codec": "pickle", "dtype": "object"},
        "_identity of a": {"role": "identity", "of": "a"},
        "y": {"role": "result", "key": "sy", "codec": "number", "dtype": ""},
        "_kinds of y": {"role": "kinds", "of": "y"},
        "_result a": {"role": "result", "key": "sa", "codec": "bytes", "dtype": ""},
        "_kind": {"role": "failure", "key": "skind", "codec": "str", "dtype": ""},
        "_output": {"role": "output", "key": "soutput", "codec": "str", "dtype": ""},
        "_start": {"role": "time", "key": "sstart"},
    }
    assert written.column("_position").to_pylist() == [7, 8]
    assert written.column("_output").to_pylist() == [None, "hello"]
    assert written.schema.field("_identity of a").type == pa.binary(16)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("y", "y"),
        ("_y", "_result _y"),
        ("a", "_result a"),
        (7, "_result 7"),
        ((1, "b"), "_result (1, 'b')"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_result_has_the_name_of_its_key_where_that_is_free(key: Hashable, name: str) -> None:
    written = table(column("pset", "a", [1, 2]), column("result", key, [3, 4]))
    assert name in written.column_names
    assert key_of(said(written)[name]["key"], unpickle=True) == key


def test_only_objects_of_psets_have_an_identity_for_only_these_are_compared() -> None:
    assert column("pset", "a", [{1}]).hashes is not None
    assert column("pset", "a", [1]).hashes is None
    assert column("result", "a", [{1}]).hashes is None


def test_columns_that_all_psets_have_need_not_say_of_each_value_that_it_is_there() -> None:
    written = table(
        column("pset", "a", [1, 2]), column("pset", "b", ["x", None]), column("result", "y", [3, 4])
    )
    assert [field.nullable for field in written.schema] == [False, False, True, True, True, False]


PSET = {"role": "pset", "key": "sa", "codec": "number", "dtype": ""}
RESULT = {"role": "result", "key": "sy", "codec": "number", "dtype": ""}
POSITION = {"role": "position"}
WHY = ("kind", "exception", "traceback", "attempts")


def part_of(**columns: tuple[Any, dict[str, Any]]) -> Any:
    """Return a schema with these columns, each of them a type and what is said of it."""
    return pa.schema(
        pa.field(name, kind, metadata={b"paramsurvey": json.dumps(says)})
        for name, (kind, says) in columns.items()
    )


def check(**columns: tuple[Any, dict[str, Any]]) -> None:
    schema = part_of(_position=(pa.int64(), POSITION), **columns)
    check_columns(schema, {field.name: field_info(field) for field in schema})


@pytest.mark.parametrize(
    "says",
    [
        PSET,
        RESULT,
        {**RESULT, "key": "pgASVAwAAAA=="},
        {**RESULT, "codec": "str"},
        {"role": "of the future"},
        {},
    ],
)
def test_what_we_write_and_what_nobody_looks_at_is_no_damage(says: dict[str, str]) -> None:
    check(x=(pa.int64(), says))


REFUSED = [
    {**PSET, "key": "pgASVAwAAAA=="},
    {**PSET, "key": "a"},
    {**RESULT, "key": "xy"},
    {**RESULT, "codec": "zip"},
    {"role": "result", "key": "sy", "codec": "number"},
    {"role": "result", "codec": "number", "dtype": ""},
    {"role": "output", "key": "soutput", "codec": "zip", "dtype": ""},
    {"role": "failure", "key": "skind", "codec": "zip", "dtype": ""},
    {"role": "kinds", "of": "nothing"},
    {"role": "kinds", "of": "x"},
    {"role": "identity", "of": "x"},
    {"role": "time", "key": "sstart"},
    {"role": "time"},
]


@pytest.mark.parametrize("says", REFUSED, ids=str)
def test_a_column_that_is_not_as_we_write_it_is_refused_by_name(says: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"the column 'x' is not known here"):
        check(x=(pa.int32(), says))


def test_helpers_have_their_types() -> None:
    check(
        a=(pa.int64(), PSET),
        k=(pa.int8(), {"role": "kinds", "of": "a"}),
        i=(pa.binary(16), {"role": "identity", "of": "a"}),
    )


@pytest.mark.parametrize("left_out", [None, *WHY])
def test_failures_have_reasons(left_out: str | None) -> None:
    kinds = dict.fromkeys(WHY, pa.string()) | {"attempts": pa.int64()}
    columns = {
        f"_{key}": (kind, {"role": "failure", "key": f"s{key}", "codec": "str", "dtype": ""})
        for key, kind in kinds.items()
        if key != left_out
    }
    if left_out is None:
        check(**columns)
    else:
        with pytest.raises(ValueError, match="its failures have no reasons"):
            check(**columns)


@pytest.mark.parametrize("text", ["[1]", '{"role": 1}', '{"role": ["pset"]}', '"role"', "[" * 100_000])
def test_what_is_said_of_a_column_is_text_by_text(text: str) -> None:
    field = pa.field("x", pa.int64(), metadata={b"paramsurvey": text})
    with pytest.raises(ValueError, match="the metadata of"):
        field_info(field)


def test_nothing_is_said_of_a_column_of_others() -> None:
    assert field_info(pa.field("x", pa.int64())) == {}
    assert field_info(pa.field("x", pa.int64(), metadata={b"pandas": "{}"})) == {}


def test_a_key_is_shown_as_a_text_where_nothing_may_be_unpickled() -> None:
    written = table(column("result", (1, "b"), [3, 4]), psets=())
    (text,) = [says["key"] for says in said(written).values() if says["role"] == "result"]
    assert key_of(text, unpickle=True) == (1, "b")
    assert isinstance(key_of(text, unpickle=False), str)
    assert key_of("sy", unpickle=False) == "y"


def test_positions_are_whole_numbers() -> None:
    for kind in (pa.int32(), pa.float64()):
        schema = part_of(_position=(kind, POSITION))
        with pytest.raises(ValueError, match="does not say where its rows belong"):
            check_columns(schema, {field.name: field_info(field) for field in schema})


def test_two_columns_of_one_name_are_refused() -> None:
    arrays = [pa.array([1]), pa.array([2])]
    schema = pa.table(arrays, names=["x", "x"]).schema
    with pytest.raises(ValueError, match="two columns have the same name"):
        check_columns(schema, {field.name: field_info(field) for field in schema})


def test_the_identities_are_those_of_the_values() -> None:
    first, second = column("pset", "a", [{1}, {2}]), column("pset", "a", [{2}, {1}])
    assert first.hashes is not None
    assert second.hashes is not None
    assert first.hashes.equal(second.hashes[np.array([1, 0])]).all()
    assert not first.hashes.equal(second.hashes).any()


@pytest.mark.parametrize("inside", ["pickle", "mixed", "unknown", "variants:"])
def test_variants_that_are_pickles_or_unknown_are_refused_so_that_none_is_unpickled(inside: str) -> None:
    fields = pa.schema([pa.field(inside, pa.binary())])
    codec = PREFIX + base64.b64encode(fields.serialize().to_pybytes()).decode()
    with pytest.raises(NotACheckpoint, match="is not known here"):
        check(a=(pa.binary(), {**PSET, "codec": codec}))


def test_a_codec_that_does_not_list_variants_is_refused() -> None:
    for text in ("", "?", base64.b64encode(b"no schema").decode()):
        with pytest.raises(ValueError, match="not what we write"):
            is_variants(PREFIX + text)
