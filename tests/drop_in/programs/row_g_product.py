"""Row G: product() with scalars, strings, lists of dicts and shared columns; psets as a dict of lists."""

import pandas as pd
import shown

import paramsurvey
from paramsurvey.params import product


def worker(pset, system_kwargs, user_kwargs):
    return {"y": pset["a"] * 2}


def main():
    shown.table("scalar", product({"a": [1, 2], "b": 5}), ordered=True)
    shown.table("text", product({"a": [1, 2], "name": "test"}), ordered=True)
    shown.table("single", product({"a": [1, 2]}, {"b": 5.0}), ordered=True)
    records = [{"a": 1, "m": "x"}, {"a": 2, "m": "y"}]
    shown.table("records", product(records, infer_category=False), ordered=True)
    shown.table("crossed", product(records, {"c": [1, 2]}, infer_category=False), ordered=True)
    left = pd.DataFrame({"k": [1, 2, 3], "a": [10, 20, 30]})
    right = pd.DataFrame({"k": [1, 2, 2], "b": [0.1, 0.2, 0.3]})
    shown.table("shared", product(left, right))
    shown.table("shared in a dict", product(left, {"k": [1, 3]}, infer_category=False))
    shown.table("range", product({"a": range(3), "b": (1, 2)}), ordered=True)
    paramsurvey.init(ncores=2, verbose=0)
    shown.table("psets", paramsurvey.map(worker, {"a": [1, 2, 3], "b": ["x", "y", "z"]}, verbose=0))


if __name__ == "__main__":
    main()
