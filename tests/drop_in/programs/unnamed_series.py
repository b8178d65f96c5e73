"""A Series without a name in a product: a column that gets its name afterwards."""

import pandas as pd
import shown

import paramsurvey
from paramsurvey import params


def worker(pset, system_kwargs, user_kwargs):
    return {"y": pset["freq"] * pset["k"]}


def main():
    paramsurvey.init(ncores=1, verbose=0)
    psets = params.product(pd.Series([1.4, 5.0]), {"k": [1, 2]})
    shown.table("product", psets, ordered=True)
    psets = psets.rename(columns={0: "freq"})
    shown.table("results", paramsurvey.map(worker, psets, verbose=0))


if __name__ == "__main__":
    main()
