"""What a survey returns: `MapResults`, a DataFrame that also knows what is missing."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paramsurvey.errors import NotACheckpoint
from paramsurvey.params.dataframes import texts_of_units
from paramsurvey.plotting.accessor import PlotOfResults
from paramsurvey.results.export import Exportable
from paramsurvey.results.missing import Missing, printed_by
from paramsurvey.results.missing_count import footer
from paramsurvey.results.times import KnownTimes
from paramsurvey.results.tracing.pset_timeline import KeysOfPsets, PsetTimeline
from paramsurvey.stats import PerfStats
from paramsurvey.transport.safe_repr import describe

if TYPE_CHECKING:
    from paramsurvey.engine.progress import MapProgress


class MapResults(Exportable):
    """The finished psets of a map, one row each: the pset's columns, then the result's.

    It is a DataFrame in the order of the psets. What is derived from it is a plain DataFrame.

    Parameters
    ----------
    results : DataFrame
    missing : DataFrame
    progress : MapProgress
    stats : PerfStats
    verbose : int
    checkpoint : str, optional
        The directory that holds the same.
    printed : dict, optional
        What the psets printed, by their labels.
    started : str, optional
        When their run began, as ``run.json`` says; other runs of that checkpoint began at other times.

    Examples
    --------
    >>> results = paramsurvey.map(worker, psets)  # doctest: +SKIP
    >>> results.groupby("kernel")["score"].max()  # all that a DataFrame can do  # doctest: +SKIP
    >>> results.missing.summary()  # what has no result, and why  # doctest: +SKIP
    """

    _metadata = [  # noqa: RUF012  (pandas' own protocol)
        "_missing",
        "_progress",
        "_stats",
        "_verbose",
        "_checkpoint",
        "_printed",
        "_times",
        "_started",
    ]
    _missing: Missing
    _progress: MapProgress | None
    _stats: PerfStats | None
    _verbose: int
    _checkpoint: str | None
    _printed: Mapping[Hashable, str]
    _times = KnownTimes()  # until `with_times` sets others, and of results that an older version has pickled
    _started: str | None = None

    def __init__(
        self,
        results: pd.DataFrame | None = None,
        missing: pd.DataFrame | None = None,
        progress: MapProgress | None = None,
        stats: PerfStats | None = None,
        verbose: int = 0,
        checkpoint: str | None = None,
        printed: Mapping[Hashable, str] | None = None,
        started: str | None = None,
    ) -> None:
        super().__init__(results)  # type: ignore[call-arg]  # pandas-stubs knows __new__ only
        metadata: dict[str, Any] = {
            "_missing": missing if isinstance(missing, Missing) else Missing(missing),
            "_progress": progress,
            "_stats": stats,
            "_verbose": verbose,
            "_checkpoint": checkpoint,
            "_printed": printed or {},
            "_started": started,
        }
        for name, value in metadata.items():
            object.__setattr__(self, name, value)  # pandas would warn that it is not a column

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows: the counts, a sparkline of each column, and the table."""
        from paramsurvey.results.notebook_view import html_of  # loads the views, which few programs need

        table: str | None = super()._repr_html_()  # type: ignore[misc]  # pandas-stubs lacks it
        return None if table is None else html_of(self, self._finished(), self.missing, table, self._total())

    def __repr__(self) -> str:
        """Return what `print` shows: the table, and below it how many psets are missing, and why."""
        below = footer(self._finished(), self.missing, self._total())
        return f"{super().__repr__()}\n\n{below}" if below else super().__repr__()

    def _finished(self) -> int:
        return len(self) if self._progress is None else self._progress.finished

    def _total(self) -> int | None:
        return None if self._progress is None else self._progress.total

    plot = PlotOfResults()  # pandas' own plots, and more

    @property
    def units(self) -> dict[str, str]:
        """The units of columns, by their names, for the labels of plots; set it to a dict.

        The units of psets are there from the start: from the ``attrs["units"]`` of a DataFrame, the metadata
        of an Arrow table's fields, or the attributes of an xarray Dataset. A checkpoint keeps them with the
        results that are written; if they differ, those of the results that were computed last count. What you
        set here is only known to this table.

        Examples
        --------
        >>> results.units = {"mass": "kg"}  # doctest: +SKIP
        """
        units: dict[str, str] = self.attrs.setdefault("units", {})
        return units

    @units.setter
    def units(self, units: Mapping[str, str]) -> None:
        self.attrs["units"] = texts_of_units(units)

    @property
    def results(self) -> pd.DataFrame:
        """The same table as a plain DataFrame."""
        return self.to_df()

    @property
    def missing(self) -> Missing:
        """The psets without a result, each with its reason."""
        return self._missing

    def output_of(self, i: Hashable) -> str:
        """Return what a pset printed on stdout and stderr, with ``capture_output='store'``.

        Parameters
        ----------
        i : label
            The label of the pset's row, as shown at the left. ``results.missing`` has the same method.

        Returns
        -------
        str
            What a terminal would have shown; empty if nothing was printed, or stored.

        Examples
        --------
        >>> results.output_of(0)  # doctest: +SKIP
        'converged after 12 steps\\n'
        """
        return printed_by(i, self.index, self._printed)

    @property
    def seconds(self) -> pd.Series[Any]:
        """How long each pset ran, in seconds: a float32 Series with the results' index.

        It is nan if it is not known, as in checkpoints that older versions have written. If the results have
        a column ``seconds``, this is that column; `timeline` always has the psets' own seconds.

        Examples
        --------
        >>> results.loc[results.seconds.nlargest(5).index]  # the slowest psets  # doctest: +SKIP
        """
        return self["seconds"] if "seconds" in self.columns else self._times.seconds(self.index)

    def timeline(self) -> PsetTimeline:
        """Return when and where each pset ran, whether it finished or failed.

        Returns
        -------
        PsetTimeline
            A DataFrame, with a method `to_trace` that writes it for Perfetto. It has a row for
            each pset that is known to have run, in the order of the psets: ``pset`` (its number in the
            survey; the first is 0), ``worker`` (a number; 0 if it is not known), ``host`` (the worker's
            machine), ``start`` (UTC, by that machine's clock), ``seconds``, ``attempts`` (how often it was
            tried; the times are those of the last attempt) and ``failed``.

        Examples
        --------
        >>> results.timeline().groupby("worker")["seconds"].sum()  # doctest: +SKIP
        >>> results.timeline().to_trace("run.json.gz")  # doctest: +SKIP
        """
        missing = self.missing
        tried = missing["_attempts"].tolist() if "_attempts" in missing else [1] * len(missing)
        timeline = PsetTimeline(self._times.table(missing.numbers(), missing.runs(), tried))
        object.__setattr__(timeline, "_results", KeysOfPsets(self, self._times.rows))  # it is not a column
        return timeline

    def measured_seconds(self) -> tuple[Any, Any]:
        """Return how long the finished psets ran, and those in `missing`, whatever columns there are.

        Returns
        -------
        tuple of two float32 arrays
            They are nan for psets whose times are not known.
        """
        failed = np.array([ran.seconds for ran in self.missing.runs()], dtype=np.float32)
        return self._times.seconds(self.index).to_numpy(), failed

    @property
    def progress(self) -> MapProgress:
        """The counters: total, active, finished, failures, exceptions."""
        assert self._progress is not None
        return self._progress

    @property
    def stats(self) -> PerfStats:
        """How long the psets took."""
        assert self._stats is not None
        return self._stats

    @property
    def verbose(self) -> int:
        """The verbosity of the map."""
        return self._verbose

    def report(self, path: str | os.PathLike[str], *, against: Any = None) -> None:
        """Write a report: one HTML file with slices, importance, distributions, cost, failures and timeline.

        It needs only a browser, and loads nothing from anywhere. Its plots are drawn by matplotlib:
        ``pip install 'paramsurvey[report]'``.

        Parameters
        ----------
        path : path
            The file, such as ``'survey.html'``. An existing file is replaced.
        against : MapResults or path, optional
            An earlier survey, or the directory of its checkpoint, for a comparison pset by pset.

        Raises
        ------
        PackageMissing
            An ImportError: matplotlib is not installed.
        OSError
            The file cannot be written.

        Examples
        --------
        >>> results.report("survey.html")  # doctest: +SKIP
        """
        from paramsurvey.results.report_subjects import subject_of, write_report

        write_report(subject_of(self), path, against)

    def scan(self) -> Any:
        """Return the checkpoint of these results as a lazy Arrow dataset; see `paramsurvey.scan`.

        Returns
        -------
        pyarrow.dataset.Dataset

        Raises
        ------
        NotACheckpoint
            A ValueError: the map had no checkpoint.
        """
        if self._checkpoint is None:
            raise NotACheckpoint(
                "these results have no checkpoint to scan: give map() checkpoint='a directory'"
            )
        from paramsurvey.checkpoint.opening import need_pyarrow

        need_pyarrow()
        from paramsurvey.results.scan_checkpoint import scan

        return scan(self._checkpoint)

    def to_dict(self, orient: str | None = None, **kwargs: Any) -> Any:
        """Return a list of dicts, one per row.

        Parameters
        ----------
        orient : str
            ``'records'``; there is no default.
        **kwargs
            Ignored: `pandas.DataFrame.to_dict` has more parameters.

        Returns
        -------
        list of dict
            Native Python values.

        Raises
        ------
        ValueError
            `orient` is anything else.
        """
        if orient != "records":
            raise ValueError(
                f"to_dict() of survey results knows only orient='records', not {describe(orient)}: "
                "use to_df().to_dict(...) for the others"
            )
        return list(self.iterdicts())


def with_times(results: MapResults, times: KnownTimes) -> MapResults:
    """Return results that know from now on when and where their psets ran.

    This is no parameter of the class, because users make results, too, but no `KnownTimes`.
    """
    object.__setattr__(results, "_times", times)  # pandas would warn that it is not a column
    return results
