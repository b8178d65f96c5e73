"""When and where psets ran, as columns of a part: seconds, start, worker, host and attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.engine.collecting.pset_times import Times
from paramsurvey.transport.messages import Ran

MICROSECONDS = 1e6
CHUNK = 1 << 14  # values
TIME_TYPES = {
    "seconds": pa.float32(),
    "start": pa.timestamp("us", "UTC"),
    "worker": pa.int32(),
    "host": pa.string(),
    "attempts": pa.int32(),
}
"""The type of each column, by its key. Unknown values are null. Failures store their attempts elsewhere."""


HOSTS = pa.dictionary(pa.int32(), TIME_TYPES["host"])
"""The type of the hosts until they are written, so that no name has to be looked up for each row."""


def time_columns(batch: Sequence[Times]) -> dict[str, Any]:
    """Return the columns of some psets that have finished; hosts are `HOSTS`."""
    types = {**TIME_TYPES, "host": HOSTS}
    chunks: dict[str, list[Any]] = {key: [] for key in types}
    for times in batch:
        chunks["seconds"].append(_seconds(times.seconds))
        chunks["start"].append(_start(times.began))
        chunks["worker"] += _workers(times.worker)
        chunks["host"] += _hosts(times)
        chunks["attempts"] += _attempts(times)
    columns = {key: pa.chunked_array(arrays, types[key]) for key, arrays in chunks.items()}
    return {**columns, "host": columns["host"].unify_dictionaries()}


def failed_time_columns(batch: Sequence[Ran]) -> dict[str, Any]:
    """Return the columns of some psets that have failed."""
    return {
        "seconds": _seconds(np.array([ran.seconds for ran in batch], dtype=np.float32)),
        "start": _start(np.array([ran.began for ran in batch], dtype=np.float64)),
        "worker": _workers(np.array([ran.worker for ran in batch], dtype=np.int64))[0],
        "host": pa.array([ran.host or None for ran in batch], TIME_TYPES["host"]),
    }


def _seconds(seconds: NDArray[np.float32]) -> Any:
    return _nullable(seconds, np.isnan(seconds))


def _start(began: NDArray[np.float64]) -> Any:
    """Return start times in microseconds, a chunk at a time: new memory costs more than the arithmetic."""
    unknown = ~np.isfinite(began)
    known = np.where(unknown, 0.0, began) if unknown.any() else began
    microseconds = np.empty(len(began), dtype=np.int64)
    for start in range(0, len(began), CHUNK):
        piece = known[start : start + CHUNK] * MICROSECONDS
        microseconds[start : start + CHUNK] = np.rint(piece, out=piece)
    return _nullable(microseconds, unknown).view(TIME_TYPES["start"])


def _nullable(values: NDArray[Any], absent: NDArray[np.bool_]) -> Any:
    return pa.array(values, mask=absent) if absent.any() else pa.array(values)


def _workers(worker: NDArray[np.int64]) -> list[Any]:
    if len(worker) and worker.strides == (0,):  # one number for all, as `times_of` gives it
        return _repeated(int(worker[:1].astype(np.int32)[0]) or None, TIME_TYPES["worker"], len(worker))
    return [_nullable(worker.astype(np.int32), worker == 0)]


def _hosts(times: Times) -> list[Any]:
    if len(times.hosts) == 1:
        return _repeated(times.hosts[0] or None, HOSTS, len(times))
    names = pa.array([host or None for host in times.hosts], TIME_TYPES["host"])
    return [names.take(pa.array(times.host)).cast(HOSTS)]


def _attempts(times: Times) -> list[Any]:
    if not times.attempts:
        return _repeated(1, TIME_TYPES["attempts"], len(times))
    attempts = np.ones(len(times), dtype=np.int32)
    for place, tried in times.attempts.items():
        attempts[place] = tried
    return [pa.array(attempts)]


def _repeated(value: int | str | None, kind: Any, count: int) -> list[Any]:
    """Return `count` times the same value, as arrays that share their memory."""
    whole, rest = divmod(count, CHUNK)
    piece = _chunk(value, kind)
    return [piece] * whole + [piece.slice(0, rest)]


@lru_cache(maxsize=64)
def _chunk(value: int | str | None, kind: Any) -> Any:
    return pa.repeat(value, CHUNK).cast(kind)


def read_times(columns: Mapping[str, Any], count: int) -> Times:
    """Return the times in `columns` of `count` rows; those whose column is missing are not known."""
    arrays = {key: columns.get(key, pa.nulls(count, kind)) for key, kind in TIME_TYPES.items()}
    start = arrays["start"].cast(pa.int64())
    began = start.fill_null(0).to_numpy() / MICROSECONDS
    hosts = arrays["host"].dictionary_encode()
    names = hosts.dictionary.to_pylist()
    attempts = arrays["attempts"].fill_null(1).to_numpy()
    return Times(
        arrays["seconds"].to_numpy(zero_copy_only=False),
        np.where(start.is_null().to_numpy(zero_copy_only=False), np.nan, began),
        arrays["worker"].fill_null(0).to_numpy().astype(np.int64),
        hosts.indices.fill_null(len(names)).to_numpy().astype(np.int64),
        (*names, ""),
        {place: int(attempts[place]) for place in np.flatnonzero(attempts > 1).tolist()},
    )


def join_times(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of several parts as one; leave out a column that is null in all of them."""
    joined = {
        key: pa.chunked_array([chunk for columns in batch for chunk in columns[key].chunks], kind)
        for key, kind in TIME_TYPES.items()
    }
    return {key: column for key, column in joined.items() if column.null_count < len(column)}
