"""The calls of eht-imaging's ehtim.survey: psets become attributes, and every pset writes its files."""

import csv
import os

import numpy as np
import shown

import paramsurvey
import paramsurvey.params

MICRO = 1e-6


def save_row(path, row):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["", *row])
        writer.writerow([0, *("" if value != value else value for value in row.values())])


class ParameterSet:
    """One image: what varies and what does not are attributes of it."""

    def __init__(self, paramset, params_fixed):
        for name, value in {**paramset, **params_fixed}.items():
            setattr(self, name, value)
        os.makedirs(self.outpath, exist_ok=True)
        self.paramset = paramset
        self.outfile = f"{self.outfile_base}_{int(self.i):07}"
        self.fov *= MICRO
        self.prior_fwhm *= MICRO

    def noise(self):
        budget = self.error_budget.copy()
        for station in budget:
            budget[station] = ((1.0 + budget[station]) ** 0.5 - 1.0) * 0.25
        return sum(budget.values())

    def run(self):
        path = os.path.join(self.outpath, self.outfile)
        if not self.overwrite and os.path.exists(f"{path}_params.csv"):
            return
        rows = np.linspace(0.0, self.fov, 5) * self.zbl + self.noise()
        if self.avg_time == "scan":
            rows = rows[::2]
        np.savetxt(f"{path}.txt", rows)
        self.paramset["fov"] = self.fov
        self.paramset["zbl_tot"] = self.zbl * 2
        save_row(f"{path}_params.csv", {k: v for k, v in self.paramset.items() if k != "_pset_id"})
        save_row(f"{path}_stats.csv", {"i": self.i, "chi2": float(rows.sum()), "none": float("nan")})


def run_pset(pset, system_kwargs, params_fixed):
    ParameterSet(pset, params_fixed).run()


def run_survey(psets, params_fixed):
    paramsurvey.init(backend=params_fixed["backend"], ncores=params_fixed["nproc"], verbose=0, vstats=0)
    return paramsurvey.map(run_pset, psets, user_kwargs=params_fixed, verbose=0)


def create_params_fixed(outfile_base, outpath, nproc=1, backend="multiprocessing", overwrite=False, fov=128):
    error_budget = {"AA": 0.1, "AX": 0.1, "LM": 0.3}
    return dict(locals())


def create_survey_psets(zbl=(0.6,), avg_time=("scan",), prior_fwhm=(40,), sc_phase=(0,), tv=(1,)):
    axes = {name: list(values) for name, values in locals().items()}
    psets = paramsurvey.params.product(axes)
    psets["i"] = np.array(range(len(psets)))
    return psets


def main():
    fixed = create_params_fixed("image", os.path.join("out", "survey"), nproc=2)
    psets = create_survey_psets(zbl=[0.6, 0.5], avg_time=["scan", 10.0], prior_fwhm=[40, 60], tv=[1, 10])
    shown.table("psets", psets, ordered=True)
    results = run_survey(psets, fixed)
    shown.missing("missing", results.missing)
    shown.counters("progress", results)
    shown.table("results", results[["zbl", "prior_fwhm", "sc_phase", "tv", "i"]])
    shown.counters("again", run_survey(psets, fixed))


if __name__ == "__main__":
    main()
