"""When and where psets ran, as columns of a part: seconds, start, worker, host, attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from paramsurvey.engine.pset_times import Times
from paramsurvey.transport.messages import Ran

MICROSECONDS = 1e6
TIME_TYPES = {
    "seconds": pa.float32(),
    "start": pa.timestamp("us", "UTC"),
    "worker": pa.int32(),
    "host": pa.string(),
    "attempts": pa.int32(),
}
"""By key, how each column is stored. Null where it is not known; of failures, attempts are elsewhere."""


def time_columns(batch: Sequence[Times]) -> dict[str, Any]:
    """Return the columns of some psets that have finished."""
    columns = _columns(
        np.concatenate([times.seconds for times in batch]),
        np.concatenate([times.began for times in batch]),
        np.concatenate([times.worker for times in batch]),
        pa.chunked_array([_hosts(times) for times in batch], pa.string()),
    )
    return {**columns, "attempts": pa.array(np.concatenate([_attempts(times) for times in batch]))}


def failed_time_columns(batch: Sequence[Ran]) -> dict[str, Any]:
    """Return the columns of some psets that have failed."""
    return _columns(
        np.array([ran.seconds for ran in batch], dtype=np.float32),
        np.array([ran.began for ran in batch], dtype=np.float64),
        np.array([ran.worker for ran in batch], dtype=np.int64),
        pa.array([ran.host or None for ran in batch], pa.string()),
    )


def _columns(
    seconds: NDArray[np.float32], began: NDArray[np.float64], worker: NDArray[np.int64], host: Any
) -> dict[str, Any]:
    known = np.isfinite(began)
    start = np.rint(np.where(known, began, 0.0) * MICROSECONDS).astype(np.int64)
    return {
        "seconds": _nullable(seconds, np.isnan(seconds)),
        "start": _nullable(start, ~known).cast(TIME_TYPES["start"]),
        "worker": _nullable(worker.astype(np.int32), worker == 0),
        "host": host,
    }


def _nullable(values: NDArray[Any], absent: NDArray[np.bool_]) -> Any:
    return pa.array(values, mask=absent) if absent.any() else pa.array(values)


def _hosts(times: Times) -> Any:
    if len(times.hosts) == 1:
        host = pa.scalar(times.hosts[0] or None, pa.string())
        return pa.repeat(host, len(times))
    return pa.array([host or None for host in times.hosts], pa.string()).take(pa.array(times.host))


def _attempts(times: Times) -> NDArray[np.int32]:
    attempts = np.ones(len(times), dtype=np.int32)
    for place, tried in times.attempts.items():
        attempts[place] = tried
    return attempts


def read_times(columns: Mapping[str, Any], count: int) -> Times:
    """Return the times that `columns` of `count` rows hold; not known where there is no such column."""
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


def joined_times(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of several parts as one; nothing of what none of them has."""
    joined = {
        key: pa.chunked_array([chunk for columns in batch for chunk in columns[key].chunks], kind)
        for key, kind in TIME_TYPES.items()
    }
    return {key: column for key, column in joined.items() if column.null_count < len(column)}
