"""The calls of the DiFX driver of cloud-corr-mri: jobs of unequal cost share cores; each runs a command."""

import json
import os
import socket
import subprocess
import sys

import shown

import paramsurvey
from paramsurvey.utils import subprocess_run_worker


def get_joblists():
    jobs = []
    for number in range(6):
        band = f"band{1 + number % 2}"
        os.makedirs(band, exist_ok=True)
        jobs.append(
            {"band": band, "jobname": f"e21_{number}", "stations": ["AA", "AX", "LM"][: 1 + number % 3]}
        )
    return jobs


def add_costs(psets):
    for pset in psets:
        pset["cost"] = len(pset["stations"]) ** 2


def schedule(resources, psets):
    resources = [cores for cores in resources for _ in range(len(psets))]
    for pset in sorted(psets, key=lambda pset: -pset["cost"]):
        pset["num_cores"] = resources.pop(0)


def genmachines(pset, cores):
    streams = len(pset["stations"])
    with open(f"machines.{pset['jobname']}.input", "w") as file:
        for _ in range(2 + streams):
            print("this host" if socket.gethostname() else "", file=file)
    with open(f"machines.{pset['jobname']}.threads", "w") as file:
        print(f"NUMBER OF CORES:    {cores}", file=file)


def difx_run_worker(pset, system_kwargs, user_kwargs):
    os.chdir(pset["band"])
    try:
        own = pset["ray"]
        genmachines(pset, own["num_cpus"] if "num_cpus" in own else own["num_cores"])
        os.environ["DIFX_MPIRUNOPTIONS"] = "--map-by node"
        pset["run_args"] = f"echo startdifx -f {pset['jobname']}.input".split()
        return subprocess_run_worker(pset, system_kwargs, user_kwargs)
    finally:
        os.chdir("..")


def main(backend):
    if backend == "ray":
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    paramsurvey.init(backend=backend, verbose=0, **({} if backend == "ray" else {"ncores": 2}))
    psets = get_joblists()
    add_costs(psets)
    resources = sorted([int(node["num_cores"]) for node in paramsurvey.current_resources()], reverse=True)
    shown.value("resources", resources)
    schedule(resources, psets)
    for pset in psets:
        if "num_cores" in pset:
            pset["ray"] = {"num_cores": pset.pop("num_cores")}
    shown.value("psets", json.dumps(psets, indent=2))
    user_kwargs = {"run_kwargs": {"stdout": subprocess.PIPE, "encoding": "utf-8"}}
    results = paramsurvey.map(difx_run_worker, psets, user_kwargs=user_kwargs, verbose=0)
    shown.missing("missing", results.missing)
    shown.counters("progress", results)
    shown.value("printed", sorted(f"{row.cli.returncode} {row.cli.stdout}" for row in results.itertuples()))
    shown.table("results", results[["band", "jobname", "cost", "stations", "ray"]])


if __name__ == "__main__":
    main(sys.argv[1])
