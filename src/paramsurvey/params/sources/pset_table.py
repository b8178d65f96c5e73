"""The parameter sets of a survey: checked, in columns, cut into what groups carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from paramsurvey.errors import PsetTypeError
from paramsurvey.params.axes import as_list
from paramsurvey.params.column_names import ATTEMPTS, check_names, without_reasons
from paramsurvey.params.dataframes import as_series, frame_of
from paramsurvey.params.spaces.algebra import Space
from paramsurvey.transport.columns import numpy_index, value_array
from paramsurvey.transport.decoders import DictDecoder, TableDecoder
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.messages import Decoder, Pset, Rows, Values
from paramsurvey.transport.packed_columns import to_python

if TYPE_CHECKING:
    import pandas as pd

    from paramsurvey.params.categories import NativeValues


@dataclass(frozen=True, slots=True)
class CategoryCodes:
    """Cells that are positions in a list of values, which has nan at its end, where -1 finds it."""

    codes: NDArray[Any]
    categories: list[Any]

    def values(self) -> list[Any]:
        """Return the values themselves."""
        return [self.categories[code] for code in self.codes.tolist()]


ColumnValues: TypeAlias = "Values | CategoryCodes"
"""Some rows of a column, as the workers get them."""


def cell_list(cells: ColumnValues) -> list[Any]:
    """Return the values of some rows of a column, as the workers see them."""
    if isinstance(cells, CategoryCodes):
        return cells.values()
    return cells.tolist() if isinstance(cells, np.ndarray) else list(cells)


class PsetSource(Protocol):
    """Psets that a survey can address by row."""

    @property
    def names(self) -> tuple[str, ...]:
        """The psets' keys."""
        ...

    def __len__(self) -> int: ...

    def read(self, count: int) -> int:
        """Make at most `count` more psets addressable; return how many there were, 0 when all are known."""
        ...

    def forget(self, rows: Rows) -> None:
        """These rows will not be asked for any more."""
        ...

    def load(self, rows: Rows) -> Any:
        """Return what a group of these rows carries."""
        ...

    def cells(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the columns of these rows; a key that a pset does not have is nan."""
        ...

    def dtypes(self) -> Mapping[str, Any]:
        """Return the columns' dtypes in pandas, where the values alone do not say them."""
        ...

    def decoder(self) -> Decoder:
        """Return what makes psets of a load, in a worker."""
        ...

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame with a RangeIndex that shares no change with anybody."""
        ...


def as_source(psets: object, limit: int | None = None, pset_types: str = "given") -> PsetSource:
    """Return `psets`, the first `limit` of them, as what a survey works on.

    Parameters
    ----------
    psets : DataFrame, iterable of dicts, polars or Arrow table, dict of columns, path, or space
        A path is that of a Parquet file, or of a directory of them. It is not changed.
    limit : int, optional
        None: all.
    pset_types : str
        ``'given'``: the values of dicts stay what they are. ``'column'``: they get the type of their column
        in a DataFrame, as in release 0.4; an iterator is read to its end for that.

    Raises
    ------
    PsetError
        A ValueError that names the column or the pset that is wrong.
    PsetTypeError
        The same, where it is no table of psets at all.
    """
    if isinstance(psets, Space):
        return SpaceSource(psets, limit)
    frame = frame_of(psets)
    if frame is not None:
        return PsetTable.from_frame(frame, limit)
    if isinstance(psets, Iterator):
        psets = psets if limit is None else islice(psets, limit)
    if pset_types == "column":
        return PsetTable.from_frame(_typed_by_column(_dicts(psets)), limit)
    if isinstance(psets, Iterator):
        return PsetStream(psets)
    return PsetTable.from_dicts(_dicts(psets)[:limit])


def _typed_by_column(psets: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([dict(without_reasons(pset)) for pset in psets])


def _dicts(psets: object) -> list[Mapping[str, Any]]:
    if isinstance(psets, Mapping):
        raise PsetTypeError(
            "psets is one dict, and none of its values is a list: give a list of dicts, [pset], "
            "a dict of columns, {'a': [1, 2]}, or a space from paramsurvey.params"
        )
    if isinstance(psets, bytes) or not isinstance(psets, Iterable):
        raise PsetTypeError(
            f"psets must be a DataFrame or an iterable of dicts, not {type(psets).__name__}: "
            "give for example [{'a': 1}, {'a': 2}]"
        )
    rows = as_list(psets)
    for i, pset in enumerate(rows):
        check_pset(i, pset)
    return rows


def check_pset(number: int, pset: object) -> None:
    """Refuse what is no dict."""
    if not isinstance(pset, Mapping):
        raise PsetTypeError(f"pset number {number} is a {type(pset).__name__}, {pset!r:.100}: make it a dict")


class SpaceSource:
    """Psets that are computed where they are needed: a group carries nothing but its rows."""

    def __init__(self, space: Space, limit: int | None = None) -> None:
        self._space = space
        self._length = len(space) if limit is None else min(len(space), limit)
        self.names = space.names

    def __len__(self) -> int:
        return self._length

    def read(self, count: int) -> int:
        """Return 0: all psets are known."""
        return 0

    def forget(self, rows: Rows) -> None:
        """Do nothing: there is nothing to gain."""

    def load(self, rows: Rows) -> None:
        """Return None: the space is known to the workers."""

    def cells(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the columns of these rows."""
        return self._space.columns(rows)

    def dtypes(self) -> Mapping[str, Any]:
        """Return nothing: a space has Python's types."""
        return {}

    def decoder(self) -> Decoder:
        """Return the space's own."""
        return self._space.decoder()

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame."""
        import pandas as pd

        chosen = range(len(self)) if rows is None else rows
        if len(chosen) == 0:
            return self._space[:0]  # with the dtypes of the others
        return pd.DataFrame(self._space.columns(chosen), index=pd.RangeIndex(len(chosen)))


class PsetTable:
    """Psets in columns.

    Parameters
    ----------
    frame : DataFrame
        The psets as they shall stand in the results, but for categoricals that were inferred: these take
        a fraction of the memory, and become columns of their values only when somebody asks for these.
    cells : mapping
        For a column, what travels instead of the frame's own values.
    """

    def __init__(self, frame: pd.DataFrame, cells: Mapping[str, Values] | None = None) -> None:
        self._frame = frame
        self.names: tuple[str, ...] = tuple(frame.columns)
        cells = cells or {}
        self._columns = [_Cells(cells.get(name, None), frame[name]) for name in self.names]

    @classmethod
    def from_frame(cls, psets: pd.DataFrame, limit: int | None = None) -> PsetTable:
        """Take over a DataFrame, which stays as it is."""
        from paramsurvey.params.categories import noted_columns

        check_names(list(psets.columns))
        psets = psets.iloc[:limit]
        table = cls(without_index(_unshared(psets)))
        index = table._frame.index
        return table.showing({name: column.set_axis(index) for name, column in noted_columns(psets).items()})

    @classmethod
    def from_dicts(cls, psets: Sequence[Mapping[str, Any]]) -> PsetTable:
        """Take over dicts: a key that some do not have is nan there."""
        import pandas as pd

        names = _all_keys(psets)
        if ATTEMPTS in names:
            psets = [without_reasons(pset) for pset in psets]
            names = _all_keys(psets)
        check_names(names)
        cells = {name: _packed([pset.get(name, np.nan) for pset in psets]) for name in names}
        frame = pd.DataFrame({name: as_series(values) for name, values in cells.items()})
        return cls(frame if names else pd.DataFrame(index=pd.RangeIndex(len(psets))), cells)

    def __len__(self) -> int:
        return len(self._frame)

    def read(self, count: int) -> int:
        """Return 0: all psets are known."""
        return 0

    def forget(self, rows: Rows) -> None:
        """Do nothing: there is nothing to gain."""

    def load(self, rows: Rows) -> tuple[Values, ...]:
        """Return these rows' slice of every column."""
        return tuple(column.cut(rows) for column in self._columns)

    def cells(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the columns of these rows."""
        cut = zip(self.names, self._columns, self.load(rows), strict=True)
        return {
            name: values
            if column.categories is None
            else CategoryCodes(np.asarray(values), column.categories)
            for name, column, values in cut
        }

    @cached_property
    def _natives(self) -> dict[str, NativeValues]:
        """What the inferred categoricals become in results."""
        from paramsurvey.params.categories import NativeValues, is_inferred

        inferred = [name for name, dtype in self._frame.dtypes.items() if is_inferred(dtype)]
        return {str(name): NativeValues.of(self._frame[name]) for name in inferred}

    def dtypes(self) -> Mapping[str, Any]:
        """Return the dtypes that `frame` has."""
        dtypes = {str(name): dtype for name, dtype in self._frame.dtypes.items()}
        return dtypes | {name: values.dtype for name, values in self._natives.items()}

    def decoder(self) -> TableDecoder:
        """Return what makes dicts of these columns."""
        return TableDecoder(self.names, tuple(column.categories for column in self._columns))

    def replace(self, name: str, values: Sequence[Any]) -> None:
        """Put other values into a column, before any of it is cut; the caller's psets stay as they are."""
        column = as_series(list(values))
        self._frame = self._frame.assign(**{name: column})
        self._columns[self.names.index(name)] = _Cells(list(values), column)

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all) as a DataFrame with a RangeIndex."""
        if rows is None:
            frame = _unshared(self._frame)
        else:
            frame = without_index(self._frame.iloc[numpy_index(rows)].copy())
        for name, values in self._natives.items():
            frame[name] = values.column(frame[name].cat.codes.to_numpy())
        return frame

    def showing(self, columns: Mapping[str, pd.Series[Any]]) -> PsetTable:
        """Return the same psets, for the workers; in the results, these columns stand in place of theirs."""
        if not columns:
            return self
        table = copy(self)
        table._frame = self._frame.assign(**columns)
        vars(table).pop("_natives", None)
        return table


class PsetStream:
    """Psets from an iterator, read as they are needed.

    A pset has the keys that it was given with, for nobody knows yet which keys the others will
    have; in the results, a key that it does not have is nan.

    Parameters
    ----------
    psets : iterator of dicts
    """

    names: tuple[str, ...] = ()

    def __init__(self, psets: Iterator[Any]) -> None:
        self._psets = psets
        self._known: dict[int, Pset] = {}
        self._count = 0
        self._checked: set[str] = set()

    def __len__(self) -> int:
        return self._count

    def read(self, count: int) -> int:
        """Read at most `count` psets; return how many there were.

        What is wrong with a pset, or whatever the iterator raises, is raised when the psets before it
        have been taken up.
        """
        before = self._count
        try:
            for pset in islice(self._psets, count):
                self._add(pset)
        except Exception as error:
            if self._count == before:
                raise
            self._psets = _raising(error)
        return self._count - before

    def _add(self, pset: Any) -> None:
        check_pset(self._count, pset)
        pset = dict(without_reasons(pset))
        if not self._checked.issuperset(pset):
            check_names(list(pset))
            self._checked.update(pset)
        self._known[self._count] = pset
        self._count += 1

    def forget(self, rows: Rows) -> None:
        """Drop these psets."""
        for row in rows:
            del self._known[int(row)]

    def load(self, rows: Rows) -> list[Pset]:
        """Return these psets, with numbers of numpy's as Python's."""
        return [
            dict(zip(pset, to_python(list(pset.values()), dates=True), strict=True))
            for pset in self._at(rows)
        ]

    def cells(self, rows: Rows) -> Mapping[str, ColumnValues]:
        """Return the columns of these rows."""
        psets = self.load(rows)
        return {name: value_array([pset.get(name, np.nan) for pset in psets]) for name in _all_keys(psets)}

    def dtypes(self) -> Mapping[str, Any]:
        """Return nothing: psets as dicts have Python's types."""
        return {}

    def decoder(self) -> DictDecoder:
        """Return what leaves psets as they are."""
        return DictDecoder()

    def frame(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return rows (default: all that were read) as a DataFrame, with the columns of all."""
        table = PsetTable.from_dicts(list(self._known.values()))
        if rows is None:
            return table.frame()
        known = np.fromiter(self._known, dtype=np.int64, count=len(self._known))
        return table.frame(np.searchsorted(known, np.asarray(rows, dtype=np.int64)))

    def _at(self, rows: Rows) -> list[Pset]:
        return [self._known[int(row)] for row in rows]


def _raising(error: Exception) -> Iterator[Any]:
    yield from ()
    raise error


def _all_keys(psets: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(psets)))


def make_psets(source: PsetSource, rows: Rows) -> list[Pset]:
    """Return these rows with the values that the workers get, and the very objects that were given."""
    return list(source.decoder().psets(rows, source.load(rows)))  # type: ignore[arg-type]  # none is sealed


class _Cells:
    """One column, in the form in which it travels."""

    def __init__(self, values: Values | None, series: pd.Series[Any]) -> None:
        self.categories: list[Any] | None = None
        self._series: pd.Series[Any] | None = None
        self._values = values
        if values is not None:
            return
        known = _atomic_categories(series)
        if known is not None:
            self.categories = [*known, np.nan]
            self._values = series.cat.codes.to_numpy()
        elif isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb":
            self._values = series.to_numpy()
        else:
            self._series = series  # made into Python objects piece by piece, as groups are cut

    def cut(self, rows: Rows) -> Values:
        at = numpy_index(rows)
        if self._series is not None:
            return to_python(self._series.iloc[at], dates=True)
        values = self._values
        assert values is not None
        if isinstance(values, np.ndarray):
            return values[at]
        return values[at] if isinstance(at, slice) else [values[i] for i in at]


def _packed(values: list[Any]) -> Values:
    packed = value_array(values)
    return packed if isinstance(packed, np.ndarray) else to_python(packed, dates=True)


def _atomic_categories(series: pd.Series[Any]) -> list[Any] | None:
    """Return the categories where psets may share them: not where they are objects."""
    import pandas as pd

    if not isinstance(series.dtype, pd.CategoricalDtype):
        return None
    known = to_python(series.cat.categories, dates=True)
    return known if all(map(is_immutable, set(map(type, known)))) else None


def without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with a RangeIndex in place of its own; its values are not copied."""
    import pandas as pd

    if isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1:
        return frame
    return frame.set_axis(pd.RangeIndex(len(frame)), axis="index")


def _unshared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame that no later change of `frame` reaches; pandas 3 copies only what is changed."""
    import pandas as pd

    copies_on_write = int(pd.__version__.split(".")[0]) >= 3
    return pd.DataFrame(frame).copy(deep=not copies_on_write)
