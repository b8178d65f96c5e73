"""Surveys for the tests of views: a table in memory or in Arrow, whole or in pieces of a few rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import paramsurvey
from paramsurvey.params.sources import ColumnValues
from paramsurvey.views import SurveyData
from paramsurvey.views.columns.arrow import ArrowColumns
from paramsurvey.views.columns.frame import FrameColumns
from paramsurvey.views.columns.source import ColumnSource
from paramsurvey.views.columns.survey_data import KIND

FAILURE = {KIND: "raised", "_exception": "ValueError('x')", "_traceback": 'File "fit.py", line 3, in fit'}


class InPieces:
    """A source whose chunks have a few rows only, so that small tables have several."""

    def __init__(self, source: ColumnSource, size: int) -> None:
        self._source, self._size = source, size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __len__(self) -> int:
        return len(self._source)

    def chunks(self, names: Sequence[str], size: int = 0) -> Iterator[Mapping[str, ColumnValues]]:
        return self._source.chunks(names, self._size)


def source_of(frame: pd.DataFrame, form: str = "frame", pieces: int = 7) -> ColumnSource:
    whole = ArrowColumns(pa.Table.from_pandas(frame)) if form == "arrow" else FrameColumns(frame)
    return InPieces(whole, pieces)


def survey(
    finished: pd.DataFrame,
    keys: Sequence[str],
    missing: pd.DataFrame | None = None,
    form: str = "frame",
    pieces: int = 7,
) -> SurveyData:
    """Return a survey; what its missing psets do not say of their failure is as in `FAILURE`."""
    lost = None
    if missing is not None:
        lost = source_of(
            missing.assign(**{k: v for k, v in FAILURE.items() if k not in missing}), form, pieces
        )
    return SurveyData(source_of(finished, form, pieces), lost, tuple(keys))


def grid(**axes: Any) -> pd.DataFrame:
    """Return the product of some values as a plain DataFrame."""
    index = pd.MultiIndex.from_product(axes.values(), names=axes)
    return index.to_frame(index=False)


def random_table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return a table with columns of every kind."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "n": random.integers(0, 5, rows),
            "x": random.choice([0.25, 0.5, 4.0], rows),
            "t": random.choice(["a", "b<", "ü"], rows),
            "b": random.choice([True, False], rows),
            "y": random.normal(size=rows),
        }
    )


def run(worker: Any, psets: Any, **options: Any) -> paramsurvey.MapResults:
    """Return the results of a map in this process."""
    paramsurvey.init(backend="serial", verbose=0)
    return paramsurvey.map(worker, psets, **options)
