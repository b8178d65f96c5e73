"""pandas' dtypes as text, because Arrow's types do not say everything about them."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

MOST_CATEGORIES = 1000  # more than these are not written, because they would be in every part
ARROW = "arrow "
NUMBERS = "biuf"  # numpy's letters
BLOCK = 1 << 15  # values that are compared at a time as Python objects: more would take much memory


def dtype_text(dtype: Any) -> str:
    """Return a dtype as text that `restore_dtype` understands.

    Examples
    --------
    >>> dtype_text(pd.CategoricalDtype(["low", "high"], ordered=True))
    'category {"categories": ["low", "high"], "ordered": true}'
    """
    if isinstance(dtype, pd.ArrowDtype):  # its name does not say everything
        return ARROW + _arrow_text(dtype.pyarrow_dtype)
    if not isinstance(dtype, pd.CategoricalDtype):
        return str(dtype)
    categories = [] if dtype.categories is None else dtype.categories.tolist()
    if len(categories) > MOST_CATEGORIES or not set(map(type, categories)) <= {str, int, float, bool}:
        return "category"
    return f"category {json.dumps({'categories': categories, 'ordered': bool(dtype.ordered)})}"


def categories_in(text: str) -> list[Any]:
    """Return the categories in order of a dtype that `dtype_text` has written; none for other dtypes.

    Examples
    --------
    >>> categories_in('category {"categories": ["low", "high"], "ordered": true}')
    ['low', 'high']
    """
    if not text.startswith("category {"):
        return []
    return list(json.loads(text.removeprefix("category"))["categories"])


def restore_dtype(series: pd.Series[Any], text: str) -> pd.Series[Any]:
    """Return a column with the dtype that it had, if its values allow that.

    They may not: each part has the dtype of its own psets, and a survey that was extended may have several.
    """
    if not text or str(series.dtype) == text:
        return series
    try:
        if text.startswith("category"):
            return _categorical(series, text.removeprefix("category"))
        restored = series.astype(_dtype(text))
        return restored if _has_same_values(restored, series) else series
    except Exception:  # dtypes may come from any package, and raise anything
        return series


def _arrow_text(kind: Any) -> str:
    return base64.b64encode(pa.schema([pa.field("", kind)]).serialize()).decode()


def _dtype(text: str) -> Any:
    if not text.startswith(ARROW):
        return text
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text.removeprefix(ARROW))))
    return pd.ArrowDtype(schema.field(0).type)


def _has_same_values(restored: pd.Series[Any], series: pd.Series[Any]) -> bool:
    """Tell whether the values are still the same: numpy and Arrow truncate, and anything becomes a text."""
    if _is_text(restored.dtype):
        kind = pd.api.types.infer_dtype(series, skipna=True)
        return kind in ("string", "empty") or bool(series.isna().all())
    if isinstance(restored.dtype, pd.ArrowDtype) and not _are_alike(restored.dtype, series.dtype):
        starts = range(0, len(series), BLOCK)
        return all(_are_equal(restored[at : at + BLOCK], series[at : at + BLOCK]) for at in starts)
    back = restored.astype(series.dtype)
    return bool(((back == series) | (back.isna() & series.isna())).all())


def _is_text(dtype: Any) -> bool:
    if isinstance(dtype, pd.StringDtype):
        return True
    kind = dtype.pyarrow_dtype if isinstance(dtype, pd.ArrowDtype) else None
    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _are_alike(one: Any, other: Any) -> bool:
    """Tell whether both are of numbers, or of times without a zone: then equality is that of the numbers."""
    if any(dtype.kind == "M" for dtype in (one, other)):
        return one.kind == other.kind and isinstance(other, np.dtype) and one.pyarrow_dtype.tz is None
    return one.kind in NUMBERS and isinstance(other, np.dtype) and other.kind in NUMBERS


def _are_equal(restored: pd.Series[Any], series: pd.Series[Any]) -> bool:
    """Compare two columns as Python does: dates with times, for example, are never equal."""
    there = series.notna()
    return bool(restored[there].tolist() == series[there].tolist())


def _categorical(series: pd.Series[Any], text: str) -> pd.Series[Any]:
    known = json.loads(text or "{}")
    if not known or not series.dropna().isin(known["categories"]).all():
        return series.astype("category")
    return series.astype(pd.CategoricalDtype(known["categories"], known["ordered"]))
