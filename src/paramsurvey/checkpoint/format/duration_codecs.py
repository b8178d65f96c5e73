"""Codecs for durations of Python, pandas and NumPy, which keep their units."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from paramsurvey.checkpoint.format.codec import Codec, are, listed, to

NUMPY_UNITS = {  # of which Arrow has the last four
    "W": ("s", 604_800),
    "D": ("s", 86_400),
    "h": ("s", 3600),
    "m": ("s", 60),
    "s": ("s", 1),
    "ms": ("ms", 1),
    "us": ("us", 1),
    "ns": ("ns", 1),
}


def codecs() -> dict[str, Codec]:
    """Return the codecs by name."""
    return {
        "timedelta": Codec(lambda values: are(values, timedelta), to(pa.duration("us")), listed),
        "Timedelta": Codec(_all_of_pandas, _of_pandas, lambda array: array.to_pandas().tolist()),
        **{f"timedelta64[{unit}]": _numpy_codec(unit, *has) for unit, has in NUMPY_UNITS.items()},
    }


def _all_of_pandas(values: list[Any]) -> bool:
    import pandas as pd

    return are(values, pd.Timedelta) and len({one.unit for one in values}) == 1


def _of_pandas(values: list[Any]) -> Any:
    unit = next(one.unit for one in values if one is not None)
    return pa.array([None if one is None else one.asm8 for one in values], pa.duration(unit))


def _numpy_codec(unit: str, arrow_unit: str, factor: int) -> Codec:
    dtype = np.dtype(f"m8[{unit}]")

    def fits(values: list[Any]) -> bool:
        return are(values, np.timedelta64) and all(one.dtype == dtype and not np.isnat(one) for one in values)

    def encode(values: list[Any]) -> Any:
        counts = [None if one is None else int(one.view(np.int64)) * factor for one in values]
        return pa.array(counts, pa.int64()).view(pa.duration(arrow_unit))

    def decode(array: Any) -> list[Any]:
        return list((array.cast(pa.int64()).to_numpy() // factor).view(dtype))

    return Codec(fits, encode, decode)
