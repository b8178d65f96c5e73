"""Spaces: psets that are computed from row numbers, and their products, sums and selections.

A space of a billion psets takes no memory. The driver and each worker have a copy of the space, which is
small, and only row numbers travel between them. Workers load this module, so it must need neither pandas nor
scipy; both are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import accumulate, pairwise
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramsurvey.params.axes import are_distinct, as_axis, values_at
from paramsurvey.params.column_names import check_names, refuse_duplicates
from paramsurvey.params.row_math import Permutation, RepeatedRows, RowIndex, check_seed, strides
from paramsurvey.params.spaces.indexed_psets import IndexedPsets
from paramsurvey.transport.column_by_row import as_array, object_array
from paramsurvey.transport.messages import Pset, Rows, Values


class Space(IndexedPsets):
    """Psets that are computed from their row numbers, and can be combined with those of other spaces.

    A subclass defines `names`, ``len`` and `columns`, can be pickled, and inherits everything else.

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

    def where(self, func: Callable[[Pset], object]) -> Where:
        """Return the space of those psets for which `func` is true.

        `func` is called once per pset, in this process, when the length is first needed.

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

    def is_distinct(self) -> bool:
        """Tell whether no two psets can be equal. False if they may be, or if finding out would take long."""
        return False

    def __mul__(self, other: Space) -> Product:
        return Product([self, other]) if isinstance(other, Space) else NotImplemented

    def __add__(self, other: Space) -> Concat:
        return Concat([self, other]) if isinstance(other, Space) else NotImplemented


def _sum_known(lengths: Sequence[int | None]) -> int | None:
    return None if None in lengths else sum(filter(None, lengths))


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
        A name cannot be a column's, something is not a list of values, or the lengths differ.

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

    def is_distinct(self) -> bool:
        return any(isinstance(axis, range) or are_distinct(axis) for axis in self._axes)

    def columns(self, rows: Rows) -> dict[str, Values]:
        return {name: values_at(axis, rows) for name, axis in zip(self.names, self._axes, strict=True)}


# ---- products


class Product(Space):
    """Every row of each space with every row of the others; the last space varies fastest.

    Parameters
    ----------
    spaces : sequence of Space
        No two of them have a name in common.

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
        """For each factor, how many consecutive rows of the product share one of its rows."""
        return strides([len(factor) for factor in self._factors])

    def __len__(self) -> int:
        return self._strides[0] * len(self._factors[0])

    def known_length(self) -> int | None:
        return None if None in [factor.known_length() for factor in self._factors] else len(self)

    def is_distinct(self) -> bool:
        return all(factor.is_distinct() for factor in self._factors)

    def axes_text(self) -> str:
        return " × ".join(map(_factor_text, self._factors))

    def columns(self, rows: Rows) -> dict[str, Values]:
        pairs = zip(self._factors, self._strides, strict=True)
        return reduce(or_, (_factor_columns(factor, stride, rows) for factor, stride in pairs))


def _factor_text(space: Space) -> str:
    """Return a factor's names and how many rows it has, if that is known."""
    names, length = ", ".join(space.names), space.known_length()
    names = f"({names})" if len(space.names) > 1 else names
    return names if length is None else f"{names} ({length:,})"


def _factor_columns(factor: Space, stride: int, rows: Rows) -> dict[str, Values]:
    if not isinstance(rows, range):
        return factor.columns(rows // stride % len(factor))
    repeated = RepeatedRows.over(rows, len(factor), stride)
    return {name: repeated.apply(values) for name, values in factor.columns(repeated.rows).items()}


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
        len(self)  # computes the strides, which refuses a grid that is too large to be numbered


# ---- one after the other


class Concat(Space):
    """The rows of each space, one space after the other.

    If a space lacks a name, its rows have nan there. The other values stay what they are: an integer does not
    become a float because another row of its column is nan. (In a DataFrame it does, because pandas has no
    other column for both.)

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

    def known_length(self) -> int | None:
        return _sum_known([part.known_length() for part in self._parts])

    def columns(self, rows: Rows) -> dict[str, Values]:
        shares = list(self._shares(rows))
        if len(shares) == 1:  # nearly always: groups are short
            part, own, _ = shares[0]
            return self._with_all_names(part, own)
        return self._gather(len(rows), shares)

    def _shares(self, rows: Rows) -> Iterator[tuple[Space, Rows, slice | NDArray[np.int64]]]:
        """Yield each space that has any of `rows`, with its numbers for them and their places in `rows`."""
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

    def _with_all_names(self, part: Space, rows: Rows) -> dict[str, Values]:
        columns = part.columns(rows)
        return {name: columns[name] if name in columns else np.full(len(rows), np.nan) for name in self.names}

    def _gather(self, length: int, shares: Sequence[tuple[Space, Rows, Any]]) -> dict[str, Values]:
        found = [(at, self._with_all_names(part, own)) for part, own, at in shares]
        return {
            name: _gathered(length, [(at, columns[name]) for at, columns in found]) for name in self.names
        }


def _gathered(length: int, shares: Sequence[tuple[Any, Values]]) -> Values:
    """Return one column of all rows, given (places, values) from each space that has some of them."""
    kinds = {values.dtype if isinstance(values, np.ndarray) else np.dtype(object) for _, values in shares}
    result = np.empty(length, dtype=kinds.pop() if len(kinds) == 1 else object)
    for at, values in shares:
        result[at] = values if isinstance(values, np.ndarray) else object_array(values, len(values))
    return result.tolist() if result.dtype == object else result


def _members(space: Space, kind: type[Product] | type[Concat]) -> list[Space]:
    """Return the spaces that a product (or a sum) is made of, so that a product of products stays flat."""
    if not isinstance(space, kind):
        return [space]
    return space._factors if isinstance(space, Product) else space._parts


# ---- some of them, and in another order


class Where(Space):
    """The psets of a space for which a function is true, in their order.

    The function is called once for every pset of the space when the length is first needed, and never
    in a worker. Its answers are kept, and sent to workers, as two bytes for each pset that was chosen.

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
        if not callable(func):
            raise TypeError(
                f"where() takes a function of a pset, not {func!r:.100}: "
                "write where(lambda pset: pset['x'] > 1)"
            )
        self._space = space
        self._func = func
        self.names = space.names

    @cached_property
    def _chosen(self) -> RowIndex:
        return RowIndex.of(bool(self._func(pset)) for pset in self._space)

    def __len__(self) -> int:
        return len(self._chosen)

    def known_length(self) -> int | None:
        return len(self) if "_chosen" in self.__dict__ else None

    def is_distinct(self) -> bool:
        return self._space.is_distinct()

    def columns(self, rows: Rows) -> dict[str, Values]:
        return self._space.columns(self._chosen.rows(as_array(rows)))

    def __getstate__(self) -> dict[str, Any]:
        # without the function, which workers must not call again and may be unable to load
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

    def known_length(self) -> int | None:
        return self._space.known_length()

    def is_distinct(self) -> bool:
        return self._space.is_distinct()

    def columns(self, rows: Rows) -> dict[str, Values]:
        return self._space.columns(self._order.at(as_array(rows)))
