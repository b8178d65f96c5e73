"""Parameter sets are the rows of a DataFrame. How to make one, without a survey."""

from __future__ import annotations

import paramsurvey


def main() -> None:
    """Cross two parameters, number the psets, and compute columns from the others."""
    psets = paramsurvey.params.product({"a": [1, 2, 3], "b": [4, 5, 6]})  # the last one varies fastest
    psets["i"] = range(len(psets))
    psets = paramsurvey.params.add_column(psets, "j", lambda row: row["i"])
    psets = paramsurvey.params.add_column(psets, "outname", lambda row: f"outfile-{row['a']}-{row['b']}")
    print(psets)


if __name__ == "__main__":
    main()
