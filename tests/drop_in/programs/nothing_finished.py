"""Results of workers that return None or an empty dict, for out_func, and of psets of which none finishes."""

import shown

import paramsurvey

seen = {}


def worker(pset, system_kwargs, user_kwargs):
    if pset["i"] == 0:
        return None
    if pset["i"] == 1:
        return {}
    raise ValueError(pset["i"])


def out_func(user_ret, system_kwargs, user_kwargs):
    seen[user_ret["pset"]["i"]] = user_ret.get("result")


def main():
    paramsurvey.init(ncores=1, verbose=0)
    paramsurvey.map(worker, [{"i": 0}, {"i": 1}], out_func, verbose=0)
    shown.value("out_func: result of None", repr(seen[0]))
    shown.value("out_func: result of an empty dict", repr(seen[1]))
    results = paramsurvey.map(worker, [{"i": 2}], verbose=0)
    shown.value("rows", len(results))
    shown.value("columns without a row", list(results.columns))


if __name__ == "__main__":
    main()
