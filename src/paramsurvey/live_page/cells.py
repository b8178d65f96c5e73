"""The psets of one cell of the slicer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from paramsurvey.views import SECONDS, SurveyData
from paramsurvey.views.columns.axes import ABSENT, OTHERS, Axis, Range

MOST_LISTED = 50
MOST_RESULTS = 6  # columns
STATES = ("finished", "failed", "not run")


def chosen_places(names: Sequence[str], labels: Sequence[str], axes: Sequence[Axis]) -> dict[str, int]:
    """Return the place on each of the named axes, found by its label.

    Raises
    ------
    KeyError
        There is no such axis, or no such place.
    """
    known = {axis.name: axis for axis in axes}
    found = {}
    for name, said in zip(names, labels, strict=True):
        places = known[name].labels()
        if said not in places:
            raise KeyError(said)
        found[name] = places.index(said)
    return found


def listed(
    data: SurveyData, axes: Sequence[Axis], chosen: dict[str, int]
) -> tuple[tuple[str, ...], list[tuple[Any, ...]], int]:
    """Return the psets of a cell: the table's columns, its first rows, and how many more there are."""
    known = {axis.name: axis for axis in axes}
    tables = {name: _table(data.axis(name), known[name], place) for name, place in chosen.items()}
    rows, states, more = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint8)], 0
    room = MOST_LISTED
    for chunk in data.chunks(tables):
        there = np.ones(len(chunk.rows), dtype=np.bool_)
        for name, table in tables.items():
            there &= table[chunk.codes[name]]
        at = np.flatnonzero(there)
        rows.append(chunk.rows[at[:room]])
        states.append(chunk.status[at[:room]])
        more += max(0, len(at) - room)
        room -= min(room, len(at))
    found = np.concatenate(rows).tolist()
    results = data.results[:MOST_RESULTS]
    names = (*data.keys, *results, *((SECONDS,) if data.has_seconds else ()))
    values = data.psets(found, names) if found else []
    numbers = data.numbers(found)
    lines = [
        (number, STATES[state], *("" if state and name in results else one[name] for name in names))
        for number, state, one in zip(numbers, np.concatenate(states).tolist(), values, strict=True)
    ]
    lines.sort(key=lambda line: (line[0] is None, line[0]))  # results come first, and then failures
    head = ("state", *data.keys, *results, *(("seconds",) if data.has_seconds else ()))
    return head, lines, more


def _table(fine: Axis, coarse: Axis, place: int) -> Any:
    """Tell for each place of an axis whether it is part of a place of the same axis made coarser."""
    return np.array([_place_in(value, coarse) == place for value in fine.values], dtype=np.bool_)


def _place_in(value: Any, coarse: Axis) -> int:
    value = math.nan if value is ABSENT else value.low if isinstance(value, Range) else value
    try:
        return coarse.place_of(value)
    except ValueError:
        return next((at for at, known in enumerate(coarse.values) if known is OTHERS), -1)
