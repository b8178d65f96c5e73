"""The example of the README: one function, five parameter sets, a table of results."""

from __future__ import annotations

import time
from typing import Any

import paramsurvey


def sleep_worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, float]:
    """Work on one parameter set, in a process of its own. What it returns becomes columns of the results."""
    time.sleep(pset["duration"])
    return {"slept": pset["duration"]}


def main() -> None:
    """Sleep five times, and print the results in two ways."""
    paramsurvey.init(backend="multiprocessing")  # or 'ray', for a cluster

    psets = [{"duration": 0.3}] * 5
    results = paramsurvey.map(sleep_worker, psets, verbose=2)

    for row in results.itertuples():
        print(row.duration, row.slept)
    for pset in results.iterdicts():
        print(pset["duration"], pset["slept"])


if __name__ == "__main__":
    main()
