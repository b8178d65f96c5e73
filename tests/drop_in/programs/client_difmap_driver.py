"""The calls of the imaging surveys of 2022-D02-02: psets of records, masks, ids; a pipe of commands each."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import shown

import paramsurvey
import paramsurvey.params


class HiddenPrints:
    """Hides what is printed, as the surveys do."""

    def __enter__(self):
        self._stdout = sys.stdout
        sys.stdout = open(os.devnull, "w")

    def __exit__(self, *exception):
        sys.stdout.close()
        sys.stdout = self._stdout


class CleanSurvey:
    """One run of the imaging program."""

    def __init__(self, paramset, inpath, outpath):
        for name in paramset:
            setattr(self, name, paramset[name])
        self.outpath = outpath if self.normalized else outpath.replace("_normalized", "")
        self.inpath = inpath
        os.makedirs(self.outpath, exist_ok=True)
        self.cwd = os.getcwd() + "/"

    def run(self):
        print("nobody sees this")
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            try:
                target = f"{self.cwd}{self.outpath}{self.id}.txt"
                kind = "none" if not self.deblurr else self.ref_type
                words = (
                    f"{self.uvfits},{self.mask_size},{self.ALMA_weight},{kind},{self.ref_scale},{self.psd_a}"
                )
                subprocess.run(f"echo @FitClean {words} | tr , ' ' > {target}", shell=True, check=True)
            finally:
                os.chdir(self.cwd)


def run_survey(pset, system_kwargs, user_kwargs):
    for name in ("subdir", "save_stats"):
        pset[name] = user_kwargs[name]
    with HiddenPrints():
        CleanSurvey(pset, user_kwargs["inpath"], user_kwargs["outpath"]).run()
    return


def records():
    axes = {
        "mask_size": [85, 95],
        "ALMA_weight": [0.1, 0.5],
        "normalized": [True, False],
        "deblurr": [True, False],
        "ref_type": ["J18model1", "dime"],
        "ref_scale": [1.0, 2.0],
        "psd_noise": [True, False],
        "psd_a": [0.015, 0.019],
    }
    table = paramsurvey.params.product(axes, infer_category=False)
    table["uvfits"] = ["hops_3599_SGRA_normalized_10s"] * len(table)
    return table.take([0, 1, 2, 3, 8, 9, 40, 41, 64, 65, 66, 128, 200, 255]).to_dict(orient="records")


def make_psets():
    psets = paramsurvey.params.product(records(), infer_category=False)
    mask = psets["normalized"] == False  # noqa: E712  (as the surveys write it)
    psets.loc[mask, "uvfits"] = psets.loc[mask, "uvfits"].replace({"normalized_10s": "10s"}, regex=True)
    psets.loc[psets.deblurr == False, ["ref_type", "ref_scale"]] = "False", 1.0  # noqa: E712
    psets.loc[psets.psd_noise == False, ["psd_a"]] = 1.0  # noqa: E712
    psets = psets.drop_duplicates(ignore_index=True)
    psets["epoch"] = np.array([psets["uvfits"][i].split("_")[1] for i in range(len(psets))])
    psets["id"] = np.array([f"{x:08}" for x in range(len(psets))])
    return psets


def main():
    psets = make_psets()
    shown.table("psets", psets, ordered=True)
    paramsurvey.init(backend="multiprocessing", ncores=2)
    kwargs = {
        "n": len(psets),
        "inpath": "./",
        "outpath": "out_normalized/",
        "subdir": False,
        "save_stats": False,
    }
    results = paramsurvey.map(run_survey, psets, user_kwargs=kwargs)
    shown.missing("missing", results.missing)
    shown.counters("progress", results)
    shown.table("results", results[list(psets.columns)])
    shown.table("as records", pd.DataFrame(results.to_dict("records"))[["id", "uvfits"]])


if __name__ == "__main__":
    main()
