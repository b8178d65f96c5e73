"""Row Q: a pset on Ray is told which GPU is its own."""

import ray
import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    return {"ids": str(ray.get_gpu_ids())}


def main():
    ray.init(
        num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000
    )
    paramsurvey.init(backend="ray", verbose=0)
    results = paramsurvey.map(worker, [{"i": i} for i in range(3)], ray={"num_gpus": 1}, verbose=0)
    shown.missing("missing", results.missing)
    shown.table("results", results)


if __name__ == "__main__":
    main()
