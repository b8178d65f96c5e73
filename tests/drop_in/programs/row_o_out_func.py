"""Row O: counts and rows agree when out_func raises."""

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    if pset["a"] == 4:
        raise ValueError("four")
    return {"b": pset["a"] + 1}


def out_func(user_ret, system_kwargs, user_kwargs):
    if user_ret["pset"]["a"] in (1, 2):
        raise KeyError("in out_func")


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"a": a} for a in range(5)], out_func=out_func, verbose=0)
    progress = results.progress
    shown.table("results", results)
    shown.missing("missing", results.missing)
    shown.value("finished", progress.finished)
    shown.value("exceptions", progress.exceptions)
    shown.value("active", progress.active)
    shown.value("failures", progress.failures)


if __name__ == "__main__":
    main()
