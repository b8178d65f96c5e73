"""The calls of paramsurvey-tooling's hello program: psets of one dict many times, numbered, that print."""

import time

import shown

import paramsurvey


def sleep_worker(pset, system_kwargs, user_kwargs):
    print("hello from pset", pset["i"], flush=True)
    time.sleep(pset["duration"])
    return {"slept": pset["duration"]}


def main():
    paramsurvey.init(backend="multiprocessing", ncores=2)
    new = []
    psets = [{"duration": 0.02}] * 15
    for pset, number in zip(psets, range(len(psets))):  # noqa: B905
        pset = pset.copy()
        pset["i"] = number
        new.append(pset)
    results = paramsurvey.map(sleep_worker, new)
    shown.table("results", results)
    shown.counters("progress", results)


if __name__ == "__main__":
    main()
