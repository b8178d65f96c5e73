"""Row H: init(multiprocessing={...}) with the options of multiprocessing's Pool."""

import os

import shown

import paramsurvey

state = {}


def begin(name, number):
    state["name"] = name
    state["number"] = number


def worker(pset, system_kwargs, user_kwargs):
    return {"name": state.get("name"), "number": state.get("number"), "pid": os.getpid()}


def main():
    own = {"initializer": begin, "initargs": ("telescope", 3), "maxtasksperchild": 1}
    paramsurvey.init(ncores=2, verbose=0, multiprocessing=own)
    results = paramsurvey.map(worker, [{"a": a} for a in range(6)], group_size=1, verbose=0)
    shown.missing("missing", results.missing)
    shown.value("processes", results.pid.nunique())
    shown.table("results", results.drop(columns="pid"))


if __name__ == "__main__":
    main()
