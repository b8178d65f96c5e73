"""`paramsurvey.load` and `paramsurvey.scan`: a checkpoint as results, or as a lazy dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.checkpoint.opening import need_pyarrow

if TYPE_CHECKING:
    import os

    import pyarrow.dataset

    from paramsurvey.results.map_results import MapResults


def load(path: str | os.PathLike[str]) -> MapResults:
    """Return what a checkpoint holds, whether its run has ended, was killed, or is still going on.

    Objects that Arrow has no type for are stored as pickles, and unpickling runs code: load only
    what you trust.

    Parameters
    ----------
    path : path
        The directory that was given as ``map(..., checkpoint=...)``.

    Returns
    -------
    MapResults
        All finished psets that the directory holds, in the order of the psets, and in ``.missing`` those that
        failed. If a survey was extended, what was added comes at the end.

    Raises
    ------
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    PackageMissing
        An ImportError: pyarrow is not installed.

    Examples
    --------
    >>> results = paramsurvey.load("run-7")  # doctest: +SKIP
    """
    need_pyarrow()
    from paramsurvey.results import load_checkpoint

    return load_checkpoint.load(path)


def scan(path: str | os.PathLike[str]) -> pyarrow.dataset.Dataset:
    """Return the finished psets of a checkpoint as a lazy Arrow dataset, without loading them.

    polars (``scan_pyarrow_dataset``), DuckDB and pandas read from it the columns and rows that they
    need, in no particular order. Besides the columns of the psets and of the results, there are ``_seconds``,
    ``_start``, ``_worker``, ``_host`` and ``_attempts``, as in `MapResults.timeline`; checkpoints of older
    versions do not have them. Lists and arrays are lists, and times of several zones are in UTC. Nothing is
    unpickled: pickled columns are binary, and a column whose values have no common type is left out, with a
    warning. While a run is going on, its files are merged now and then, so scan again if one is gone. Unlike
    `load`, this does not compare the checksums of files larger than one megabyte, because that would mean
    reading all of them.

    Parameters
    ----------
    path : path
        The directory that was given as ``map(..., checkpoint=...)``.

    Returns
    -------
    pyarrow.dataset.Dataset

    Raises
    ------
    NotACheckpoint
        A ValueError: the directory is not a checkpoint.
    PackageMissing
        An ImportError: pyarrow is not installed.

    Examples
    --------
    >>> best = paramsurvey.scan("run-7").to_table(filter=pc.field("loss") < 0.1)  # doctest: +SKIP
    """
    need_pyarrow()
    from paramsurvey.results import scan_checkpoint

    return scan_checkpoint.scan(path)
