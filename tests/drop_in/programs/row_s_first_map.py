"""Row S: the workers load the main file after init(), while the driver is busy with something else."""

import time
from pathlib import Path

import shown

import paramsurvey

if __name__ != "__main__":
    Path("loaded").touch()


def worker(pset, system_kwargs, user_kwargs):
    return {"b": pset["a"]}


def main():
    paramsurvey.init(ncores=1, verbose=0)
    deadline = time.monotonic() + 30
    while not Path("loaded").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    shown.value("loaded before the first map", Path("loaded").exists())
    shown.table("results", paramsurvey.map(worker, [{"a": 1}], verbose=0))


if __name__ == "__main__":
    main()
