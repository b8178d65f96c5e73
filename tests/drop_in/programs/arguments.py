"""What worker functions and out_func are given."""

import os

import shown

import paramsurvey
import paramsurvey.utils


def worker(pset, system_kwargs, user_kwargs):
    if pset["i"] == 2:
        raise ValueError("two")
    if pset["i"] == 3:
        return 3
    return {
        "pset": sorted(pset),
        "system": sorted(system_kwargs),
        "name": system_kwargs["name"],
        "subdir": system_kwargs["out_subdir"][:2] + str(len(system_kwargs["out_subdir"])),
        "raw": str(system_kwargs["raw_stats"]),
        "user": str(user_kwargs),
        "stdin": os.read(0, 10) == b"",
        "parent": os.getppid() == user_kwargs["driver"],
    }


def main():
    paramsurvey.init(ncores=2, verbose=0)
    seen = {}

    def out_func(user_ret, system_kwargs, user_kwargs):
        i = user_ret["pset"]["i"]
        seen[str(i)] = sorted(user_ret)
        seen[f"pset {i}"] = sorted(user_ret["pset"])
        seen["system"] = sorted(system_kwargs)
        seen["the caller's own"] = user_kwargs is given

    given = {"driver": os.getpid()}
    psets = [{"i": i, "text": "a"} for i in range(4)]
    results = paramsurvey.map(
        worker,
        psets,
        out_func=out_func,
        user_kwargs=given,
        out_subdirs=100,
        chdir=".",
        name="first",
        verbose=0,
    )
    for row in results.iterdicts():
        for key, value in row.items():
            if key not in ("i", "user"):
                shown.value(f"worker: {key}", value)
    for key, value in seen.items():
        shown.value(f"out_func: {key}", value)
    shown.value("exceptions", sorted(results.missing["_exception"]))
    shown.value("verbose", results.verbose)
    shown.value("missing", list(results.missing.columns))
    shown.value("stats", sorted(results.stats.all_stat_names()))
    shown.value("count", int(results.stats.read_stats("first_wallclock")[0]))
    shown.value("sliced", type(results[results.i < 2]).__name__)
    shown.value("class", [type(results).__name__, type(results.to_df()).__name__])
    shown.value("resources", [sorted(one) for one in paramsurvey.current_resources()])
    shown.value("empty", repr(paramsurvey.map(worker, [], verbose=0)))
    shown.value("limit 0", len(paramsurvey.map(worker, psets, limit=0, out_subdirs=100, user_kwargs=given)))
    shown.value("vmem", 0.01 < paramsurvey.utils.vmem() < 4)


if __name__ == "__main__":
    main()
