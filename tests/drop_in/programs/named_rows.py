"""Psets that are a list of namedtuples, of dataclasses, or of a table's rows."""

import collections
import dataclasses

import pandas as pd
import shown

import paramsurvey

Source = collections.namedtuple("Source", "name ra")


@dataclasses.dataclass
class Antenna:
    name: str
    diameter: float = 25.0


@dataclasses.dataclass
class Baseline:
    ends: list
    site: Antenna


def worker(pset, system_kwargs, user_kwargs):
    kinds = {name: type(value).__name__ for name, value in pset.items() if name != "_pset_id"}
    return {"kinds": str(kinds)}


def main():
    paramsurvey.init(ncores=1, verbose=0)
    table = pd.DataFrame({"ra": [187.7, 266.4], "snr": [3.0, 4.5]})
    lists = {
        "namedtuples": [Source("M87", 187.7), Source("SgrA", 266.4)],
        "dataclasses": [Antenna("AA"), Antenna("LM", 50.0)],
        "dataclasses in dataclasses": [Baseline([Antenna("AA")], Antenna("LM"))],
        "rows of itertuples": list(table.itertuples(index=False)),
        "rows of itertuples, numbered": list(table.itertuples()),
        "rows of iterrows": [row for _, row in table.iterrows()],
        "a generator of namedtuples": (row for row in table.itertuples(index=False)),
    }
    for name, psets in lists.items():
        shown.table(name, paramsurvey.map(worker, psets, verbose=0))


if __name__ == "__main__":
    main()
