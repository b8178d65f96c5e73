"""Checkpoints: what a map finished is durable at once, and the next run goes on from there.

=================  ==============================================================================
`base`             what the survey's loop knows: the protocol, and the checkpoint that does nothing
`directory`        the checkpoint in a directory
`arrivals`         what has arrived, and the tables that are written of it
`writer`           the thread that writes
`archive`          finding again what earlier runs have stored
`identity`         which pset is which
`parts`            the Parquet files and how they are merged
`tables`           what stands in them
`encoding`         Python's values as Arrow's, and back
`run_file`         ``run.json``, and what is in it
`run_record`       ``run.json`` of the survey that is running, kept up to date
`lock`             one driver at a time
`reading`          `paramsurvey.load` and `paramsurvey.scan`
=================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paramsurvey.checkpoint.base import Checkpoint, NoCheckpoint
from paramsurvey.errors import PackageMissing

if TYPE_CHECKING:
    import os

    import pyarrow.dataset

    from paramsurvey.collect import Collector
    from paramsurvey.options import Options
    from paramsurvey.progress import MapProgress
    from paramsurvey.psets import PsetSource
    from paramsurvey.results import MapResults


def open_checkpoint(
    options: Options,
    function: Any,
    source: PsetSource,
    collector: Collector,
    progress: MapProgress,
    tell: Callable[[str], None],
) -> Checkpoint:
    """Return the checkpoint that the options ask for.

    Raises
    ------
    PackageMissing
        pyarrow is not installed.
    CheckpointError
        The directory cannot be used.
    """
    if options.checkpoint is None:
        return NoCheckpoint()
    need_pyarrow()
    from paramsurvey.checkpoint.directory import DirectoryCheckpoint, Wishes
    from paramsurvey.checkpoint.run_file import Program

    wishes = Wishes(options.checkpoint, options.retry_failed, options.on_change)
    program = Program.of(function, options.user_kwargs)
    return DirectoryCheckpoint(wishes, program, source, collector, progress, tell)


def load(path: str | os.PathLike[str]) -> MapResults:
    """Return what a checkpoint holds: of a run that has ended, was killed, or is still running.

    Objects that Arrow has no type for are stored as pickles, and unpickling runs code: load only
    what you trust.

    Parameters
    ----------
    path : path
        The directory that was given as ``map(..., checkpoint=...)``.

    Returns
    -------
    MapResults
        All finished psets that the directory holds, in the order of the psets, and in ``.missing``
        those that failed. Where a survey was extended, what was added stands at the end.

    Raises
    ------
    NotACheckpoint
        A ValueError: it is something else.
    PackageMissing
        An ImportError: pyarrow is not installed.

    Examples
    --------
    >>> results = paramsurvey.load("run-7")  # doctest: +SKIP
    """
    need_pyarrow()
    from paramsurvey.checkpoint import reading

    return reading.load(path)


def scan(path: str | os.PathLike[str]) -> pyarrow.dataset.Dataset:
    """Return the finished psets of a checkpoint as a lazy Arrow dataset, without loading them.

    polars (``scan_pyarrow_dataset``), DuckDB and pandas read from it the columns and rows that they
    need, in no particular order. Nothing is unpickled: such columns are binary. While a run goes on,
    its files are merged now and then: scan again when one is gone. Of files that are larger than one
    megabyte, the checksums are not compared, as by `load`: that would mean to read all of them.

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
        A ValueError: it is something else.
    PackageMissing
        An ImportError: pyarrow is not installed.

    Examples
    --------
    >>> best = paramsurvey.scan("run-7").to_table(filter=pc.field("loss") < 0.1)  # doctest: +SKIP
    """
    need_pyarrow()
    from paramsurvey.checkpoint import reading

    return reading.scan(path)


def need_pyarrow() -> None:
    """Raise an `PackageMissing` where pyarrow cannot be imported."""
    try:
        import pyarrow  # noqa: F401  (to see whether it can be)
    except ImportError as error:
        raise PackageMissing(
            f"a checkpoint needs pyarrow, and it cannot be imported ({error}): "
            "pip install 'paramsurvey[parquet]'"
        ) from error
