"""user_kwargs and system_kwargs: every pset gets copies of its own, and sees no other pset's changes.

How they are copied is decided once per map. What cannot be changed (numbers, text, tuples of them) is
handed over as it is. Dicts, lists and sets of such values are copied piece by piece. Everything else is
unpickled anew for each pset, but for two things that all psets of a worker share: functions and classes,
which are the program's, and large arrays, which are read-only.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from paramsurvey.transport.isolation import is_immutable
from paramsurvey.transport.messages import Arguments, Pair
from paramsurvey.transport.pickling import dump_code, dumps

DEEPEST = 20  # containers in containers in ...: what goes deeper is pickled
CONTAINERS = {dict, list, set}


def pack_arguments(user_kwargs: Any, system_kwargs: Mapping[str, Any]) -> Arguments:
    """Return the arguments as they travel.

    Raises
    ------
    NotPicklable
        Naming the member that cannot be sent.
    """
    system_kwargs = dict(system_kwargs)
    containers: set[int] = set()
    if is_simple(user_kwargs, containers) and is_simple(system_kwargs, containers):
        return SimpleArguments(user_kwargs, system_kwargs)
    return PickledArguments.of(user_kwargs, system_kwargs)


@dataclass(frozen=True, slots=True)
class SimpleArguments:
    """Arguments that are values which cannot be changed, in dicts, lists and sets."""

    user_kwargs: Any
    system_kwargs: dict[str, Any]
    has_large_arrays = False
    copying_is_costly = False

    def private_pair(self) -> Pair:
        """Return copies for one pset."""
        copy = self.copier()
        return (self.user_kwargs, self.system_kwargs.copy()) if copy is None else copy()

    def copier(self) -> Callable[[], Pair] | None:
        """Return what copies them container by container; None where user_kwargs cannot be changed."""
        user, system = copier_of(self.user_kwargs), copier_of(self.system_kwargs)
        values_change = any(map(copier_of, self.system_kwargs.values()))
        if user is None and not values_change:  # a copy of system_kwargs itself is made for each pset anyway
            return None
        assert system is not None
        if user is None:
            return lambda: (self.user_kwargs, system())
        return lambda: (user(), system())


@dataclass(frozen=True, slots=True)
class PickledArguments:
    """Arguments that are unpickled for each pset.

    Attributes
    ----------
    packed : bytes
        The pickled pair; pickled together, for both may hold the same object.
    shared : list
        The functions and classes in it, which it names by their places in this list.
    buffers : tuple
        The contents of the large arrays in it.
    """

    packed: bytes
    shared: list[Any]
    buffers: tuple[Any, ...]
    copying_is_costly = True

    @classmethod
    def of(cls, user_kwargs: Any, system_kwargs: dict[str, Any]) -> PickledArguments:
        """Pickle the arguments; see `pack_arguments`."""
        buffers: list[pickle.PickleBuffer] = []
        shared = Shared()
        dump = partial(dump_code, aside=buffers.append, place_of=shared.place_of)
        try:
            packed = dump((user_kwargs, system_kwargs))
        except Exception:
            dumps(user_kwargs, "user_kwargs")
            dumps(system_kwargs, "system_kwargs")
            raise
        return cls(packed, shared.things, tuple(buffers))

    @property
    def has_large_arrays(self) -> bool:
        """Whether there are any."""
        return bool(self.buffers)

    def private_pair(self) -> Pair:
        """Return copies for one pset."""
        return self.copier()()

    def copier(self) -> Callable[[], Pair]:
        """Return what unpickles them."""
        packed, place = self.packed, self.shared.__getitem__
        views = tuple(memoryview(buffer).toreadonly() for buffer in self.buffers)
        if not self.shared:
            return lambda: pickle.loads(packed, buffers=views)

        def load() -> Pair:
            unpickler = pickle.Unpickler(io.BytesIO(packed), buffers=views)
            unpickler.persistent_load = place  # type: ignore[method-assign]
            pair: Pair = unpickler.load()
            return pair

        return load


class Shared:
    """Numbers the functions and classes that are met while arguments are pickled.

    They are the program's own, and no data: copying them for each pset would take long, and their
    copies would not be what the worker function knows by these names.
    """

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._places: dict[int, int] = {}

    def place_of(self, thing: Any) -> int | None:
        """Return the place of a function or class in `things`, None for everything else."""
        if not is_definition(thing):
            return None
        place = self._places.setdefault(id(thing), len(self.things))
        if place == len(self.things):
            self.things.append(thing)
        return place


def is_definition(thing: Any) -> bool:
    """Tell whether something is a function or a class; a bound method belongs to its object."""
    if isinstance(thing, BuiltinFunctionType):
        return thing.__self__ is None or isinstance(thing.__self__, ModuleType)
    return isinstance(thing, (FunctionType, type))


def copier_of(value: Any) -> Callable[[], Any] | None:
    """Return what copies a simple value as deeply as it can be changed; None if it cannot be changed."""
    if type(value) not in CONTAINERS:
        return None
    copy: Callable[[], Any] = value.copy
    inner = [(key, part) for key, one in _containers_in(value) if (part := copier_of(one)) is not None]
    if not inner:
        return copy

    def copy_all() -> Any:
        whole = copy()
        for key, part in inner:
            whole[key] = part()
        return whole

    return copy_all


def _containers_in(container: Any) -> Iterable[tuple[Any, Any]]:
    values = container.values() if type(container) is dict else container
    if CONTAINERS.isdisjoint(
        map(type, values)
    ):  # also where there are millions of numbers, this takes no time
        return ()
    return container.items() if type(container) is dict else enumerate(container)


def is_simple(value: Any, seen: set[int], depth: int = DEEPEST) -> bool:
    """Tell whether `copier_of` can copy a value: containers, none of them twice, of what cannot change."""
    kind = type(value)
    if kind not in CONTAINERS:
        return cannot_change(value)
    if id(value) in seen or depth == 0:
        return False
    seen.add(id(value))
    if kind is dict and not cannot_change(tuple(value)):
        return False
    values = value.values() if kind is dict else value
    return have_atoms_only(values) or all(is_simple(one, seen, depth - 1) for one in values)


def cannot_change(value: Any) -> bool:
    """Tell whether nothing can change a value: an atom, or a tuple of such values."""
    if type(value) in (tuple, frozenset):
        return have_atoms_only(value) or all(map(cannot_change, value))
    return is_immutable(type(value))


def have_atoms_only(values: Iterable[Any]) -> bool:
    """Tell whether all values are atoms; of millions, too, this is found soon."""
    return all(map(is_immutable, set(map(type, values))))
