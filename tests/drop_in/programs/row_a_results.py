"""Row A: the results of psets from product() have native dtypes, so that pandas computes with them."""

import shown

import paramsurvey
import paramsurvey.params


def worker(pset, system_kwargs, user_kwargs):
    if pset["a"] == 3 and pset["t"]:
        raise ValueError("three")
    return {"y": pset["a"] * pset["c"], "label": pset["s"].upper(), "even": pset["a"] % 2 == 0}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    axes = {"a": [1, 2, 3], "c": [0.5, 1.5], "s": ["x", "y"], "t": [True, False]}
    results = paramsurvey.map(worker, paramsurvey.params.product(axes), verbose=0)
    shown.table("results", results)
    shown.missing("missing", results.missing)
    shown.counters("progress", results)
    shown.table("query", results.query("c > 0.6 and a < 3"))
    shown.table("doubled", (results.a * 2).to_frame())
    shown.table("describe", results.describe().round(9), ordered=True)
    shown.table("corr", results.corr(numeric_only=True).round(9) + 0.0, ordered=True)  # -0.0 becomes 0.0
    shown.value("numbers", list(results.select_dtypes("number").columns))
    shown.value("max", [results.a.max().item(), results.c.max().item(), results.s.max()])
    shown.value("sums", [results.a.sum().item(), results.c.mean().item(), results.t.sum().item()])
    shown.table("grouped", results.groupby("s").y.sum().reset_index())
    shown.table("again", paramsurvey.map(worker, results.missing.to_psets(), verbose=0).missing.to_psets())


if __name__ == "__main__":
    main()
