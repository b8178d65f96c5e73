"""Worker functions to try things with, and the example programs that are installed with the package."""

from __future__ import annotations

import time
from typing import Any

from paramsurvey.stats import record_wallclock


def sleep_worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, float]:
    """Sleep.

    Parameters
    ----------
    pset : dict
        ``duration``: how long, in seconds.
    system_kwargs : dict
        Not used.
    user_kwargs : object
        Not used.

    Returns
    -------
    dict
        ``slept``: the duration.

    Examples
    --------
    >>> sleep_worker({'duration': 0.01}, {}, None)
    {'slept': 0.01}
    """
    time.sleep(pset["duration"])
    return {"slept": pset["duration"]}


def burn_worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, float]:
    """Keep a core busy, and time it: the timer's name is ``foo``.

    Parameters
    ----------
    pset : dict
        ``duration``: how long, in seconds of wall clock.
    system_kwargs : dict
        ``raw_stats``: where the timer records its value.
    user_kwargs : object
        Not used.

    Returns
    -------
    dict
        ``burned``: the duration.

    Examples
    --------
    >>> raw_stats = {}
    >>> burn_worker({'duration': 0.01}, {'raw_stats': raw_stats}, None)
    {'burned': 0.01}
    >>> len(raw_stats['foo'])
    1
    """
    with record_wallclock("foo", system_kwargs["raw_stats"]):
        stop = time.perf_counter() + pset["duration"]
        while time.perf_counter() < stop:
            pass
    return {"burned": pset["duration"]}
