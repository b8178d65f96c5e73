"""Row N: a result that replaces a pset's key in some rows keeps its integers."""

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    if pset["i"] % 2:
        return {"n": pset["n"] * 100, "only": pset["i"]}
    return {"m": 1}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"i": i, "n": i + 1} for i in range(6)], verbose=0)
    shown.table("results", results[["i", "n", "m", "only"]])


if __name__ == "__main__":
    main()
