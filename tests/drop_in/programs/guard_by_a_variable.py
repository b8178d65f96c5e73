"""A main file whose guard is a variable: what it sets below it, the workers do not see."""

import os

import shown

import paramsurvey

IS_PROGRAM = __name__ == "__main__"
program = os.getpid()
settings = {"scale": 1}


def worker(pset, system_kwargs, user_kwargs):
    return {"scaled": pset["i"] * settings["scale"], "own": program == os.getpid()}


def main():
    settings["scale"] = 1000
    paramsurvey.init(ncores=1, verbose=0)
    shown.table("results", paramsurvey.map(worker, [{"i": 1}, {"i": 2}], verbose=0))


if IS_PROGRAM:
    main()
