"""How values are stored: what other programs read as Arrow's types, and what is pickled."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from paramsurvey.checkpoint.format import variants
from paramsurvey.checkpoint.format.codecs import decode, encode, encode_cells
from paramsurvey.checkpoint.format.variants import store
from paramsurvey.errors import CheckpointError
from paramsurvey.params.sources import CategoryCodes

NOON = datetime(2026, 11, 30, 12)
SECONDS = pd.Timestamp("2026-11-30 12:00").as_unit("s")
LATER = pd.Timestamp("2026-11-30 12:00:00.000000001", tz="UTC")
HOUR = pd.Timedelta(1, "h")
BERLIN = ZoneInfo("Europe/Berlin")
TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)  # clocks went back at three
WEST = timezone(-timedelta(hours=5, minutes=30))

STORED: list[tuple[str, list[Any], Any]] = [
    ("number", [1, 2], pa.int64()),
    ("number", [0.5, 2.0], pa.float64()),
    ("number", [True, False], pa.bool_()),
    ("number", [1, 0.5, None], pa.float64()),
    ("str", ["a", "é"], pa.string()),
    ("bytes", [b"a", b""], pa.binary()),
    ("datetime", [NOON, datetime(1, 1, 1)], pa.timestamp("us")),
    ("timestamp", [pd.Timestamp("2026-11-30 12:00:00.000000001")], pa.timestamp("ns")),
    ("timestamp", [SECONDS.as_unit("ms")], pa.timestamp("ms")),
    ("timestamp[s]", [SECONDS, pd.Timestamp("2001-01-01").as_unit("s")], pa.timestamp("ms")),
    ("date", [date(2026, 11, 30), date(1, 1, 1)], pa.date32()),
    ("list of str", [["a", "b"], ["c"]], pa.list_(pa.string())),
    ("list of int", [[1, 2], [], [3]], pa.list_(pa.int64())),
    ("list of float", [[0.5], [1.0, 2.0]], pa.list_(pa.float64())),
    ("empty list", [[], []], pa.list_(pa.null())),
    ("nothing", [None, None], pa.null()),
    ("timedelta", [timedelta(days=-1, microseconds=1), timedelta(1)], pa.duration("us")),
    ("Timedelta", [pd.Timedelta(1, "ns")], pa.duration("ns")),
    ("Timedelta", [HOUR.as_unit("s"), HOUR.as_unit("s")], pa.duration("s")),
    ("Timedelta", [HOUR.as_unit("s"), pd.Timedelta(1, "ns"), HOUR.as_unit("ms")], pa.duration("ns")),
    ("timestamp", [SECONDS, SECONDS.as_unit("ms")], pa.timestamp("ms")),
    ("timestamp at an offset", [SECONDS.tz_localize("UTC"), LATER], pa.timestamp("ns", "UTC")),
    ("timedelta64[D]", [np.timedelta64(1, "D"), np.timedelta64(-400, "D")], pa.duration("s")),
    ("timedelta64[ms]", [np.timedelta64(1, "ms")], pa.duration("ms")),
    ("datetime in a zone", [NOON.replace(tzinfo=BERLIN)], pa.timestamp("us", "Europe/Berlin")),
    ("datetime in a zone", [NOON.replace(tzinfo=ZoneInfo("UTC"))], pa.timestamp("us", "UTC")),
    (
        "datetime in a zone",
        [TWICE.replace(fold=fold) for fold in (1, 0)],
        pa.timestamp("us", "Europe/Berlin"),
    ),
    (
        "datetime at an offset",
        [NOON.replace(tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
        pa.timestamp("us", "UTC"),
    ),
    ("datetime at an offset", [NOON.replace(tzinfo=WEST)], pa.timestamp("us", "-05:30")),
    (
        "timestamp in a zone",
        [pd.Timestamp(1, tz=BERLIN), LATER.tz_convert(BERLIN)],
        pa.timestamp("ns", "Europe/Berlin"),
    ),
    ("timestamp at an offset", [SECONDS.as_unit("us").tz_localize(WEST)], pa.timestamp("us", "-05:30")),
    ("timestamp[s] at an offset", [SECONDS.tz_localize("UTC")], pa.timestamp("ms", "UTC")),
    ("large int", [2**64, -1, 10**38 - 1], pa.decimal128(38)),
]

PICKLED: list[list[Any]] = [
    [{1}, {2}],
    [["a", 1]],
    [[True]],
    [(1, 2)],
    [NOON.replace(fold=1)],
    [NOON.replace(fold=1, tzinfo=BERLIN)],
    [datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)],  # no clock showed it
    [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))],  # in UTC, that is before all years
    [NOON.replace(tzinfo=timezone(timedelta(seconds=1)))],
    [NOON.replace(tzinfo=timezone(timedelta(hours=1), "CET"))],
    [timedelta.max],
    [np.timedelta64(2**62, "W")],
    [np.timedelta64(1, "Y")],
    [10**38],
    ["\ud800"],
    ["\ud800", {1}, [1, "a"], 1j],
]

MIXED: list[list[Any]] = [
    [date(2026, 11, 30), NOON],
    [NOON.replace(tzinfo=UTC), NOON],
    [pd.Timestamp("9999-01-01").as_unit("s"), LATER.tz_localize(None)],
    [True, 2**70],
    [True, 1],
    [2**53 + 1, 0.5],
    ["a", b"a"],
    ["a", "\ud800"],
    [2**70, "a"],
    [1, {1}],
]

VARIANTS: list[tuple[list[Any], Any]] = [
    ([NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=BERLIN)], pa.timestamp("us", "UTC")),
    ([NOON.replace(tzinfo=WEST), NOON.replace(tzinfo=UTC)], pa.timestamp("us", "UTC")),
    ([TWICE.replace(fold=1), TWICE.replace(tzinfo=UTC), TWICE], pa.timestamp("us", "UTC")),
    ([LATER, LATER.tz_convert(BERLIN)], pa.timestamp("ns", "UTC")),
    ([SECONDS.tz_localize("UTC"), LATER.tz_convert(BERLIN)], pa.timestamp("ns", "UTC")),
    ([NOON, SECONDS, pd.Timestamp(1)], pa.timestamp("ns")),
    ([timedelta(1), pd.Timedelta(1, "D")], pa.duration("us")),
    ([timedelta(1), pd.Timedelta(1, "ns"), HOUR.as_unit("s")], pa.duration("ns")),
    ([np.timedelta64(1, "D"), np.timedelta64(1, "h")], pa.duration("s")),
    ([np.timedelta64(1, "D"), timedelta(2)], pa.duration("us")),
    ([2**70, 0.5, 3], pa.float64()),
    ([[1, 2], [0.5], []], pa.list_(pa.float64())),
]

ARRAYS: list[tuple[str, list[Any]]] = [
    ("array", [np.array([1, 2]), np.array([3]), np.array([], dtype=np.int64)]),
    ("array", [np.array([0.5], dtype=np.float32)]),
    ("array", [np.array([5], dtype=np.uint32)]),
    ("variants", [np.array([1]), np.array([0.5])]),
    ("variants", [np.array([0.5], dtype=np.float32), np.array([0.5])]),
    ("mixed", [np.array([2**53 + 1]), np.array([0.5])]),
    ("pickle", [np.array([0.5], dtype=np.float16)]),
    ("pickle", [np.array([[1, 2]])]),
    ("pickle", [np.array(3)]),
    ("pickle", [np.array([1], dtype=">i8")]),
    ("pickle", [np.array([True])]),
    ("pickle", [np.array(["a"])]),
]


def read_back(encoded: Any, count: int) -> list[Any]:
    found: dict[int, Any] = {}
    for at, some in decode(encoded.array, encoded.codec, encoded.kinds, unpickle=True):
        natives = some.tolist() if isinstance(some, np.ndarray) else some
        found.update(zip(np.arange(count)[at].tolist(), natives, strict=True))
    return [found[i] for i in range(count)]


@pytest.mark.parametrize(
    ("codec", "values", "arrow"),
    [
        *STORED,
        *(("pickle", values, pa.binary()) for values in PICKLED),
        *(("mixed", values, pa.binary()) for values in MIXED),
        *(("variants", values, arrow) for values, arrow in VARIANTS),
    ],
)
def test_values_that_one_arrow_type_can_hold_are_stored_as_it_and_all_others_pickled(
    codec: str, values: list[Any], arrow: Any
) -> None:
    encoded = encode([(slice(0, len(values)), values)], len(values))
    assert (encoded.codec.partition(":")[0], encoded.array.type) == (codec, arrow)
    back = read_back(encoded, len(values))
    assert back == values
    assert list(map(type, back)) == list(map(type, values))
    for name in ("unit", "fold", "dtype"):
        assert [getattr(one, name, None) for one in back] == [getattr(one, name, None) for one in values]
    assert [zone(one) for one in back] == [zone(one) for one in values]


def zone(value: Any) -> str:
    return repr(getattr(value, "tzinfo", None))


@pytest.mark.parametrize(("codec", "values"), ARRAYS)
def test_arrays_with_one_axis_and_one_type_are_stored_as_lists(codec: str, values: list[Any]) -> None:
    encoded = encode([(slice(0, len(values)), values)], len(values))
    assert encoded.codec.partition(":")[0] == codec
    for before, back in zip(values, read_back(encoded, len(values)), strict=True):
        assert back.dtype == before.dtype
        np.testing.assert_array_equal(back, before)


def test_a_zone_comes_back_as_the_object_that_it_was() -> None:
    for one in (NOON.replace(tzinfo=BERLIN), LATER.tz_convert(BERLIN), NOON.replace(tzinfo=UTC)):
        (back,) = read_back(encode([(slice(0, 1), [one])], 1), 1)
        assert back.tzinfo is one.tzinfo


@pytest.mark.parametrize("there", [HOUR, NOON, SECONDS, LATER, timedelta(1), 1, True, 2**70, "a"])
def test_nat_and_na_are_kinds_of_their_own(there: Any) -> None:
    values = [there, pd.NaT, None, pd.NA]
    encoded = encode([(slice(0, 4), values)], 4)
    assert encoded.codec == encode([(slice(0, 1), [there])], 1).codec
    back = read_back(encoded, 4)
    assert back[0] == there
    assert list(map(type, back)) == list(map(type, values))


@pytest.mark.parametrize("name", ["Timestamp", "Timedelta", "NaTType", "NAType", "NoneType"])
def test_objects_whose_type_only_has_the_name_of_one_of_pandas_are_objects(name: str) -> None:
    kind = type(name, (), {})  # other packages have such types: those of protocol buffers, for example
    values = [kind(), kind()]
    assert encode([(slice(0, 2), values)], 2).kinds is None


def test_a_zone_that_is_not_known_here_is_named() -> None:
    array = pa.array([1], pa.timestamp("us", "Mars/Olympus_Mons"))
    with pytest.raises(CheckpointError, match="of the zone 'Mars/Olympus_Mons', which is not known here"):
        decode(array, "datetime in a zone")


def test_a_kind_of_value_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="77 is no kind of value"):
        decode(pa.array([1]), "number", np.array([77], dtype=np.int8))


@pytest.mark.parametrize("values", [["a", None], [None, NOON], [[1], None], [SECONDS, None], [{1}, None]])
def test_none_is_no_value_of_the_others_kind(values: list[Any]) -> None:
    (there,) = [value for value in values if value is not None]
    encoded = encode([(slice(0, 2), values)], 2)
    assert encoded.codec == encode([(slice(0, 1), [there])], 1).codec
    assert read_back(encoded, 2) == values


def test_categories_are_stored_as_their_values() -> None:
    labels = encode_cells(CategoryCodes(np.array([1, 0, 1], dtype=np.int8), ["low", "high", np.nan]))
    assert labels.codec == "str"
    assert read_back(labels, 3) == ["high", "low", "high"]
    numbers = encode_cells(CategoryCodes(np.array([1, -1, 0], dtype=np.int8), [5, 6, np.nan]))
    assert read_back(numbers, 3)[::2] == [6, 5]
    assert np.isnan(read_back(numbers, 3)[1])


def test_times_with_a_zone_object_each_are_stored_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(values: list[Any]) -> Any:
        calls.append(len(values))
        return store(values)

    monkeypatch.setattr(variants, "store", counted)
    zones = [timezone(timedelta(hours=1 + n % 2)) for n in range(20)]
    values = [datetime(2026, 11, 30, tzinfo=zone) for zone in zones]
    found = variants.encode_variants(values)
    assert found is not None
    assert calls == [10, 10]


NAN = float("nan")


@pytest.mark.parametrize(
    ("pieces", "codec", "kind"),
    [
        ([np.array([1], dtype=np.int8), np.array([300])], "number", pa.int64()),
        ([np.array([NAN, NAN]), np.array([NAN])], "nothing", pa.null()),
        ([np.array([1, 2]), np.array([NAN])], "number", pa.int64()),
        ([np.array([1, 2]), np.array([0.5])], "number", pa.float64()),
        ([[HOUR.as_unit(unit) for unit in ("s", "ms", "us", "ns")]], "Timedelta", pa.duration("ns")),
    ],
    ids=str,
)
def test_pieces_of_a_column_are_stored_as_one(pieces: list[Any], codec: str, kind: Any) -> None:
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    starts = [0, *ends[:-1]]
    encoded = encode([(slice(a, b), one) for a, b, one in zip(starts, ends, pieces, strict=True)], ends[-1])
    assert (encoded.codec, encoded.array.type) == (codec, kind)
    given = [value for piece in pieces for value in (piece if isinstance(piece, list) else piece.tolist())]
    assert repr(read_back(encoded, ends[-1])) == repr(given)


def test_a_column_in_which_everything_is_missing_has_no_type() -> None:
    encoded = encode([], 3)
    assert (encoded.codec, encoded.array.type, encoded.kinds) == ("nothing", pa.null(), None)


def test_a_category_that_is_missing_is_nan_among_floats() -> None:
    codes = CategoryCodes(np.array([0, -1, 1], dtype=np.int8), [0.5, 1.5, NAN])
    assert repr(read_back(encode_cells(codes), 3)) == "[0.5, nan, 1.5]"
