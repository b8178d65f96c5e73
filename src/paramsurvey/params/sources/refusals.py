"""Refuses what is not a pset, or not psets, and says what to give instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from paramsurvey.errors import PsetError, PsetTypeError, with_article


def check_pset(number: int, pset: object) -> None:
    """Refuse a pset that is not a dict.

    Raises
    ------
    PsetTypeError
        Gives the pset's number, from 0.
    """
    if isinstance(pset, Mapping):
        return
    shown = " ".join(f"{pset!r:.100}".split())
    raise PsetTypeError(
        f"pset number {number} is {with_article(type(pset).__name__)}, {shown}: "
        f"make it a dict{_conversion_hint(pset)}"
    )


def check_no_options(number: int, pset: Mapping[str, Any], backend: str) -> None:
    """Refuse a pset of an iterator that has options for the backend: groups are made without looking at them.

    Raises
    ------
    PsetError
        Gives the pset's number, from 0.
    """
    options = pset.get(backend)
    if isinstance(options, Mapping) and options:
        raise PsetError(
            f"pset number {number} has options for the backend, {backend!r}: {options!r:.100}, which psets "
            f"from an iterator cannot have: give a list of psets, or map({backend}=...) for all of them"
        )


def _conversion_hint(pset: Any) -> str:
    """Return how to turn this into a dict; empty if that is not known."""
    if isinstance(pset, np.void):
        return ", or give the structured array itself"
    if isinstance(pset, np.ndarray):
        return ", or give pd.DataFrame(psets, columns=[...])"
    return ""


def check_iterable(psets: Any) -> None:
    """Refuse what cannot be psets as a whole.

    Raises
    ------
    PsetTypeError
    """
    if isinstance(psets, Mapping):
        raise PsetTypeError(
            "psets is one dict, and none of its values is a list: give a list of dicts, [pset], "
            "a dict of columns, {'a': [1, 2]}, or a space from paramsurvey.params"
        )
    if isinstance(psets, Iterable) and not isinstance(psets, (bytes, np.void)):
        return
    remedy = "give for example [{'a': 1}, {'a': 2}]"
    if callable(getattr(psets, "collect", None)) or callable(getattr(psets, "compute", None)):
        remedy = f"give psets.{'collect' if hasattr(psets, 'collect') else 'compute'}()"
    elif isinstance(psets, np.void):
        remedy = "give the structured array that it comes from"
    elif callable(psets) and not isinstance(psets, type):
        remedy = "if it returns the psets, call it: give psets()"
    elif hasattr(psets, "__aiter__"):
        remedy = "give a generator without async"
    raise PsetTypeError(
        f"psets must be a DataFrame or an iterable of dicts, not {type(psets).__name__}: {remedy}"
    )
