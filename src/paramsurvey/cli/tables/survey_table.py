"""The table of a survey: what came back, and with ``--all-rows`` what failed, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.control.joblog import JobRecord
from paramsurvey.cli.parameter_names import as_typed
from paramsurvey.cli.tables.table import Table
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.column_names import escape_surrogates
from paramsurvey.params.sources import cell_list

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.engine.map_state import MapState
    from paramsurvey.transport.messages import Rows


@dataclass(frozen=True)
class AllRows:
    """What ``--all-rows`` adds to every row.

    Parameters
    ----------
    records : sequence of JobRecord
        How the commands ran; the last attempt of each comes last.
    numbers : callable
        Returns the numbers that the records have for some rows.
    """

    records: Sequence[JobRecord]
    numbers: Callable[[Rows], list[int]]

    def columns(self, state: MapState, rows: range) -> dict[str, list[Any]]:
        """Return exit code, signal, seconds, start, host and attempts of every pset, and why it failed."""
        last = {record.number: record for record in self.records}
        attempts = Counter(record.number for record in self.records)
        numbers = self.numbers(rows)
        failed = state.collector.failed
        own = [last.get(number) for number in numbers]
        return {
            "exit_code": [one and one.exit_code for one in own],
            "signal": [one and one.signal for one in own],
            "duration": [one and one.seconds for one in own],
            "start": [one and _time(one.start) for one in own],
            "host": [one and one.host for one in own],
            "attempts": [
                max(attempts[number], failed[row].attempts if row in failed else 0)
                for row, number in zip(rows, numbers, strict=True)
            ],
            "error": [failed[row].failure.exception if row in failed else None for row in rows],
        }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def survey_table(
    state: MapState,
    build: Callable[[], pd.DataFrame],
    dotted: Mapping[str, str],
    all_rows: AllRows | None = None,
) -> Table:
    """Return the table of a survey.

    Parameters
    ----------
    state : MapState
    build : callable
        Makes the DataFrame of the finished psets, where a format needs one.
    dotted : mapping
        By column, the names that were typed with dots.
    all_rows : AllRows, optional
        Add the psets that failed, and what it knows of every pset.
    """
    total = len(state.source)
    rows = range(total) if all_rows is not None else state.collector.finished_rows(total)
    psets = {name: cell_list(values) for name, values in state.source.columns(rows).items()}
    results = _results(state, rows, psets)
    if all_rows is not None:
        results = _with_all(results, all_rows.columns(state, range(total)))
    columns = {**psets, **results}
    named = dict(zip(as_typed(columns, dotted), columns.values(), strict=True))
    is_plain = all_rows is None and not dotted
    return Table(named, build if is_plain else None)


def _results(state: MapState, rows: Rows, psets: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    results = {}
    for key, column in state.collector.columns.items():
        data, there = column.get(rows)
        own = psets.get(key) or [None] * len(rows)  # type: ignore[call-overload]  # a key may be anything
        values = data.tolist()
        if not there.all():
            values = [value if has else other for value, has, other in zip(values, there, own, strict=True)]
        results[str(escape_surrogates(key))] = values
    return results


def _with_all(results: Mapping[str, list[Any]], added: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the results with what --all-rows adds; what the records lack is taken from the results."""
    merged = dict(added)
    for name, column in results.items():
        if name in added:
            pairs = zip(added[name], column, strict=True)
            merged[name] = [own if new is None else new for new, own in pairs]
        else:
            merged[name] = column
    return {name: merged[name] for name in _error_last(merged)}


def _error_last(names: Collection[str]) -> list[str]:
    """Return the names, with that of the reason at the end."""
    return [*(name for name in names if name != "error"), *(name for name in names if name == "error")]
