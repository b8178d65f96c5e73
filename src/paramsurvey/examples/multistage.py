"""Two stages: what is expensive is computed once, and used with every value of a third parameter."""

from __future__ import annotations

from typing import Any

import paramsurvey


def first_stage(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, int]:
    """Compute what depends on a and b alone."""
    return {"expensive": pset["a"] + pset["b"]}


def second_stage(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, int]:
    """Go on from there: the first stage's results are part of the pset."""
    return {"final": pset["expensive"] + pset["c"]}


def main() -> None:
    """Run 9 psets, cross their results with 3 values of c, and run the 27."""
    paramsurvey.init(backend="multiprocessing")

    psets = paramsurvey.params.product({"a": [1, 2, 3], "b": [4, 5, 6]})
    results = paramsurvey.map(first_stage, psets, name="first", verbose=2)

    psets = paramsurvey.params.product(results, {"c": [7, 8, 9]})
    results = paramsurvey.map(second_stage, psets, name="second", verbose=2)

    print(results.to_df())


if __name__ == "__main__":
    main()
