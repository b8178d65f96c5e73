"""A limit for a trial, and a map that is to compute everything all the same."""

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    return {"y": pset["i"] * 2}


def main():
    paramsurvey.init(ncores=1, verbose=0, limit=2)
    psets = [{"i": i} for i in range(5)]
    for name, options in {"as in init": {}, "of its own": {"limit": 3}, "None": {"limit": None}}.items():
        results = paramsurvey.map(worker, psets, verbose=0, **options)
        shown.table(name, results)
        shown.counters(f"{name}: counters", results)


if __name__ == "__main__":
    main()
