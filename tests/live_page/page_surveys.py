"""A survey whose names, values, errors and output would be code on the page if nobody escaped them."""

from __future__ import annotations

from typing import Any

NASTY = "</script><script>alert(1)</script>\"'&\u202e\u0007<img src=x onerror=alert(2)>"
PSETS = [{"a": a, "b": b, "t": t} for a in range(4) for b in range(3) for t in ("x", NASTY)]


def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    print("printed by", pset["a"], NASTY)
    if pset["a"] == 3 and pset["t"] == "x":
        raise ValueError(NASTY)
    return {"y": pset["a"] * 1.5 + pset["b"], "word": NASTY if pset["b"] else "plain"}
