"""``results.plot``: all that pandas' own plot accessor can do, and pictures of a survey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pandas.plotting import PlotAccessor

from paramsurvey.errors import NotStored

if TYPE_CHECKING:
    from paramsurvey.views import SurveyData
    from paramsurvey.views.failures import CauseView, Failures
    from paramsurvey.views.slices import Reduction

MOST_COLUMNS = 8  # of parallel coordinates, where none are named


class SurveyPlot(PlotAccessor):
    """Pictures of results. ``results.plot(...)`` and ``results.plot.scatter(...)`` are pandas' own.

    Every picture is drawn into the Axes `ax`, or into a new figure, and returned as Axes. matplotlib is
    needed: ``pip install 'paramsurvey[plot]'``. If no pset has run, there is nothing to draw: each
    method then raises a `NotStored`, a ValueError, that says why.

    Examples
    --------
    >>> results.plot.slice("rate", "depth", "loss")  # doctest: +SKIP
    >>> results.plot.importance("loss")  # doctest: +SKIP
    """

    def __init__(self, results: Any) -> None:
        super().__init__(results)
        self._results = results

    def __repr__(self) -> str:
        ours = ", ".join(f".{name}()" for name in vars(SurveyPlot) if not name.startswith("_"))
        return f"<SurveyPlot: {ours}, and all of pandas' own plots>"

    def slice(
        self,
        x: str,
        y: str | None = None,
        value: str | None = None,
        *,
        reduction: Reduction = "mean",
        at: Mapping[str, Any] | None = None,
        ax: Any = None,
    ) -> Any:
        """Draw a value by two axes as colours, reduced over all others; or by one, as a line.

        Parameters
        ----------
        x, y : str
            Columns. One with many values is shown in ranges.
        value : str, optional
            A column with numbers. None: the share of the psets that failed.
        reduction : str
            ``'mean'``, ``'median'``, ``'min'``, ``'max'`` or ``'std'`` of the value;
            ``'count'`` of finished psets, or ``'failures'``.
        at : mapping, optional
            Other columns, each held at one value.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes

        Examples
        --------
        >>> results.plot.slice("C", "gamma", "score", at={"kernel": "rbf"})  # doctest: +SKIP
        """
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.plotting.heatmap import draw_slice
        from paramsurvey.views import FAILING, slice_of

        data = self._data()
        view = slice_of(data, x, y, FAILING if value is None else value, reduction, at)
        return make_room(draw_slice(view, ax, data.units))

    def importance(self, value: str | None = None, *, ax: Any = None) -> Any:
        """Draw how much of a value's variance each axis explains, and the strongest interactions.

        Exact where the psets are a full grid that has a value everywhere; else an estimate with 95 %
        intervals, which the title says.

        Parameters
        ----------
        value : str, optional
            A column with numbers. None: whether psets fail.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes
        """
        from paramsurvey.plotting.bars import draw_importance
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.views import FAILING, importance_of

        return make_room(
            draw_importance(importance_of(self._data(), FAILING if value is None else value), ax)
        )

    def distribution(self, value: str | None = None, *, bins: int = 60, ax: Any = None) -> Any:
        """Draw a histogram of a column, with its median and quartiles; of texts, how often each occurs.

        Parameters
        ----------
        value : str, optional
            A column. None: the first result, or if there is none, the seconds of each pset.
        bins : int
            How many bins, at most.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes
        """
        from paramsurvey.plotting.bars import draw_distribution
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.views import SECONDS, distribution_of

        data = self._data()
        if value is None:
            value = next(iter(data.results), SECONDS)
        return make_room(draw_distribution(distribution_of(data, value, bins), ax, data.units))

    def failures(self, cause: int | None = None, *, ax: Any = None) -> Any:
        """Draw where psets fail, by the two axes that tell most about it.

        Parameters
        ----------
        cause : int, optional
            One cause alone: its row in ``results.missing.summary()``. None: all failures.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes

        Raises
        ------
        IndexError
            When there is no such cause among the twenty most frequent, or its psets were not run.
        """
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.plotting.heatmap import draw_failures
        from paramsurvey.views import failures_of

        data = self._data()
        found = _chosen_cause(failures_of(data), cause, self._results.missing)
        return make_room(draw_failures(found, ax, data.units))

    def parallel(
        self, columns: Sequence[str] | None = None, *, value: str | None = None, ax: Any = None
    ) -> Any:
        """Draw how psets run through some columns side by side, coloured by the mean of a value.

        Parameters
        ----------
        columns : sequence of str, optional
            The columns, from left to right. None: the psets' keys that vary, and the value.
        value : str, optional
            A column with numbers.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes
        """
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.plotting.lines import draw_parallel
        from paramsurvey.views import parallel_of

        data = self._data()
        if columns is None:
            columns = _columns_that_vary(data, value)
        return make_room(draw_parallel(parallel_of(data, columns, value), ax, data.units))

    def cost(self, axis: str | None = None, *, seconds: str | None = None, ax: Any = None) -> Any:
        """Draw the seconds that went into each value of an axis, and how long one pset took there.

        Parameters
        ----------
        axis : str, optional
            One of the psets' keys. None: the one that makes most difference.
        seconds : str, optional
            The column that tells how long each pset took. None: what the map has measured.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes

        Raises
        ------
        NotStored
            A ValueError: it is not known how long the psets took.
        """
        from paramsurvey.plotting.bars import draw_cost
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.views import cost_of

        found = cost_of(self._data(seconds)).axes
        if not found:
            raise ValueError(
                "no key of the psets varies, so there is no cost to compare: "
                "results.seconds has the seconds of each pset"
            )
        shown = [one for one in found if axis in (None, one.axis.name)]
        if not shown:
            known = ", ".join(repr(one.axis.name) for one in found)
            raise KeyError(f"there is no axis {axis!r} that varies: those that do are {known}")
        return make_room(draw_cost(shown[0], ax, self._results.attrs.get("units")))

    def timeline(
        self,
        *,
        worker: str | None = None,
        start: str | None = None,
        seconds: str | None = None,
        ax: Any = None,
    ) -> Any:
        """Draw how busy each worker was.

        Parameters
        ----------
        worker, start, seconds : str, optional
            Columns with each pset's worker (a number, or a name), the time when it began, and how long it
            took, in seconds or as pandas' times and durations: all three, or none. None: what the map has
            measured, failed psets included.
        ax : Axes, optional
            Where to draw.

        Returns
        -------
        Axes

        Raises
        ------
        NotStored
            A ValueError: it is not known when the psets ran.
        """
        from paramsurvey.plotting.figures import make_room
        from paramsurvey.plotting.workers import draw_timeline
        from paramsurvey.views import measured_timeline, timeline_of
        from paramsurvey.views.columns.frame import in_seconds

        names = (worker, start, seconds)
        if names == (None, None, None):
            self._data()  # raises if nothing has run
            return make_room(draw_timeline(measured_timeline(self._results.timeline()), ax))
        if None in names:
            raise TypeError("timeline() needs all of worker=, start= and seconds=, or none of them")
        began, took = (in_seconds(self._results[name]) for name in (start, seconds))
        return make_room(draw_timeline(timeline_of(self._results[worker].to_numpy(), began, took), ax))

    def _data(self, seconds: str | None = None) -> SurveyData:
        from paramsurvey.views import data_of

        data = data_of(self._results, seconds)
        if not data.ended:
            raise NotStored(_why_nothing_to_draw(self._results))
        return data


def _why_nothing_to_draw(results: Any) -> str:
    """Return why there is nothing in results that could be drawn, and what to do."""
    progress = results._progress
    total = 0 if progress is None else progress.total
    if total and progress.finished:
        return (
            f"this table has none of the survey's {progress.finished:,} results, so nothing can be drawn: "
            "draw one that has some, such as that of paramsurvey.load() where there is a checkpoint"
        )
    if total or len(results.missing):
        total = max(total, len(results.missing))
        return (
            f"none of the survey's {total:,} psets has run to its end, so there is nothing to draw: "
            "run the survey again"
        )
    return "the survey has no psets, so there is nothing to draw: give it at least one"


def _columns_that_vary(data: SurveyData, value: str | None) -> list[str]:
    """Return the columns of parallel coordinates if none are named."""
    last = [] if value is None else [value]
    columns = [axis.name for axis in data.varying()][: MOST_COLUMNS - len(last)]
    if len(columns) + len(last) < 2:
        varies = f"only {columns[0]!r} varies" if columns else "no key of the psets varies"
        raise ValueError(
            f"parallel coordinates need at least two columns, but {varies}: "
            "name the columns, results.plot.parallel(['key', 'result'])"
        )
    return columns + last


def _chosen_cause(failures: Failures, cause: int | None, missing: Any) -> CauseView:
    """Return the failures in a row of ``missing.summary()``, which also has the psets that were not run."""
    if cause is None:
        return failures.together
    if not failures.causes:
        raise IndexError(f"there is no cause {cause}, because no pset has failed: leave it out")
    rows = missing.summary()[["kind", "exception", "line"]].to_numpy().tolist()
    wanted = rows[cause] if 0 <= cause < len(rows) else []
    shown = {(view.cause.kind, view.cause.exception, view.cause.line): view for view in failures.causes}
    found = shown.get(tuple(wanted))
    if found is None:
        why = ", but psets that were not run" if wanted[:1] == ["not run"] else ""
        raise IndexError(
            f"row {cause} is none of the {len(shown)} most frequent causes of failure{why}: "
            "choose another one that results.missing.summary() shows"
        )
    return found


class PlotOfResults:
    """The attribute ``plot`` of results: for one table, its accessor; for the class, the documentation."""

    def __get__(self, results: Any, owner: type) -> Any:
        return SurveyPlot if results is None else SurveyPlot(results)

    def __set__(self, results: Any, value: object) -> None:
        raise AttributeError(
            "results.plot draws pictures: set a column of this name with results['plot'] = ..."
        )
