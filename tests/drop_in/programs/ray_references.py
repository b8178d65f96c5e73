"""References to Ray's objects and actors, in user_kwargs, in psets and in results."""

import numpy as np
import ray
import shown

import paramsurvey


@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, number):
        self.count += number
        return self.count


def of_arguments(pset, system_kwargs, user_kwargs):
    return {"sum": float(ray.get(user_kwargs["visibilities"]).sum()) * pset["i"]}


def of_pset(pset, system_kwargs, user_kwargs):
    return {"value": ray.get(pset["model"])}


def of_actor(pset, system_kwargs, user_kwargs):
    ray.get(user_kwargs["counter"].add.remote(pset["i"]))


def returned(pset, system_kwargs, user_kwargs):
    return {"image": ray.put([pset["i"]] * 3)}


def main():
    ray.init(
        num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000
    )
    paramsurvey.init(backend="ray", verbose=0)
    psets = [{"i": 1}, {"i": 2}]
    counter = Counter.remote()

    paramsurvey.map(of_actor, psets, user_kwargs={"counter": counter}, verbose=0)
    shown.value("what the actor counted", ray.get(counter.add.remote(0)))

    given = {"visibilities": ray.put(np.ones(300_000))}
    results = paramsurvey.map(of_arguments, psets, user_kwargs=given, verbose=0)
    shown.missing("missing", results.missing)
    shown.table("of arguments", results)

    models = [{"i": i, "model": ray.put({"flux": i})} for i in (1, 2)]
    shown.table("of psets", paramsurvey.map(of_pset, models, verbose=0).drop(columns="model"))

    results = paramsurvey.map(returned, psets, verbose=0)
    shown.value("of results", sorted(ray.get(list(results["image"]))))


if __name__ == "__main__":
    main()
