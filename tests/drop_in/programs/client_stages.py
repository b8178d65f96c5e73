"""A survey with what the README of 0.4 promises: stages, subdirectories, missing psets again, statistics."""

import os
import random

import shown

import paramsurvey
import paramsurvey.params
import paramsurvey.stats


def simulate(pset, system_kwargs, user_kwargs):
    if pset["seed"] in user_kwargs["bad"] and not os.path.exists("mended"):
        raise RuntimeError("seed {} fails".format(pset["seed"]))
    directory = system_kwargs["out_subdir"]
    assert directory[:2] == "ps"
    assert len(directory) == 4
    os.makedirs(directory, exist_ok=True)
    raw_stats = system_kwargs["raw_stats"]
    with paramsurvey.stats.record_wallclock("simulate", raw_stats):
        value = random.Random(pset["seed"]).random() * pset["scale"]
    if pset["seed"] == 3:
        return None
    return {"value": value, "name": system_kwargs["name"], "chdir": "chdir" in system_kwargs}


def refine(pset, system_kwargs, user_kwargs):
    assert user_kwargs is None
    return {"refined": pset["value"] + pset["step"]}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    psets = paramsurvey.params.product({"seed": range(4), "scale": [1.0, 10.0]})
    psets = paramsurvey.params.add_column(
        psets, "label", lambda row: "{}-{}".format(row["seed"], row["scale"])
    )
    options = {
        "out_subdirs": 100,
        "user_kwargs": {"bad": [1]},
        "name": "first",
        "chdir": os.getcwd(),
        "verbose": 0,
    }
    first = paramsurvey.map(simulate, psets, **options)
    shown.table("first", first)
    shown.missing("missing", first.missing)
    shown.value("missing as dicts", sorted(str(one["_exception"]) for one in first.missing.iterdicts()))
    open("mended", "w").close()
    again = paramsurvey.map(simulate, first.missing.to_psets(), **options)
    shown.table("again", again)
    count, mean, _ = first.stats.read_stats("simulate")
    shown.value("timed", [int(count), mean >= 0])
    shown.value("counted", int(first.stats.read_stats("first_wallclock")[0]))
    good = first.to_df().dropna()[["seed", "scale", "value"]].reset_index(drop=True)
    second = paramsurvey.params.product(
        good.sort_values(["seed", "scale"]).reset_index(drop=True), {"step": [1, 2]}
    )
    results = paramsurvey.map(refine, second, name="second", verbose=0, limit=5)
    shown.table("second", results)
    shown.counters("progress", results)
    shown.value("none kept", len(paramsurvey.map(refine, second, keep_results=False, verbose=0)))
    best = max(results.itertuples(), key=lambda row: row.refined)
    shown.value("best", [best.seed, best.step])


if __name__ == "__main__":
    main()
