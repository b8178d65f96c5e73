"""pandas' dtypes as text, because Arrow's types do not say everything about them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pandas as pd
import pyarrow as pa

MOST_CATEGORIES = 1000  # more than these are not written, because they would be in every part
ARROW = "arrow "


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
    if isinstance(restored.dtype, (pd.ArrowDtype, pd.StringDtype)) or restored.dtype == object:
        present = series.notna()
        return bool(restored[present].tolist() == series[present].tolist())
    back = restored.astype(series.dtype)
    return bool(((back == series) | (back.isna() & series.isna())).all())


def _categorical(series: pd.Series[Any], text: str) -> pd.Series[Any]:
    known = json.loads(text or "{}")
    if not known or not series.dropna().isin(known["categories"]).all():
        return series.astype("category")
    return series.astype(pd.CategoricalDtype(known["categories"], known["ordered"]))
