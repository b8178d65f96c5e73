"""Row F: out_func as the third argument."""

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    return {"b": pset["a"] + 1}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    seen = []

    def keep(user_ret, system_kwargs, user_kwargs):
        seen.append((user_ret["pset"]["a"], user_ret["result"]["b"]))

    results = paramsurvey.map(worker, [{"a": a} for a in range(5)], keep, verbose=0)
    shown.table("results", results)
    shown.value("seen", sorted(seen))


if __name__ == "__main__":
    main()
