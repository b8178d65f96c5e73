"""A worker that fails now and then: run the missing psets again until there are none."""

from __future__ import annotations

import random
from typing import Any

import paramsurvey
from paramsurvey.utils import vmem

MOST_ROUNDS = 10


def unlucky_worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
    """Fail with the probability that the pset says. To return nothing is a success, too."""
    print(f"start of a worker, vmem is {vmem()} GB")
    if random.random() < pset["chance_of_failure"]:
        raise RuntimeError("out of luck")


def main() -> None:
    """Start with 100 psets, of which about 10 fail; then map what is missing, again and again."""
    print(f"initial driver vmem {vmem()} GB")
    # A worker that leaks memory can be replaced now and then: here, after 10 psets.
    paramsurvey.init(backend="multiprocessing", max_tasks_per_child=10)

    psets: Any = [{"chance_of_failure": 0.1}] * 100
    for _ in range(MOST_ROUNDS):
        print(f"driver about call map {vmem()} GB")
        results = paramsurvey.map(unlucky_worker, psets)
        print("missing count", len(results.missing))
        psets = results.missing.to_psets()
        if psets.empty:
            break

    print("final missing count", len(psets))
    print(f"final driver vmem {vmem()} GB")


if __name__ == "__main__":
    main()
