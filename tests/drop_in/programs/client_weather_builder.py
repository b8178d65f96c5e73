"""The calls of ngehtsim-weather-builder: text axes, columns of file names, rows that are done, timers.

Its scripts have no guard and run on Ray, which never runs a main file again. Run with the name of a backend;
a second run in the same directory drops what the first one has written.
"""

import contextlib
import io
import os
import sys
from collections import OrderedDict

import numpy as np
import shown

import paramsurvey
import paramsurvey.params
import paramsurvey.stats as stats


def tabulate_weather(pset, system_kwargs, user_kwargs):
    raw_stats = system_kwargs["raw_stats"]
    with contextlib.redirect_stdout(io.StringIO()):
        print("this would slow Ray down")
        sites = np.loadtxt("sites.csv", usecols=(0), skiprows=1, delimiter=",", unpack=True, dtype="str")
        heights = np.loadtxt("sites.csv", usecols=(1), skiprows=1, delimiter=",", unpack=True)
        height = heights[sites == pset["site"]][0]
        with (
            stats.record_wallclock("read wallclock", raw_stats),
            stats.record_iowait("read iowait", raw_stats),
        ):
            values = np.loadtxt(pset["input_file"])
        with stats.record_wallclock("parse wallclock", raw_stats):
            tau = values[pset["itime"]] * height / 1000.0
        np.savetxt(pset["outfilename_tau"], [tau])


def write_inputs():
    with open("sites.csv", "w") as file:
        file.write("name,height\nALMA,5000.0\nLMT,4600.0\nSPT,2800.0\n")
    for year in ("1991", "2005"):
        os.makedirs(f"data/{year}", exist_ok=True)
        for month in ("01", "02"):
            np.savetxt(
                f"data/{year}/MERRA2_{1 if int(year) < 1992 else 3}00.{year}{month}.txt", [0.5, 1.5, 2.5]
            )
    os.remove("data/2005/MERRA2_300.200502.txt")


def make_psets():
    params = OrderedDict(
        [
            ("site", ["ALMA", "LMT", "SPT"]),
            ("year", ["1991", "2005"]),
            ("month", ["01", "02"]),
            ("itime", [0, 2]),
        ]
    )
    psets = paramsurvey.params.product(params)
    inputs, outputs, done = [], [], []
    for row in psets.itertuples():
        series = "MERRA2_100." if int(row.year) < 1992 else "MERRA2_300."
        inputs.append("data/" + row.year + "/" + series + row.year + row.month + ".txt")
        directory = "./sites/" + row.site + "/" + row.year
        os.makedirs(directory, exist_ok=True)
        outputs.append(directory + "/tau_" + row.month + "_time" + str(row.itime) + ".txt")
        if os.path.exists(outputs[-1]) or not os.path.exists(inputs[-1]):
            done.append(row.Index)
    psets["input_file"] = inputs
    psets["outfilename_tau"] = outputs
    psets = psets.drop(done)
    shown.table(f"{len(psets)} psets", psets, ordered=True)
    return psets


def survey(backend):
    psets = make_psets()
    results = paramsurvey.map(tabulate_weather, psets, verbose=1, group_size=1)
    shown.missing(f"missing {len(psets)}", results.missing)
    shown.table(f"results {len(psets)}", results)
    shown.value(f"timers {len(psets)}", sorted(set(results.stats.all_stat_names()) - {"ray.get"}))
    shown.value(f"counts {len(psets)}", int(results.stats.read_stats("parse wallclock")[0]))


def start(backend):
    if backend == "ray":
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
        paramsurvey.init(backend="ray")
    else:
        paramsurvey.init(backend=backend, ncores=2)


if __name__ == "__main__":
    write_inputs()
    start(sys.argv[1])
    survey(sys.argv[1])
    os.remove("sites/LMT/1991/tau_02_time2.txt")
    survey(sys.argv[1])
