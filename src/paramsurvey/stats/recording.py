"""What a worker function times its parts with: `record_wallclock` and `record_iowait`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramsurvey.stats.perf_stats import PerfStats

RawStats = dict[str, list[float]]
"""Timer name -> seconds, one value per measurement."""


@contextmanager
def record_wallclock(
    name: str, raw_stats: RawStats | None = None, obj: PerfStats | None = None
) -> Iterator[None]:
    """Record how many seconds the body took, even if it raises.

    Parameters
    ----------
    name : str
        The timer's name.
    raw_stats : dict, optional
        Where to append the value; in a worker, ``system_kwargs['raw_stats']``.
    obj : PerfStats, optional
        Statistics to add the value to.

    Examples
    --------
    >>> raw_stats = {}
    >>> with record_wallclock('reading', raw_stats):
    ...     total = sum(range(1000))
    >>> len(raw_stats['reading'])
    1
    """
    start = time.perf_counter()
    try:
        yield
    finally:
        _record(name, time.perf_counter() - start, raw_stats, obj)


@contextmanager
def record_iowait(
    name: str, raw_stats: RawStats | None = None, obj: PerfStats | None = None
) -> Iterator[None]:
    """Record how many seconds of the body were spent waiting: wall clock minus this process's CPU time.

    Never negative: a body that keeps several threads busy has waited 0 seconds. It records
    even if the body raises.

    Parameters
    ----------
    name : str
        The timer's name.
    raw_stats : dict, optional
        Where to append the value; in a worker, ``system_kwargs['raw_stats']``.
    obj : PerfStats, optional
        Statistics to add the value to.

    Examples
    --------
    >>> raw_stats = {}
    >>> with record_iowait('download', raw_stats):
    ...     time.sleep(0.01)
    >>> raw_stats['download'][0] > 0.0
    True
    """
    start, cpu_start = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        waited = (time.perf_counter() - start) - (time.process_time() - cpu_start)
        _record(name, max(waited, 0.0), raw_stats, obj)


def _record(name: str, seconds: float, raw_stats: RawStats | None, obj: PerfStats | None) -> None:
    if raw_stats is not None:
        raw_stats.setdefault(name, []).append(seconds)
    if obj is not None:
        obj.combine_stats({name: [seconds]})
