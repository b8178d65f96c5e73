"""Row T: a run that leaves no log."""

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    if pset["a"] == 1:
        raise ValueError("one")
    return {"b": pset["a"]}


def main():
    paramsurvey.init(ncores=2, verbose=0, pslogger_prefix=None)
    shown.table("results", paramsurvey.map(worker, [{"a": a} for a in range(3)], verbose=0))


if __name__ == "__main__":
    main()
