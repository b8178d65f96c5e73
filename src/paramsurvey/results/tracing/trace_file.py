"""The trace of a survey in Chrome's trace event format, which Perfetto shows with a row for each worker."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from paramsurvey.results.tracing.timed_psets import TimedPsets
from paramsurvey.transport.file_names import possible_path
from paramsurvey.transport.new_files import resolve_links
from paramsurvey.transport.safe_repr import describe
from paramsurvey.transport.safe_text import safe_line
from paramsurvey.views import Blocks, blocks_of, timeline_of

MICROSECONDS = 1e6
LONGEST_NAME = 80  # characters of a block's name
LONGEST_VALUE = 200  # characters of a pset's value for which JSON has no type
RUNNING = "busy workers"

Describe = Callable[[Sequence[int]], Sequence[tuple[str, Mapping[str, Any]]]]
"""Returns the names of psets, and their keys and values, by `TimedPsets.row`."""

Event = dict[str, Any]


def trace_of(psets: TimedPsets, describe_psets: Describe, name: str = "survey") -> str:
    """Return a trace as JSON.

    There is a process for each machine and a thread for each worker. Each pset is a block on its worker's
    row. If there are many, tiny neighbours are one block, whose length is the time that they ran. A pset that
    failed, or a block that contains one, has a mark at its beginning, and ``failed`` in its name. A counter
    shows how many workers were busy.

    Parameters
    ----------
    psets : TimedPsets
    describe_psets : callable
        Called once, with the rows of all psets that have a block of their own or are the first in one.
    name : str
        The survey's name.
    """
    psets = psets.in_order()
    blocks = blocks_of(psets.worker, psets.start, psets.seconds, psets.failed)
    places = [psets.places[worker] for worker, _ in blocks.lanes]
    hosts = {host: at for at, host in enumerate(dict.fromkeys(host for host, _ in places), 1)}
    rows = [(hosts[host], at) for at, (host, _) in enumerate(places, 1)]
    begin = float(psets.start.min()) if len(psets) else 0.0
    events = [
        *_name_events(hosts, rows, places, [lane for _, lane in blocks.lanes]),
        *_block_events(blocks, rows, psets.row, describe_psets),
        *_busy_workers(psets),
    ]
    metadata = {"survey": safe_line(name), "begin": datetime.fromtimestamp(begin, UTC).isoformat()}
    trace = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": metadata}
    return json.dumps(trace, separators=(",", ":"), allow_nan=False)


def write_trace(text: str, path: str | os.PathLike[str]) -> None:
    """Write a trace as a whole or not at all, compressed if the file's name ends with ``.gz``."""
    from paramsurvey.checkpoint.atomic_files import write_whole

    target = Path(resolve_links(str(possible_path(path))))
    content = text.encode()
    write_whole(target, gzip.compress(content, mtime=0) if target.suffix == ".gz" else content)


def _name_events(
    hosts: Mapping[str, int],
    rows: Sequence[tuple[int, int]],
    places: Sequence[tuple[str, int]],
    lanes: Sequence[int],
) -> Iterator[Event]:
    """Yield the names of processes and threads."""
    for host, process in hosts.items():
        yield _name_event("process_name", process, 0, safe_line(host) or "workers")
    for at, ((process, thread), (_, number), lane) in enumerate(zip(rows, places, lanes, strict=True)):
        more = f" ({lane + 1})" if lane else ""
        yield _name_event("thread_name", process, thread, f"worker {number or 'not known'}{more}")
        order = {"sort_index": at}
        yield {"ph": "M", "name": "thread_sort_index", "pid": process, "tid": thread, "args": order}


def _name_event(what: str, process: int, thread: int, name: str) -> Event:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}


def _block_events(
    blocks: Blocks, rows: Sequence[tuple[int, int]], row: Any, describe_psets: Describe
) -> Iterator[Event]:
    """Yield a slice for each block, and a mark for each one with failures."""
    alone = blocks.psets == 1
    shown = np.where(blocks.first_failed >= 0, blocks.first_failed, blocks.first)
    described = describe_psets(row[shown].tolist()) if len(blocks) else []
    columns = (blocks.lane, blocks.begin, blocks.seconds, blocks.psets, blocks.failed, alone)
    for (name, pset), *values in zip(described, *(column.tolist() for column in columns), strict=True):
        lane, begin, seconds, psets, failed, is_alone = values
        process, thread = rows[lane]
        many = f"{psets:,} psets" + (f", {failed:,} failed" if failed else "")
        title = f"{'failed: ' * bool(failed)}{name}" if is_alone else many
        ts = _microseconds(begin)
        duration = round(_microseconds(begin + seconds) - ts, 3)  # so that it ends before the next begins
        at = {"ts": ts, "pid": process, "tid": thread}
        args: dict[str, Any] = {} if is_alone else {"psets": psets}
        if failed:
            args["failed"] = failed
        args["pset" if is_alone else "first failed" if failed else "first"] = {
            key: _json_value(value) for key, value in pset.items()
        }
        kind = "failed" if failed else "pset"
        title = safe_line(title)[:LONGEST_NAME]
        yield {"ph": "X", "name": title, "cat": kind, "dur": duration, "args": args, **at}
        if failed:
            yield {"ph": "i", "s": "t", "name": "failed", "cat": "failure", **at}


def _busy_workers(psets: TimedPsets) -> Iterator[Event]:
    """Yield how many workers were busy, on average over a short time."""
    if not len(psets):
        return
    workers = pd.Categorical.from_codes(psets.worker.astype(np.int64), pd.RangeIndex(len(psets.places)))
    view = timeline_of(workers, psets.start, psets.seconds, psets.failed)
    busy = view.busy.sum(axis=0) / np.diff(view.edges)
    for begin, count in zip(view.edges.tolist(), [*busy.tolist(), 0.0], strict=True):
        args = {"busy": round(count, 3)}
        yield {"ph": "C", "name": RUNNING, "pid": 1, "ts": _microseconds(begin), "args": args}


def _microseconds(seconds: float) -> float:
    return round(seconds * MICROSECONDS, 3)


def _json_value(value: Any) -> Any:
    """Return a value as it is if JSON has its type, or as text."""
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    return describe(value, LONGEST_VALUE)
