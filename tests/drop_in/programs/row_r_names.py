"""Row R: names that public programs and the tests of 0.4 use."""

import shown

import paramsurvey
import paramsurvey.utils


def worker(pset, system_kwargs, user_kwargs):
    if pset["a"] == 2:
        raise ValueError("two")
    return {"b": pset["a"]}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"a": a} for a in range(4)], verbose=0)
    wrapper = paramsurvey.utils.DFIterDictsWrapper(results.missing.to_psets())
    shown.value("wrapped", list(wrapper.iterdicts()))
    shown.table("to_df", wrapper.to_df())
    kwargs = paramsurvey.global_kwargs
    shown.value("names", sorted(kwargs))
    shown.value("variables", {key: about["env"] for key, about in kwargs.items() if "env" in about})
    shown.value("defaults", {key: str(about["default"]) for key, about in kwargs.items()})
    shown.value("verbose", kwargs["verbose"]["value"])
    psets = [{"a": a, "actually_raise": a == 1} for a in range(3)]
    raised = paramsurvey.map(worker, psets, raise_in_wrapper=KeyError("here"), group_size=1, verbose=0)
    shown.missing("missing", raised.missing)
    shown.table("results", raised)


if __name__ == "__main__":
    main()
