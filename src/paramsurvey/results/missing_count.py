"""How many psets are missing and why, in one line: below printed results, and above them in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.engine.failure_causes import Causes

if TYPE_CHECKING:
    from paramsurvey.results.missing import Missing

READ_FAILURES = 10_000  # with more, no causes are given: printing must not take long
MOST_CAUSES = 3


def footer(finished: int, missing: Missing) -> str:
    """Return the line below printed results; empty where nothing is missing.

    Examples
    --------
    >>> footer(16, results.missing)  # doctest: +SKIP
    '4 of 20 missing: 3 × ValueError, 1 × timed out; results.missing'
    """
    lost = len(missing)
    return f"{lost:,} of {finished + lost:,} missing{_why(missing)}; results.missing" if lost else ""


def counted(finished: int, missing: Missing) -> str:
    """Return how many psets there are, how many are missing, and why, if they are few.

    Examples
    --------
    >>> counted(17, results.missing)  # doctest: +SKIP
    '3 of 20 psets are missing: 2 × ValueError, 1 × timed out; see results.missing'
    """
    lost = len(missing)
    if not lost:
        return f"{finished:,} pset{'s' * (finished != 1)}"
    return f"{lost:,} of {finished + lost:,} psets are missing{_why(missing)}; see results.missing"


def _why(missing: Missing) -> str:
    return f": {_causes(missing)}" if len(missing) <= READ_FAILURES else ""


def _causes(missing: Missing) -> str:
    causes = Causes()
    texts = zip(missing.kinds(), missing["_exception"], missing["_traceback"], strict=True)
    for number, (kind, exception, traceback) in enumerate(texts):
        causes.add(number, kind, exception, traceback)
    cases = causes.most_frequent()
    told = [f"{case.count:,} × {_named(case.cause.kind, case.cause.exception)}" for case in cases]
    more = len(told) - MOST_CAUSES
    return ", ".join(told[:MOST_CAUSES]) + (f", {more} other causes" if more > 0 else "")


def _named(kind: str, exception: str) -> str:
    if kind != "raised":
        return kind
    from paramsurvey.views.columns.axes import label  # loads the views, which few programs need

    return label(exception)
