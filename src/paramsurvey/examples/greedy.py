"""A greedy search: in every round, try each candidate in parallel, and keep the best one.

Ten places, A to J, could have a radio telescope. Each pair of telescopes sees the sky at the
scale of its distance, so the array gets better with every distance that it did not have yet.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import paramsurvey

KILOMETRES = {"A": 0, "B": 1, "C": 4, "D": 9, "E": 11, "F": 12, "G": 17, "H": 20, "I": 22, "J": 26}


def metric(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, int]:
    """Count the different distances in the array with one more station."""
    places = [KILOMETRES[station] for station in [*pset["existing_stations"], pset["station"]]]
    return {"metric": len({abs(a - b) for a, b in combinations(places, 2)})}


def main() -> None:
    """Pick one station after the other, the best next one first."""
    paramsurvey.init(backend="multiprocessing", verbose=0)

    stations, picked = list(KILOMETRES), list[str]()
    while stations:
        psets = [{"station": station, "existing_stations": picked} for station in stations]
        results = paramsurvey.map(metric, psets)
        best = max(results.itertuples(), key=lambda row: row.metric)
        print("picking station(s)", best.station)
        stations.remove(best.station)
        picked.append(best.station)

    print("the final station order is", *picked)


if __name__ == "__main__":
    main()
