"""What a worker unpickles once per map: the user's function, its arguments, and the decoder of psets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import PackedValues, Pset, Rows, Values, WorkerFunction


class Loadable(Protocol):
    """A pset whose objects are still pickled."""

    def load(self) -> Pset:
        """Return the pset. This may raise any exception: unpickling runs code of the user's classes."""
        ...


@dataclass(frozen=True, slots=True)
class RawColumn:
    """The values of one column of a batch, as they were sent. They are private, and may be changed.

    Attributes
    ----------
    values : array, bytes or list
    categories : list or None
        If `values` are category codes: the categories, followed by nan.
    """

    values: Values | PackedValues
    categories: list[Any] | None = None


class Decoder(Protocol):
    """Makes psets from a group's payload. It is sent once per map, with the `Job`."""

    def isolated(self, payload: Any) -> Any:
        """Return a payload with its objects pickled one by one, so that no psets share any: this is sent."""
        ...

    def pickled_bytes(self, payload: Any) -> int:
        """Return how many bytes the pickled objects of an isolated payload take."""
        ...

    def psets(self, rows: Rows, payload: Any) -> Iterator[Pset | Loadable]:
        """Yield a dict of native Python values for each of `rows`; private ones if `payload` is isolated."""
        ...

    def columns(self, rows: Rows, payload: Any, start: int, stop: int) -> Mapping[str, RawColumn]:
        """Return the columns of the psets at the offsets from `start` up to, but not including, `stop`."""
        ...


Pair: TypeAlias = tuple[Any, dict[str, Any]]
"""One pset's user_kwargs, and the part of its system_kwargs that the caller gave."""


class Arguments(Protocol):
    """user_kwargs and system_kwargs, of which each pset gets a copy. They are sent once, with the `Job`."""

    @property
    def has_large_arrays(self) -> bool:
        """Whether there are large arrays, which all psets of a worker share and must not change."""
        ...

    @property
    def copying_is_costly(self) -> bool:
        """Whether copying can take long enough for its time to be measured and reported."""
        ...

    def private_pair(self) -> Pair:
        """Return copies for one pset. This may raise any exception: it runs code of the user's classes."""
        ...

    def copier(self) -> Callable[[], Pair] | None:
        """Return a function that makes such copies; None if a shallow copy of system_kwargs is enough."""
        ...

    def user_copier(self) -> Callable[[], Any] | None:
        """Return a function that copies user_kwargs; None if more than that must be copied for each pset."""
        ...


@dataclass(frozen=True, slots=True)
class JobCode:
    """The user's function and arguments, and the decoder: what a worker unpickles once per map."""

    function: WorkerFunction
    arguments: Arguments
    decoder: Decoder
    retry_on: tuple[type[BaseException], ...] | None = None
