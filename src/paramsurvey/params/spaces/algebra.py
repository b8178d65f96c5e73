"""Spaces: psets that are addressed by row and computed where they are needed.

A space of a billion psets costs no memory. The driver and the workers each have a copy of it, which
is small, and what travels between them is row numbers. Whatever a worker needs of this module must
load without pandas and scipy, so these are imported where they are used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import accumulate, pairwise
from operator import index, or_
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from paramsurvey.params.axes import as_axis, has_none, values_at
from paramsurvey.params.column_names import check_names, refuse_duplicates
from paramsurvey.params.row_math import (
    Permutation,
    RepeatedRows,
    RowIndex,
    as_array,
    blocks,
    check_seed,
    strides,
)
from paramsurvey.transport.columns import object_array
from paramsurvey.transport.decoders import pset_maker
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.messages import Pset, Rows, Values
from paramsurvey.transport.packed_columns import to_python

if TYPE_CHECKING:
    import pandas as pd


class Space(ABC):
    """Psets that are addressed by row.

    A subclass has `names`, ``len`` and `columns`, can be pickled, and gets everything else from here.

    Attributes
    ----------
    names : tuple of str
        The psets' keys.

    Examples
    --------
    >>> space = Grid({"x": range(1000), "y": ["a", "b"]})
    >>> len(space)
    2000
    >>> space[3]
    {'x': 1, 'y': 'b'}
    >>> space[3:5]
       x  y
    3  1  b
    4  2  a
    """

    names: tuple[str, ...]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def columns(self, rows: Rows) -> dict[str, Values]:
        """Return the cells of some rows.

        Parameters
        ----------
        rows : range or int64 array
            A range has the step 1; an array may have any order and repeat itself.

        Returns
        -------
        dict
            For each name a bool, int64 or float64 array, or a list of Python objects; they belong to
            the caller, who may change them.
        """

    def decoder(self) -> SpaceDecoder:
        """Return what makes psets of rows in a worker."""
        return SpaceDecoder(self)

    def to_df(self) -> pd.DataFrame:
        """Return all rows as a DataFrame, each column with the dtype that pandas infers for it.

        A column that has None in it is one of objects, which are the very values.

        Examples
        --------
        >>> Grid({"x": [1, 2]}).to_df()
           x
        0  1
        1  2
        """
        return self[:]

    def where(self, func: Callable[[Pset], object]) -> Where:
        """Return the space of those psets for which `func` is true.

        Every pset is asked once, in this process, when the length is first needed.

        Parameters
        ----------
        func : callable
            ``func(pset) -> bool``

        Examples
        --------
        >>> Grid({"x": range(4), "y": range(4)}).where(lambda pset: pset["x"] + pset["y"] == 5).to_df()
           x  y
        0  2  3
        1  3  2
        """
        return Where(self, func)

    def shuffle(self, seed: int = 0) -> Shuffled:
        """Return the same psets in an order that looks random and depends on `seed` alone.

        The order costs no memory and is the same on every machine.

        Parameters
        ----------
        seed : int
            0 or more. Another seed gives another order.

        Examples
        --------
        >>> sorted(pset["x"] for pset in Grid({"x": range(5)}).shuffle(seed=7))
        [0, 1, 2, 3, 4]
        """
        return Shuffled(self, seed)

    def __mul__(self, other: Space) -> Product:
        return Product([self, other]) if isinstance(other, Space) else NotImplemented

    def __add__(self, other: Space) -> Concat:
        return Concat([self, other]) if isinstance(other, Space) else NotImplemented

    def __iter__(self) -> Iterator[Pset]:
        decoder = self.decoder()
        for block in blocks(len(self)):
            yield from decoder.psets(block, None)

    @overload
    def __getitem__(self, at: slice) -> pd.DataFrame: ...

    @overload
    def __getitem__(self, at: int) -> Pset: ...

    def __getitem__(self, at: int | slice) -> pd.DataFrame | Pset:
        if isinstance(at, slice):
            return _frame(self, range(len(self))[at])
        row = _position(at, len(self))
        return next(self.decoder().psets(range(row, row + 1), None))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.names)}>"  # no length: it can take long to know


@dataclass(frozen=True)
class SpaceDecoder:
    """Makes psets of a space's rows; a group need not carry anything else."""

    space: Space

    def isolated(self, load: None) -> None:
        """Return nothing: the values are here and there."""

    def weight(self, load: None) -> int:
        """Return 0."""
        return 0

    def psets(self, rows: Rows, load: object = None) -> Iterator[Pset]:
        """Yield one private dict of native Python values for each of `rows`."""
        columns = self.space.columns(rows)
        cells = [columns[name] for name in self.space.names]
        natives = [_private(values) if isinstance(values, list) else to_python(values) for values in cells]
        return map(pset_maker(tuple(self.space.names)), *natives)


def _private(values: list[Any]) -> list[Any]:
    """Copy the objects that can be changed: the next psets of this process have the same ones."""
    if all(map(is_immutable, set(map(type, values)))):
        return values
    return [value if is_immutable(type(value)) else _copy(value) for value in values]


def _copy(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # a module, for example: what cannot be copied is shared
        return value


def _frame(space: Space, rows: range) -> pd.DataFrame:
    import pandas as pd

    index = pd.RangeIndex(rows)
    if not rows and len(space):  # a column without values says nothing of its dtype
        return _frame(space, range(1)).iloc[:0].set_axis(index)
    cells = space.columns(rows if rows.step == 1 else np.array(rows, dtype=np.int64))
    columns = {name: _given(values, index) for name, values in cells.items()}
    return pd.DataFrame(columns, index=index, columns=list(space.names), copy=False)


def _given(values: Values, index: pd.RangeIndex) -> Values | pd.Series[Any]:
    """Return a column for a DataFrame which has None where the psets have it."""
    import pandas as pd

    if isinstance(values, np.ndarray) or not has_none(values):
        return values
    # a Series, because a DataFrame makes strings and nan of bare objects that are strings and None
    return pd.Series(object_array(values, len(values)), index=index, dtype=object)


def _position(at: int, length: int) -> int:
    row = index(at)
    if -length <= row < length:
        return row % length
    raise IndexError(f"row {row} is not in the space, which has {length}: ask for one below {length}")


# ---- values side by side


class Aligned(Space):
    """Columns of the same length, side by side.

    Parameters
    ----------
    axes : mapping of str to values
        Anything with a length and an order: a list, a range, an array, a Series, an iterator.

    Raises
    ------
    ValueError
        A name cannot be one, values are none, or the lengths differ.

    Examples
    --------
    >>> list(Aligned({"city": ["Rome", "Oslo"], "degrees": [30.5, 12.0]}))
    [{'city': 'Rome', 'degrees': 30.5}, {'city': 'Oslo', 'degrees': 12.0}]
    """

    def __init__(self, axes: Mapping[str, object]) -> None:
        check_names(axes)
        self.names = tuple(axes)
        self._axes = [as_axis(name, values) for name, values in axes.items()]
        self._length = self._common_length()

    def _common_length(self) -> int:
        lengths = {name: len(axis) for name, axis in zip(self.names, self._axes, strict=True)}
        if not lengths:
            raise ValueError("a space needs a column: give at least one, for example x=[1, 2, 3]")
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"aligned columns differ in length, {lengths}: make them equally long, or use grid()"
            )
        return next(iter(lengths.values()))

    def __len__(self) -> int:
        return self._length

    def columns(self, rows: Rows) -> dict[str, Values]:
        return {name: values_at(axis, rows) for name, axis in zip(self.names, self._axes, strict=True)}


# ---- products


class Product(Space):
    """Every row of each space with every row of the others; the last one varies fastest.

    Parameters
    ----------
    spaces : sequence of Space
        With different names.

    Examples
    --------
    >>> pairs = Aligned({"x": [1, 2], "y": [10, 20]})
    >>> list(pairs * Grid({"z": "ab".split()}))
    [{'x': 1, 'y': 10, 'z': 'ab'}, {'x': 2, 'y': 20, 'z': 'ab'}]
    """

    def __init__(self, spaces: Sequence[Space]) -> None:
        self._factors = [factor for space in spaces for factor in _members(space, Product)]
        self.names = tuple(name for factor in self._factors for name in factor.names)
        refuse_duplicates(self.names)

    @cached_property
    def _strides(self) -> list[int]:
        """How many neighbouring rows of the product have the same row of each factor."""
        return strides([len(factor) for factor in self._factors])

    def __len__(self) -> int:
        return self._strides[0] * len(self._factors[0])

    def columns(self, rows: Rows) -> dict[str, Values]:
        pairs = zip(self._factors, self._strides, strict=True)
        return reduce(or_, (_factor_columns(factor, stride, rows) for factor, stride in pairs))


def _factor_columns(factor: Space, stride: int, rows: Rows) -> dict[str, Values]:
    if not isinstance(rows, range):
        return factor.columns(rows // stride % len(factor))
    spread = RepeatedRows.over(rows, len(factor), stride)
    return {name: spread.apply(values) for name, values in factor.columns(spread.rows).items()}


class Grid(Product):
    """Every value of each axis with every value of the others; the last axis varies fastest.

    Parameters
    ----------
    axes : mapping of str to values
        Anything with a length and an order: a list, a range, an array, a Series, an iterator.

    Examples
    --------
    >>> Grid({"x": [1, 2], "kind": ["a", "b"]}).to_df()
       x kind
    0  1    a
    1  1    b
    2  2    a
    3  2    b
    """

    def __init__(self, axes: Mapping[str, object]) -> None:
        check_names(axes)
        if not axes:
            raise ValueError("a grid needs an axis: give at least one, for example x=[1, 2, 3]")
        super().__init__([Aligned({name: values}) for name, values in axes.items()])
        len(self)  # refuses what is too large


# ---- one after the other


class Concat(Space):
    """The rows of each space, one space after the other.

    A name that a space does not have is nan in its rows. The other values stay what they are: an
    integer is not made a float because it has nan below it (but in a DataFrame it is, by pandas).

    Examples
    --------
    >>> list(Grid({"x": [1, 2]}) + Grid({"y": ["a"]}))
    [{'x': 1, 'y': nan}, {'x': 2, 'y': nan}, {'x': nan, 'y': 'a'}]
    """

    def __init__(self, spaces: Sequence[Space]) -> None:
        self._parts = [part for space in spaces for part in _members(space, Concat)]
        self.names = tuple(dict.fromkeys(name for part in self._parts for name in part.names))

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((len(part) for part in self._parts), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def columns(self, rows: Rows) -> dict[str, Values]:
        pieces = list(self._pieces(rows))
        if len(pieces) == 1:  # nearly always: groups are short
            part, own, _ = pieces[0]
            return self._complete(part, own)
        return self._gather(len(rows), pieces)

    def _pieces(self, rows: Rows) -> Iterator[tuple[Space, Rows, slice | NDArray[np.int64]]]:
        """Yield each space that has some of `rows`, its own rows, and where these belong."""
        for part, (start, stop) in zip(self._parts, pairwise(self._starts), strict=True):
            if isinstance(rows, range):
                low, high = max(rows.start, start), min(rows.stop, stop)
                own: Rows = range(low - start, high - start)
                at: slice | NDArray[np.int64] = slice(low - rows.start, high - rows.start)
            else:
                at = np.flatnonzero((rows >= start) & (rows < stop))
                own = rows[at] - start
            if len(own):
                yield part, own, at

    def _complete(self, part: Space, rows: Rows) -> dict[str, Values]:
        columns = part.columns(rows)
        return {name: columns[name] if name in columns else np.full(len(rows), np.nan) for name in self.names}

    def _gather(self, length: int, pieces: Sequence[tuple[Space, Rows, Any]]) -> dict[str, Values]:
        found = [(at, self._complete(part, own)) for part, own, at in pieces]
        return {
            name: _gathered(length, [(at, columns[name]) for at, columns in found]) for name in self.names
        }


def _gathered(length: int, pieces: Sequence[tuple[Any, Values]]) -> Values:
    kinds = {values.dtype if isinstance(values, np.ndarray) else np.dtype(object) for _, values in pieces}
    result = np.empty(length, dtype=kinds.pop() if len(kinds) == 1 else object)
    for at, values in pieces:
        result[at] = values if isinstance(values, np.ndarray) else object_array(values, len(values))
    return result.tolist() if result.dtype == object else result


def _members(space: Space, kind: type[Product] | type[Concat]) -> list[Space]:
    """Return what a product of products (or sum of sums) is made of: it is flat."""
    if not isinstance(space, kind):
        return [space]
    return space._factors if isinstance(space, Product) else space._parts


# ---- some of them, and in another order


class Where(Space):
    """The psets of a space for which a function is true, in their order.

    The function is called once for every pset of the space when the length is first needed, and never
    in a worker: what is kept, and travels, is two bytes for each pset that was chosen.

    Parameters
    ----------
    space : Space
        Where to choose from.
    func : callable
        ``func(pset) -> bool``

    Examples
    --------
    >>> Where(Grid({"x": range(10)}), lambda pset: pset["x"] % 4 == 1)[-1]
    {'x': 9}
    """

    def __init__(self, space: Space, func: Callable[[Pset], object]) -> None:
        self._space = space
        self._func = func
        self.names = space.names

    @cached_property
    def _chosen(self) -> RowIndex:
        return RowIndex.of(bool(self._func(pset)) for pset in self._space)

    def __len__(self) -> int:
        return len(self._chosen)

    def columns(self, rows: Rows) -> dict[str, Values]:
        return self._space.columns(self._chosen.rows(as_array(rows)))

    def __getstate__(self) -> dict[str, Any]:
        # the index, not the function: no worker shall ask it again, or need be able to
        return {"_space": self._space, "names": self.names, "_chosen": self._chosen}


class Shuffled(Space):
    """The psets of a space in an order that looks random.

    Parameters
    ----------
    space : Space
        What to shuffle.
    seed : int
        The order depends on it and on the length alone, on every machine and with every version.

    Examples
    --------
    >>> len(Shuffled(Grid({"x": range(1_000_000_000)}), seed=1))
    1000000000
    """

    def __init__(self, space: Space, seed: int = 0) -> None:
        self._space = space
        self._seed = check_seed(seed)
        self.names = space.names

    @cached_property
    def _order(self) -> Permutation:
        return Permutation(len(self._space), self._seed)

    def __len__(self) -> int:
        return len(self._space)

    def columns(self, rows: Rows) -> dict[str, Values]:
        return self._space.columns(self._order.at(as_array(rows)))
