"""The psets without a result, and finding out why: `Missing`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace
from typing import Any

import pandas as pd

from paramsurvey.engine.failure_causes import Causes, raising_line, readable_path
from paramsurvey.errors import FunctionUnknown
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.sources import as_source
from paramsurvey.results.dict_table import DictTable
from paramsurvey.results.original_values import OriginalValues, private_pset, with_original_values
from paramsurvey.transport.messages import FailureKind, Pset, Ran, WorkerFunction
from paramsurvey.transport.packed_columns import to_python
from paramsurvey.transport.private_arguments import pack_arguments
from paramsurvey.transport.safe_repr import describe
from paramsurvey.worker.keywords import KeywordFunction, KeywordWorker
from paramsurvey.worker.return_checks import checked_result
from paramsurvey.worker.runner import subdir_name

SHOWN_COLUMNS = 20  # up to this many are all shown, one block below another if the terminal is narrow
PANDAS_WIDTH = 50  # characters of a cell, unless the user sets another width
LABEL_WIDTH = 6  # characters of a line that the row's label and the gap take
HTML_WIDTH = 200
SUMMARY_COLUMNS = ("kind", "exception", "line", "count", "pset", "example")


@dataclass(frozen=True)
class WorkerCall:
    """How a map called its worker function, so that it can be called again.

    Parameters
    ----------
    func : callable
    user_kwargs : object
        The caller's own object.
    system_kwargs : mapping
        What every pset gets, including the map's name.
    chdir : str
        The directory that it ran in.
    out_subdirs : int, optional
    backend : str
        The name under which a pset's own options are in ``system_kwargs``.
    pset_options : sequence, optional
        Each pset's own options for the backend, by its number in the survey.
    worker_init : callable, optional
        Returns what the function gets as ``worker_state``.
    in_batches : bool
        Whether the function takes the columns of many psets.
    """

    func: WorkerFunction
    user_kwargs: Any
    system_kwargs: Mapping[str, Any]
    chdir: str
    out_subdirs: int | None = None
    backend: str = ""
    pset_options: Sequence[Mapping[str, Any] | None] | None = None
    worker_init: Callable[[], Any] | None = None
    in_batches: bool = False

    def __call__(self, pset: Pset, number: int) -> dict[Any, Any]:
        """Call the function in this process, with the pset that has this number in the survey."""
        user_kwargs, system_kwargs = pack_arguments(self.user_kwargs, self.system_kwargs).private_pair()
        system_kwargs.update(self._own_system_kwargs(number))
        with contextlib.chdir(self.chdir):
            if self.in_batches:
                return self._call_with_batch_of_one(pset, system_kwargs, user_kwargs)
            result = self.func(pset, system_kwargs, user_kwargs)
            return {} if result is None else checked_result(result)

    def _call_with_batch_of_one(
        self, pset: Pset, system_kwargs: dict[str, Any], user_kwargs: Any
    ) -> dict[Any, Any]:
        from paramsurvey.worker.batch_columns import array_of_one
        from paramsurvey.worker.batch_results import checked_columns

        if "out_subdir" in system_kwargs:
            system_kwargs["out_subdir"] = [system_kwargs["out_subdir"]]
        columns: dict[str, Any] = {name: array_of_one(value) for name, value in pset.items()}
        found = checked_columns(self.func(columns, system_kwargs, user_kwargs), 1, frozenset(pset))
        return {key: to_python(values)[0] for key, values in found.items()}

    def _own_system_kwargs(self, number: int) -> dict[str, Any]:
        kwargs: dict[str, Any] = {"raw_stats": {}, "worker_number": 1}
        if self.worker_init is not None:
            kwargs["worker_state"] = self.worker_init()
        if self.out_subdirs is not None:
            kwargs["out_subdir"] = subdir_name(self.out_subdirs, number)
        if self.pset_options is not None and self.pset_options[number] is not None:
            kwargs[self.backend] = dict(self.pset_options[number] or {})
        return kwargs


@dataclass
class MissingOrigin:
    """What a table of missing psets knows besides its columns.

    Parameters
    ----------
    kinds : dict
        The kind of each failure, by its ``_exception``, which survives whatever pandas does to the rows.
    numbers : dict
        The psets' numbers in the survey, by their labels.
    call : WorkerCall, optional
        None after pickling and loading, because a function may need what only its own program has.
    printed : dict
        What the psets printed, by their labels, if that was stored.
    unshown : dict
        By column and label, what the workers got if the table shows something else.
    ran : dict
        When and where the psets failed, by their labels.
    """

    kinds: dict[str, FailureKind] = field(default_factory=dict)
    numbers: dict[Hashable, int] = field(default_factory=dict)
    call: WorkerCall | None = None
    printed: dict[Hashable, str] = field(default_factory=dict)
    unshown: OriginalValues = field(default_factory=dict)
    ran: dict[Hashable, Ran] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "call": None}


class CauseTable(pd.DataFrame):
    """Failures by cause. All columns are shown, however narrow the terminal is."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        with pd.option_context("display.max_columns", None), _wide_cells():
            return super().__repr__()

    def _repr_html_(self) -> str | None:
        with _wide_cells(HTML_WIDTH):
            return super()._repr_html_()  # type: ignore[misc,no-any-return]  # pandas-stubs lacks it


def _wide_cells(most: int | None = None) -> AbstractContextManager[None]:
    """Let a reason take a line of the terminal, or `most` characters, unless the user has set a width."""
    if pd.get_option("display.max_colwidth") != PANDAS_WIDTH:
        return contextlib.nullcontext()
    return pd.option_context(
        "display.max_colwidth", most or (pd.get_option("display.width") or 80) - LABEL_WIDTH
    )


class Missing(DictTable):
    """The psets without a result, one row each, in the order of the psets.

    Besides the pset's own columns, there are ``_exception`` (one line, never empty), ``_traceback`` (text;
    empty if there was none) and ``_attempts`` (how often the pset was tried). Rows selected from it are a
    `Missing`, too.

    Parameters
    ----------
    psets : DataFrame, optional
    origin : MissingOrigin, optional

    Examples
    --------
    >>> again = paramsurvey.map(worker, results.missing.to_psets())  # doctest: +SKIP
    """

    _metadata = ["_origin"]  # noqa: RUF012  (pandas' own protocol)
    _origin = MissingOrigin()

    def __init__(
        self, psets: Any = None, *args: Any, origin: MissingOrigin | None = None, **kwargs: Any
    ) -> None:
        super().__init__(psets, *args, **kwargs)  # type: ignore[call-arg]  # pandas-stubs knows __new__ only
        if origin is not None:
            object.__setattr__(self, "_origin", origin)  # pandas would warn that it is not a column

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return Missing

    def __repr__(self) -> str:
        with pd.option_context("display.max_columns", SHOWN_COLUMNS):
            return repr(self._reason_first())

    def _repr_html_(self) -> str | None:
        with _wide_cells(HTML_WIDTH):
            html: str | None = self._reason_first()._repr_html_()  # type: ignore[operator]  # pandas-stubs lacks it
        return html

    def _reason_first(self) -> pd.DataFrame:
        """Return the table as it is shown: the reason, the pset, and the line that raised."""
        frame = pd.DataFrame(self)
        last = [name for name in ("_attempts", "_traceback") if name in frame.columns]
        if "_exception" not in frame.columns or not frame.columns.is_unique:
            return frame
        if "_traceback" in last:
            lines = [readable_path(raising_line(text)) for text in frame["_traceback"]]
            frame = frame.assign(_traceback=pd.Series(lines, index=frame.index, dtype=object))
        between = [name for name in frame.columns if name not in ("_exception", *last)]
        return frame[["_exception", *between, *last]]

    def to_psets(self) -> pd.DataFrame:
        """Return only the psets, ready to be given to `map` again.

        They have the values that the workers got: an integer that the table shows as a float, because other
        values in its column are floats, is an integer again. Changes that were made to the table are kept.
        """
        return with_original_values(self.as_shown(), self._origin.unshown)

    def as_shown(self) -> pd.DataFrame:
        """Return only the psets, with the dtypes that they have in the results."""
        extra = [name for name in self.columns if str(name).startswith("_")]
        return pd.DataFrame(self).drop(columns=extra)

    def kinds(self) -> pd.Series[Any]:
        """Return what kind of failure each pset had: ``'raised'``, ``'crashed'``, ``'timed out'``, ...

        Examples
        --------
        >>> slow = results.missing[results.missing.kinds() == "timed out"]  # doctest: +SKIP
        """
        known = self._origin.kinds
        texts = self["_exception"].tolist() if "_exception" in self.columns else [None] * len(self)
        return pd.Series(
            [str(known.get(str(text), FailureKind.RAISED)) for text in texts], self.index, dtype=object
        )

    def numbers(self) -> list[int]:
        """Return each pset's number in the survey: the first pset is 0."""
        known = self._origin.numbers
        return [known.get(label, position) for position, label in enumerate(self.index)]

    @property
    def seconds(self) -> pd.Series[Any]:
        """How long each pset ran until it failed, in seconds: a float32 Series; nan if it is not known.

        If the psets have a key ``seconds``, this is that column.
        """
        if "seconds" in self.columns:
            return self["seconds"]
        return pd.Series([ran.seconds for ran in self.runs()], self.index, dtype="float32", name="seconds")

    def runs(self) -> list[Ran]:
        """Return when and where each pset ran last, as far as that is known."""
        return [self._origin.ran.get(label, Ran()) for label in self.index]

    def output_of(self, i: Hashable) -> str:
        """Return what a pset had printed; see `MapResults.output_of`.

        Parameters
        ----------
        i : label
            The label of the pset's row, as shown at the left.

        Returns
        -------
        str
            Empty if nothing was printed, or stored.
        """
        return printed_by(i, self.index, self._origin.printed)

    def summary(self) -> pd.DataFrame:
        """Return the failures by cause: one row for each, the most frequent first.

        Returns
        -------
        DataFrame
            ``kind`` (raised, crashed, timed out, ...), ``exception`` (its type), ``line`` (the line that
            raised it, as ``file:number in function``; empty if it is not known), ``count``, ``pset`` (the
            label of one example, which `reproduce` takes) and ``example`` (its exception).

        Examples
        --------
        >>> results.missing.summary()[["count", "exception", "line"]]  # doctest: +SKIP
           count   exception              line
        0     12  ValueError  fit.py:3 in fit
        """
        causes = Causes()
        texts = zip(self.kinds(), self["_exception"], self["_traceback"], strict=True) if len(self) else ()
        for position, (kind, exception, traceback) in enumerate(texts):
            causes.add(position, kind, exception, traceback)
        rows = [
            (
                case.cause.kind,
                case.cause.exception,
                case.cause.line,
                case.count,
                self.index[case.number],
                case.example,
            )
            for case in causes.most_frequent()
        ]
        return CauseTable(rows, columns=list(SUMMARY_COLUMNS))

    def reproduce(
        self,
        i: Hashable,
        func: WorkerFunction | KeywordFunction[..., Any] | None = None,
        user_kwargs: Any = None,
    ) -> dict[Any, Any]:
        """Run one of the psets in this process, so that its exception is raised here.

        It runs in the directory and with the arguments that it had in the map, after its worker_init. In a
        notebook or a debugger, ``%debug`` or ``pdb.pm()`` then shows where it went wrong. A pset that killed
        its worker will also kill this process.

        Parameters
        ----------
        i : label
            The label of the pset's row, as shown at the left.
        func, user_kwargs : optional
            The function to call, and its argument, instead of the map's own: after `paramsurvey.load`, or to
            try a change.

        Returns
        -------
        dict
            The function's result, if it works this time.

        Raises
        ------
        Exception
            Whatever the function raises.
        KeyError
            There is no pset `i`.
        FunctionUnknown
            A ValueError: the results come from a file, so that `func` must be given.

        Examples
        --------
        >>> results.missing.reproduce(0)  # doctest: +SKIP
        Traceback (most recent call last):
            ...
        ValueError: negative mass
        """
        call = self._call(func, user_kwargs)
        return call(self._pset(i), self._origin.numbers.get(i, 0))

    def _call(self, func: Any, user_kwargs: Any) -> WorkerCall:
        call = self._origin.call
        if isinstance(func, KeywordFunction):
            func = KeywordWorker(func)
        if call is None and func is None:
            raise FunctionUnknown(
                "these results come from a file, which does not hold the worker function: "
                "give it, reproduce(i, func=..., user_kwargs=...)"
            )
        if call is None:
            assert func is not None
            return WorkerCall(func, user_kwargs, {"name": "default"}, os.getcwd())
        return replace(
            call,
            func=call.func if func is None else func,
            user_kwargs=call.user_kwargs if user_kwargs is None else user_kwargs,
        )

    def _pset(self, i: Hashable) -> Pset:
        if i not in self.index:
            raise KeyError(
                f"there is no missing pset {describe(i)}: give one of the labels at the left of the table"
            )
        row = self.loc[[i]].iloc[:1]
        pset = private_pset(as_source(row))
        for name, cells in self._origin.unshown.items():
            if name in pset and i in cells and not cells[i].there and pd.isna(row[name]).all():
                del pset[name]
        return pset


def printed_by(i: Hashable, index: pd.Index[Any], printed: Mapping[Hashable, str]) -> str:
    """Return what the pset with the label `i` printed; an empty text if nothing was stored."""
    if i not in index:
        raise KeyError(f"there is no pset {describe(i)}: give one of the labels at the left of the table")
    return printed.get(i, "")
