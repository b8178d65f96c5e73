"""What becomes of values of all kinds on their way through psets and results."""

import datetime
import decimal
import fractions
import uuid

import numpy as np
import pandas as pd
import shown

import paramsurvey
import paramsurvey.params

DAY = datetime.datetime(2026, 11, 28, 12, 30)

RESULTS = {
    "integers": lambda i: i,
    "floats": lambda i: i / 2,
    "late float": lambda i: i if i < 8 else 1.5,
    "early float": lambda i: 0.5 if i == 0 else i,
    "large": lambda i: 2**53 + i,
    "huge": lambda i: 2**70 + i,
    "booleans": lambda i: i % 2 == 0,
    "boolean or integer": lambda i: i % 2 == 0 if i < 5 else i,
    "texts": lambda i: f"x{i}",
    "text or number": lambda i: f"x{i}" if i % 2 else i,
    "None": lambda i: None,
    "None or integer": lambda i: None if i % 2 else i,
    "None or text": lambda i: None if i % 2 else "a",
    "nan or integer": lambda i: float("nan") if i % 2 else i,
    "infinities": lambda i: float("inf") if i % 2 else -float("inf"),
    "complex": lambda i: complex(i, 1),
    "bytes": lambda i: b"ab",
    "lists": lambda i: [i, i + 1],
    "empty lists": lambda i: [],
    "tuples": lambda i: (i, "a"),
    "dicts": lambda i: {"k": i},
    "sets": lambda i: {i},
    "dates": lambda i: DAY + datetime.timedelta(days=i),
    "plain dates": lambda i: DAY.date(),
    "timestamps": lambda i: pd.Timestamp(DAY),
    "zoned": lambda i: pd.Timestamp(DAY, tz="UTC"),
    "spans": lambda i: datetime.timedelta(hours=i),
    "numpy integers": lambda i: np.int64(i),
    "small numpy integers": lambda i: np.int8(i),
    "numpy floats": lambda i: np.float64(i) / 2,
    "single floats": lambda i: np.float32(i) / 2,
    "numpy booleans": lambda i: np.bool_(i % 2),
    "arrays": lambda i: np.arange(2) + i,
    "decimals": lambda i: decimal.Decimal(i),
    "fractions": lambda i: fractions.Fraction(i, 3),
    "uuids": lambda i: uuid.UUID(int=i),
    "some have it": lambda i: i,
    "some have the text": lambda i: "t",
    "some have the boolean": lambda i: True,
}
PARTIAL = {"some have it", "some have the text", "some have the boolean"}


def worker(pset, system_kwargs, user_kwargs):
    kind, i = user_kwargs, pset["i"]
    if kind in PARTIAL and i % 3 == 0:
        return {"other": 1}
    return {"y": RESULTS[kind](i)}


def look(pset, system_kwargs, user_kwargs):
    value = pset["x"]
    return {"type": type(value).__name__, "text": str(value)}


def main():
    paramsurvey.init(ncores=2, verbose=0, vstats=0)
    for kind in RESULTS:
        results = paramsurvey.map(
            worker, [{"i": i} for i in range(10)], user_kwargs=kind, verbose=0, vstats=0
        )
        shown.table(f"result: {kind}", results[[c for c in results if c != "other"]])
    for kind, make in RESULTS.items():
        if kind in PARTIAL:
            continue
        frame = pd.DataFrame({"x": [make(i) for i in range(10)]})
        results = paramsurvey.map(look, frame, verbose=0, vstats=0)
        shown.table(f"pset: {kind}", results)


if __name__ == "__main__":
    main()
