"""user_kwargs and system_kwargs: every pset gets copies of its own, and sees no other pset's changes.

How to copy them is decided once per map. Immutable values (numbers, strings, tuples of them) are not copied.
Dicts, lists and sets of immutable values are copied container by container. Everything else is unpickled
afresh for each pset, with two exceptions that all psets of a worker share: functions and classes, which are
part of the program, and large arrays, which are read-only.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from paramsurvey.errors import INTERRUPTIONS
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.job_code import Arguments, Pair
from paramsurvey.transport.pickling import dump_code, dumps

DEEPEST = 20  # levels of nested containers; arguments with more levels are pickled
MANY_VALUES = 1000  # copying more takes several µs, so that measuring it adds little
CONTAINERS = {dict, list, set}


def pack_arguments(user_kwargs: Any, system_kwargs: Mapping[str, Any]) -> Arguments:
    """Return the arguments in the form in which they are sent.

    Raises
    ------
    NotPicklable
        Names the part that cannot be pickled.
    """
    system_kwargs = dict(system_kwargs)
    containers: set[int] = set()
    if is_simple(user_kwargs, containers) and is_simple(system_kwargs, containers):
        return SimpleArguments(user_kwargs, system_kwargs)
    return PickledArguments.of(user_kwargs, system_kwargs)


@dataclass(frozen=True, slots=True)
class SimpleArguments:
    """Arguments that consist of immutable values, in dicts, lists and sets."""

    user_kwargs: Any
    system_kwargs: dict[str, Any]
    has_large_arrays = False

    @property
    def copying_is_costly(self) -> bool:
        """Whether there are so many values in containers that the time for copying them is measured."""
        return _count_values(self.user_kwargs) + _count_values(self.system_kwargs) > MANY_VALUES

    def private_pair(self) -> Pair:
        """Return copies for one pset."""
        copy = self.copier()
        return (self.user_kwargs, self.system_kwargs.copy()) if copy is None else copy()

    def copier(self) -> Callable[[], Pair] | None:
        """Return a function that copies all containers; None if a shallow copy of system_kwargs is enough."""
        user, system = copier_of(self.user_kwargs), copier_of(self.system_kwargs)
        if user is None and not self._has_mutable_system_kwargs():
            return None  # the runner makes the shallow copy for each pset anyway
        assert system is not None
        if user is None:
            return lambda: (self.user_kwargs, system())
        return lambda: (user(), system())

    def user_copier(self) -> Callable[[], Any] | None:
        """Return a function that copies user_kwargs; None if more than that must be copied for each pset."""
        return None if self._has_mutable_system_kwargs() else copier_of(self.user_kwargs)

    def _has_mutable_system_kwargs(self) -> bool:
        return any(map(copier_of, self.system_kwargs.values()))


@dataclass(frozen=True, slots=True)
class PickledArguments:
    """Arguments that are unpickled for each pset.

    Attributes
    ----------
    packed : bytes
        The pair, in one pickle because both may hold the same object.
    shared : list
        The functions and classes in the pair; the pickle refers to them by their index in this list.
    buffers : tuple
        The contents of the large arrays in the pair.
    """

    packed: bytes
    shared: list[Any]
    buffers: tuple[Any, ...]
    copying_is_costly = True

    @classmethod
    def of(cls, user_kwargs: Any, system_kwargs: dict[str, Any]) -> PickledArguments:
        """Pickle the arguments; see `pack_arguments`."""
        buffers: list[pickle.PickleBuffer] = []
        shared = SharedDefinitions()
        dump = partial(dump_code, out_of_band=buffers.append, place_of=shared.place_of)
        try:
            packed = dump((user_kwargs, system_kwargs))
        except INTERRUPTIONS:
            raise
        except BaseException:
            dumps(user_kwargs, "user_kwargs")  # raises an error that names the part which cannot be pickled
            dumps(system_kwargs, "system_kwargs")
            raise
        return cls(packed, shared.definitions, tuple(buffers))

    @property
    def has_large_arrays(self) -> bool:
        """Whether there are large arrays, which all psets of a worker share."""
        return bool(self.buffers)

    def private_pair(self) -> Pair:
        """Return copies for one pset."""
        return self.copier()()

    def copier(self) -> Callable[[], Pair]:
        """Return a function that unpickles the pair, with read-only views of the large arrays."""
        packed, definition_at = self.packed, self.shared.__getitem__
        views = tuple(memoryview(buffer).toreadonly() for buffer in self.buffers)
        if not self.shared:
            return lambda: pickle.loads(packed, buffers=views)

        def load() -> Pair:
            unpickler = pickle.Unpickler(io.BytesIO(packed), buffers=views)
            unpickler.persistent_load = definition_at  # type: ignore[method-assign]
            pair: Pair = unpickler.load()
            return pair

        return load

    def user_copier(self) -> None:
        """Return None: user_kwargs and system_kwargs are unpickled together."""


class SharedDefinitions:
    """Collects the functions and classes in arguments while these are pickled.

    They are part of the program, not data: copying them for each pset would take long, and a copied class
    would not be the class that the worker function knows by that name.
    """

    def __init__(self) -> None:
        self.definitions: list[Any] = []
        self._places: dict[int, int] = {}

    def place_of(self, thing: Any) -> int | None:
        """Return the index of a function or class in `definitions`; None for any other object."""
        if not is_definition(thing):
            return None
        place = self._places.setdefault(id(thing), len(self.definitions))
        if place == len(self.definitions):
            self.definitions.append(thing)
        return place


def is_definition(thing: Any) -> bool:
    """Tell whether an object is a function or a class. A bound method is neither: it holds its object."""
    if isinstance(thing, BuiltinFunctionType):
        return thing.__self__ is None or isinstance(thing.__self__, ModuleType)
    return isinstance(thing, (FunctionType, type))


def copier_of(value: Any) -> Callable[[], Any] | None:
    """Return a function that copies all containers of a simple value; None if the value is immutable."""
    if type(value) not in CONTAINERS:
        return None
    copy: Callable[[], Any] = value.copy
    inner = [(key, part) for key, item in _containers_in(value) if (part := copier_of(item)) is not None]
    if not inner:
        return copy

    def copy_all() -> Any:
        whole = copy()
        for key, part in inner:
            whole[key] = part()
        return whole

    return copy_all


def _containers_in(container: Any) -> Iterable[tuple[Any, Any]]:
    """Return (key or index, item) pairs of a container if any of its items is a container; else nothing."""
    values = container.values() if type(container) is dict else container
    if CONTAINERS.isdisjoint(map(type, values)):  # checked first, because there may be millions of numbers
        return ()
    return container.items() if type(container) is dict else enumerate(container)


def _count_values(value: Any) -> int:
    """Return how many values a simple value's containers hold."""
    if type(value) not in CONTAINERS:
        return 0
    return len(value) + sum(_count_values(item) for _, item in _containers_in(value))


def is_simple(value: Any, seen: set[int], depth: int = DEEPEST) -> bool:
    """Tell whether a value consists of immutable values in containers, each of which occurs only once.

    Such values can be copied by `copier_of`. If a container occurred twice, the copy would have two of it.
    """
    kind = type(value)
    if kind not in CONTAINERS:
        return is_deeply_immutable(value)
    if id(value) in seen or depth == 0:
        return False
    seen.add(id(value))
    if kind is dict and not is_deeply_immutable(tuple(value)):
        return False
    values = value.values() if kind is dict else value
    return have_immutable_types(values) or all(is_simple(item, seen, depth - 1) for item in values)


def is_deeply_immutable(value: Any) -> bool:
    """Tell whether a value is of an immutable type, or a tuple or frozenset of such values."""
    if type(value) in (tuple, frozenset):
        return have_immutable_types(value) or all(map(is_deeply_immutable, value))
    return is_immutable(type(value))


def have_immutable_types(values: Iterable[Any]) -> bool:
    """Tell whether all values are of immutable types. This is fast even for millions of values."""
    return all(map(is_immutable, set(map(type, values))))
