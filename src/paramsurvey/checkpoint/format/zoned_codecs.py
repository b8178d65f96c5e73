"""Times with a zone: those of Python and of pandas, in a named zone or at a fixed offset from UTC.

Arrow's type has the zone's name or its offset, and the codec says which of Python's classes it was: the zone
``UTC`` is not the offset of nothing. What does not come back as it was, such as a time that no clock showed,
is left to the next codec.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa

from paramsurvey.checkpoint.format.codec import Codec, are
from paramsurvey.errors import CheckpointError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ZoneText = Callable[[Any], str | None]


def codecs() -> dict[str, Codec]:
    """Return the codecs by name."""
    return {
        name.format(place): codec
        for place, text, zone in (("in a zone", _key, _named), ("at an offset", _offset, _fixed))
        for name, codec in {
            "datetime {}": _of_python(text, zone),
            "timestamp {}": _of_pandas(text, zone, in_seconds=False),
            "timestamp[s] {}": _of_pandas(text, zone, in_seconds=True),
        }.items()
    }


# ---- zones


def _key(zone: object) -> str | None:
    """Return the name under which Python finds this very zone."""
    if type(zone) is not ZoneInfo or zone.key is None:
        return None
    try:
        return zone.key if zone is ZoneInfo(zone.key) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # it was read from a file
        return None


def _named(text: str) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint has times of the zone {text!r}, which is not known here: pip install tzdata"
        ) from error


def _offset(zone: object) -> str | None:
    """Return an offset of whole minutes that has no name of its own."""
    if type(zone) is not timezone:
        return None
    text = "UTC" if zone is UTC else zone.tzname(None).removeprefix("UTC")
    return text if _is_offset(text) and _fixed(text) == zone and repr(_fixed(text)) == repr(zone) else None


def _is_offset(text: str) -> bool:
    return text == "UTC" or (len(text) == len("+00:00") and text[0] in "+-")


def _fixed(text: str) -> tzinfo:
    if text == "UTC":
        return UTC
    zone = datetime.strptime(text, "%z").tzinfo
    assert zone is not None
    return zone


# ---- values


def _one_zone(values: list[Any], text: ZoneText) -> bool:
    zones = {id(one.tzinfo): one.tzinfo for one in values}
    texts = set(map(text, zones.values()))
    return len(texts) == 1 and None not in texts


def _of_python(text: ZoneText, zone: Callable[[str], tzinfo]) -> Codec:
    def fits(values: list[Any]) -> bool:
        return are(values, datetime) and _one_zone(values, text)

    def encode(values: list[Any]) -> Any:
        there = [one for one in values if one is not None]
        counts = [None if one is None else (one.astimezone(UTC) - EPOCH) // MICROSECOND for one in values]
        array = _array(counts, pa.timestamp("us", text(there[0].tzinfo)))
        return _checked(array, there, decode(array.drop_null()))

    def decode(array: Any) -> list[Any]:
        here = zone(array.type.tz)
        counts = array.cast(pa.int64()).to_pylist()
        return [(EPOCH + timedelta(microseconds=count)).astimezone(here) for count in counts]

    return Codec(fits, encode, decode)


def _of_pandas(text: ZoneText, zone: Callable[[str], tzinfo], in_seconds: bool) -> Codec:
    def fits(values: list[Any]) -> bool:
        import pandas as pd

        if not are(values, pd.Timestamp):
            return False
        units = {one.unit for one in values}
        return len(units) == 1 and (units == {"s"}) is in_seconds and _one_zone(values, text)

    def encode(values: list[Any]) -> Any:
        there = [one for one in values if one is not None]
        unit, factor = ("ms", 1000) if in_seconds else (there[0].unit, 1)  # Parquet has no seconds
        counts = [None if one is None else int(one.asm8.view(np.int64)) * factor for one in values]
        array = _array(counts, pa.timestamp(unit, text(there[0].tzinfo)))
        return _checked(array, there, decode(array.drop_null()))

    def decode(array: Any) -> list[Any]:
        import pandas as pd

        here = zone(array.type.tz)
        counts = array.cast(pa.int64()).to_numpy()
        times = pd.DatetimeIndex(counts.view(f"M8[{array.type.unit}]")).tz_localize("UTC").tz_convert(here)
        return (times.as_unit("s") if in_seconds else times).tolist()

    return Codec(fits, encode, decode)


def _array(counts: list[int | None], kind: Any) -> Any:
    return pa.array(counts, pa.int64()).view(kind)


def _checked(array: Any, values: list[Any], back: list[Any]) -> Any:
    """Return the array, if its values are those that it was made of."""
    for one, other in zip(values, back, strict=True):
        if one.replace(tzinfo=None) != other.replace(tzinfo=None) or one.fold != other.fold:
            raise ValueError(f"{one!r} comes back as {other!r}")
    return array
