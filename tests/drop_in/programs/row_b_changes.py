"""Row B: what a worker changes in its arguments reaches no other pset; out_func changes the caller's own."""

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    user_kwargs["a"] *= 2
    user_kwargs["list"].append(pset["i"])
    found = user_kwargs.pop("once", "gone")
    before = system_kwargs.get("mark", "none")
    system_kwargs["mark"] = pset["i"]
    return {"a": user_kwargs["a"], "long": len(user_kwargs["list"]), "once": found, "mark": before}


def note(user_ret, system_kwargs, user_kwargs):
    user_kwargs["seen"] = user_kwargs.get("seen", 0) + 1


def main():
    paramsurvey.init(ncores=2, verbose=0)
    psets = [{"i": i} for i in range(12)]
    given = {"a": 1, "list": [], "once": "here"}
    results = paramsurvey.map(worker, psets, out_func=note, user_kwargs=given, group_size=1, verbose=0)
    shown.table("results", results)
    shown.value("caller", given)


if __name__ == "__main__":
    main()
