"""The dtypes of pandas as text, for what Arrow's types do not say."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

MOST_CATEGORIES = 1000  # more are not written into every part


def dtype_text(dtype: Any) -> str:
    """Return a dtype as text that `typed` understands.

    Examples
    --------
    >>> dtype_text(pd.CategoricalDtype(["low", "high"], ordered=True))
    'category {"categories": ["low", "high"], "ordered": true}'
    """
    if not isinstance(dtype, pd.CategoricalDtype):
        return str(dtype)
    categories = [] if dtype.categories is None else dtype.categories.tolist()
    if len(categories) > MOST_CATEGORIES or not set(map(type, categories)) <= {str, int, float, bool}:
        return "category"
    return f"category {json.dumps({'categories': categories, 'ordered': bool(dtype.ordered)})}"


def typed(series: pd.Series[Any], text: str) -> pd.Series[Any]:
    """Return a column with the dtype that it had, where its values allow that."""
    if not text or str(series.dtype) == text:
        return series
    if text.startswith("category"):
        return _categorical(series, text.removeprefix("category"))
    try:
        return series.astype(text)  # type: ignore[call-overload,no-any-return]
    except (ValueError, TypeError):
        return series


def _categorical(series: pd.Series[Any], text: str) -> pd.Series[Any]:
    known = json.loads(text or "{}")
    if not series.dropna().isin(known.get("categories", [])).all():
        return series.astype("category")
    return series.astype(pd.CategoricalDtype(known["categories"], known["ordered"]))
