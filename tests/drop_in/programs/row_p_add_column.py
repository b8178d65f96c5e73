"""Row P: add_column keeps the integers and floats of small columns; what is smaller becomes a categorical."""

import pandas as pd
import shown

from paramsurvey.params import add_column, product


def main():
    psets = product({"a": [1, 2, 3], "b": [4, 5, 6]})
    psets["i"] = range(len(psets))
    psets = add_column(psets, "j", lambda row: row["i"])
    psets = add_column(psets, "half", lambda row: row["a"] / 2)
    psets = add_column(psets, "outname", lambda row: "outfile-{}-{}".format(row["a"], row["b"]))
    shown.table("small", psets, ordered=True)
    plain = add_column(psets, "k", lambda row: row["i"] % 2, infer_category=False)
    shown.table("not inferred", plain[["k"]], ordered=True)
    eight = product({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    shown.table("eight", add_column(eight, "sum", lambda row: row["a"] + row["b"])[["sum"]], ordered=True)
    many = pd.DataFrame({"a": range(1000)})
    repeated = add_column(many, "same", lambda row: 7)
    shown.value("repeated", [str(dtype) for dtype in repeated.dtypes])
    distinct = add_column(many, "own", lambda row: row["a"] * 3)
    shown.value("distinct", [str(dtype) for dtype in distinct.dtypes])


if __name__ == "__main__":
    main()
