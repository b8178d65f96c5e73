"""Row E: psets from a list of dicts with the types of their columns, as release 0.4 gave them to workers."""

import datetime
import sys

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    seen = {key: f"{type(value).__name__} {value}" for key, value in pset.items() if key != "_pset_id"}
    return {"seen": str(seen), "file": "run-{}.txt".format(pset["x"])}


def main():
    is_new = not paramsurvey.__version__.startswith("0.4")
    options = {"pset_types": "column"} if is_new and "column" in sys.argv else {}
    paramsurvey.init(ncores=2, verbose=0)
    day = datetime.datetime(2026, 11, 28)
    psets = [{"x": 1, "n": None, "d": day}, {"x": 2.5, "n": 3.0, "d": day}, {"x": 3, "n": 4, "d": day}]
    results = paramsurvey.map(worker, psets, verbose=0, **options)
    shown.value("files", sorted(results.file))
    shown.value("seen", sorted(results.seen))


if __name__ == "__main__":
    main()
