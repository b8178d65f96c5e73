"""What a drop-in program has to show: one JSON object a line, in the file that the variable SHOWN names.

It runs on release 0.4 as well as here, so it needs nothing but pandas.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def value(name: str, what: Any) -> None:
    """Show something that has a repr by which it can be compared."""
    _write(name, {"value": what if isinstance(what, (str, int, bool, list, dict)) else repr(what)})


def table(name: str, frame: Any, ordered: bool = False) -> None:
    """Show a table: columns, dtypes and rows.

    The rows are sorted unless `ordered`: release 0.4 returns them in the order in which they finished.
    """
    plain = pd.DataFrame(frame)
    rows = [[cell(one) for one in row] for row in plain.itertuples(index=False, name=None)]
    shown = {
        "columns": [str(column) for column in plain.columns],
        "dtypes": [str(dtype) for dtype in plain.dtypes],
        "rows": rows if ordered else sorted(rows, key=json.dumps),
    }
    _write(name, shown)


def missing(name: str, frame: Any) -> None:
    """Show the psets that have no result, with the exception and without what else is told of them.

    Where there are none, release 0.4 has no columns either.
    """
    plain = pd.DataFrame(frame)
    kept = [column for column in plain if column == "_exception" or column[0] != "_"]
    table(name, plain[kept] if len(plain) else pd.DataFrame())


def counters(name: str, results: Any) -> None:
    """Show the counters of a map."""
    value(name, str(results.progress))


def cell(one: Any) -> str:
    """Describe one value of a table; the types of what is no plain number are part of it."""
    if isinstance(one, np.generic):
        one = one.item()
    if isinstance(one, float) and one != one:
        return "nan"
    return repr(one)


def _write(name: str, shown: dict[str, Any]) -> None:
    with Path(os.environ["SHOWN"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, **shown}) + "\n")
