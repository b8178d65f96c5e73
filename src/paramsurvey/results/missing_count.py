"""How many psets are missing and why, in one line: below printed results, and above them in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.engine.failure_causes import Causes
from paramsurvey.plurals import counted

if TYPE_CHECKING:
    from paramsurvey.results.missing import Missing

READ_FAILURES = 10_000  # if there are more, no causes are given, because printing must not take long
MOST_CAUSES = 3


def footer(finished: int, missing: Missing, total: int | None = None) -> str:
    """Return the line below printed results; empty if nothing is missing.

    Parameters
    ----------
    finished : int
        How many psets have a result.
    missing : Missing
    total : int, optional
        How many psets the survey has, if some may have neither finished nor failed.

    Examples
    --------
    >>> footer(16, results.missing)  # doctest: +SKIP
    '4 of 20 missing: 3 × ValueError, 1 × timed out; results.missing'
    >>> footer(16, results.missing, 200)  # doctest: +SKIP
    '184 of 200 missing: 3 × ValueError, 1 × timed out; results.missing; 180 not run yet'
    """
    left = _left(finished, missing, total)
    lost = len(missing) + left
    return f"{lost:,} of {finished + lost:,} missing{_why(missing, left, '')}" if lost else ""


def heading(finished: int, missing: Missing, total: int | None = None) -> str:
    """Return the line above results in a notebook: how many psets there are, or are missing, and why.

    Examples
    --------
    >>> heading(17, results.missing)  # doctest: +SKIP
    '3 of 20 psets are missing: 2 × ValueError, 1 × timed out; see results.missing'
    """
    left = _left(finished, missing, total)
    lost = len(missing) + left
    if not lost:
        return counted(finished, "pset")
    return f"{lost:,} of {finished + lost:,} psets are missing{_why(missing, left, 'see ')}"


def _left(finished: int, missing: Missing, total: int | None) -> int:
    """Return how many psets have neither finished nor failed, since the survey did not get that far."""
    return 0 if total is None else max(0, total - finished - len(missing))


def _why(missing: Missing, left: int, see: str) -> str:
    not_run = f"{left:,} not run yet" if left else ""
    if not len(missing):
        return f": {not_run}"
    causes = f": {_causes(missing)}" if len(missing) <= READ_FAILURES else ""
    return f"{causes}; {see}results.missing" + (f"; {not_run}" if left else "")


def _causes(missing: Missing) -> str:
    causes = Causes()
    texts = zip(missing.kinds(), missing["_exception"], missing["_traceback"], strict=True)
    for number, (kind, exception, traceback) in enumerate(texts):
        causes.add(number, kind, exception, traceback)
    cases = causes.most_frequent()
    lines = [f"{case.count:,} × {_cause_name(case.cause.kind, case.cause.exception)}" for case in cases]
    more = len(lines) - MOST_CAUSES
    return ", ".join(lines[:MOST_CAUSES]) + (f", {counted(more, 'other cause')}" if more > 0 else "")


def _cause_name(kind: str, exception: str) -> str:
    if kind != "raised":
        return kind
    from paramsurvey.views.columns.axes import label  # loads the views, which few programs need

    return label(exception)
