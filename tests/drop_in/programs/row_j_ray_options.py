"""Row J: pset['ray'] is read where the work is done and in the driver, under Ray's own names."""

import os

import ray
import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    return {
        "cores": pset["ray"]["num_cpus"],
        "system": system_kwargs["ray"]["num_cpus"],
        "old": "num_cores" in pset["ray"],
        "directory": os.getcwd() == user_kwargs["directory"],
    }


def main():
    ray.init(
        num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000
    )
    paramsurvey.init(backend="ray", verbose=0)
    psets = [{"job": job, "ray": {"num_cores": 1 + job % 2}} for job in range(4)]
    seen = []

    def collect(user_ret, system_kwargs, user_kwargs):
        seen.append(user_ret["pset"]["ray"]["num_cpus"])

    given = {"directory": os.getcwd()}
    results = paramsurvey.map(worker, psets, out_func=collect, user_kwargs=given, verbose=0)
    shown.missing("missing", results.missing)
    shown.table("results", results.drop(columns="ray"))
    shown.value("in results", sorted(row.ray["num_cpus"] for row in results.itertuples()))
    shown.value("in out_func", sorted(seen))
    shown.value("resources", [sorted(one) for one in paramsurvey.current_resources()])
    shown.value("cores", paramsurvey.current_core_count())


if __name__ == "__main__":
    main()
