"""Row D: the traceback of a function of the script has file, line and source."""

import os

import shown

import paramsurvey


def deep(pset):
    raise RuntimeError("at " + str(pset["i"]))  # the line that the traceback shows


def worker(pset, system_kwargs, user_kwargs):
    deep(pset)


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"i": 7}], verbose=0)
    (text,) = results.missing["_traceback"]
    lines = [line.strip().replace(os.path.dirname(__file__), "HERE") for line in text.splitlines()]
    wanted = ("in deep", "raise RuntimeError", "in worker", "deep(pset)", "RuntimeError: at 7")
    shown.value("traceback", [line for line in lines if any(part in line for part in wanted)])


if __name__ == "__main__":
    main()
