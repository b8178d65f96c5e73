"""A table as the command line has it: columns of Python's values, without pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import say
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.column_names import escape_surrogates

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """Columns by name, all of the same length.

    Parameters
    ----------
    columns : mapping of str to list
    make_frame : callable, optional
        Returns the same as a DataFrame, with the dtypes that its maker knows.
    """

    columns: Mapping[str, list[Any]]
    make_frame: Callable[[], pd.DataFrame] | None = None

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> Table:
        """Return a DataFrame as a table; columns with the same name get different ones."""
        names = unique_names(frame.columns)
        return cls({name: frame.iloc[:, at].tolist() for at, name in enumerate(names)}, lambda: frame)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def frame(self) -> pd.DataFrame:
        """Return it as a DataFrame."""
        if self.make_frame is not None:
            return self.make_frame()
        import pandas as pd

        from paramsurvey.params.dataframes import as_series
        from paramsurvey.results.map_results import MapResults

        return MapResults(pd.DataFrame({name: as_series(column) for name, column in self.columns.items()}))

    def renamed(self, names: Mapping[str, str]) -> Table:
        """Return the same with other names for some columns."""
        if not any(name in names for name in self.columns):
            return self
        return Table({names.get(name, name): column for name, column in self.columns.items()})

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows."""
        return zip(*self.columns.values(), strict=True)

    def head(self, count: int) -> Table:
        """Return the first rows."""
        return Table({name: column[:count] for name, column in self.columns.items()})

    def flat(self) -> Table:
        """Return a table in which the keys of nested objects are columns of their own, ``a.b``."""
        columns: dict[str, list[Any]] = {}
        for name, column in self.columns.items():
            for key, values in _flat(name, column):
                columns[unique_names([*columns, key])[-1]] = values
        return Table(columns)


def _flat(name: str, column: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    keys = dict.fromkeys(key for value in column if isinstance(value, dict) for key in value)
    rest = [None if isinstance(value, dict) else value for value in column]
    if not keys or any(value is not None and value == value for value in rest):
        yield name, column if not keys else rest
    for key in keys:
        nested = [value.get(key) if isinstance(value, dict) else None for value in column]
        yield from _flat(f"{name}.{key}", nested)


def unique_names(
    names: Iterable[Any], comparable: Callable[[str], str] = str, format_name: str = "the table"
) -> list[str]:
    """Return a name for each column, and tell the user of those that had to be renamed.

    Parameters
    ----------
    names : iterable
    comparable : callable
        Returns what must differ between two names: `str.casefold` if the format ignores case.
    format_name : str
        For the message about a column that had to be renamed.
    """
    taken: set[str] = set()
    unique = []
    for name in names:
        wanted = escape_surrogates(str(name)) or "unnamed"
        candidates = (wanted if number == 1 else f"{wanted}_{number}" for number in range(1, 1 << 30))
        found = next(candidate for candidate in candidates if comparable(candidate) not in taken)
        taken.add(comparable(found))
        unique.append(found)
        if found != str(name):
            tell_renamed(name, found, format_name)
    return unique


def tell_renamed(name: Any, other: str, format_name: str) -> None:
    """Tell the user that a column has another name in a file."""
    say(f"the column {name!r} is called {other!r} in {format_name}, which cannot have a column of that name")
