"""Row A: a categorical that the user made."""

import pandas as pd
import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    return {"kind": type(pset["band"]).__name__}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    bands = pd.Categorical(["lo", "hi", "lo", "hi"], categories=["lo", "mid", "hi"], ordered=True)
    results = paramsurvey.map(worker, pd.DataFrame({"band": bands, "n": range(4)}), verbose=0)
    shown.table("results", results)


if __name__ == "__main__":
    main()
