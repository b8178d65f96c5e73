"""Pickling what the workers need, and finding the member that cannot be pickled."""

from __future__ import annotations

import copyreg
import functools
import inspect
import io
import operator
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any, ClassVar

from paramsurvey.errors import NotPicklable, WorkerFunctionError
from paramsurvey.transport import main_file

LARGE = 1 << 20  # bytes: smaller arrays travel in the pickle
DEEPEST = 8  # members of members of ...: a culprit further down is named by its container


def dump_code(
    thing: object,
    aside: Callable[[pickle.PickleBuffer], object] | None = None,
    found: Callable[[CodeType], object] | None = None,
    place_of: Callable[[Any], int | None] | None = None,
    names_of_main: bool = True,
) -> bytes:
    """Pickle by value what workers cannot import: lambdas, closures, functions in notebooks.

    What workers find in the main file (see `main_file`) travels by its name, unless `names_of_main` is
    False, as for other programs. `aside` gets the buffers of large arrays, which are then no part of the
    pickle; `found` gets every code object that is part of it. What `place_of` has a number for is no part
    of it either: it is to be found under that number when the pickle is loaded.
    """

    def keep(buffer: pickle.PickleBuffer) -> bool:
        large = aside is not None and memoryview(buffer).nbytes >= LARGE
        if aside is not None and large:
            aside(buffer)
        return not large

    out = io.BytesIO()
    pickler = _code_pickler(_base(names_of_main))
    pickler = pickler if place_of is None else _sharing(pickler, place_of)
    pickler(out, keep, found).dump(thing)
    return out.getvalue()


def _base(names_of_main: bool) -> Any:
    """Return the class of picklers that the others are made of."""
    return _naming_pickler() if names_of_main and main_file.current() is not None else _cloudpickle().Pickler


@functools.cache
def _naming_pickler() -> Any:
    pickler: Any = _cloudpickle().Pickler

    class NamingPickler(pickler):  # type: ignore[misc]  # cloudpickle has no types
        def reducer_override(self, thing: Any) -> Any:
            where = main_file.reference(thing)
            return super().reducer_override(thing) if where is None else (main_file.found, where)

    return NamingPickler


@functools.cache
def _code_pickler(pickler: Any) -> Any:
    class CodePickler(pickler):  # type: ignore[misc]  # cloudpickle has no types
        def __init__(self, out: io.BytesIO, keep: Any, found: Callable[[CodeType], object] | None) -> None:
            def reduce(code: CodeType) -> tuple[Any, ...]:
                if found is not None:
                    found(code)
                return _reduce_code(code)

            # before __init__, in which pickle looks for it
            self.dispatch_table = ChainMap({CodeType: reduce}, pickler.dispatch_table)
            super().__init__(out, protocol=5, buffer_callback=keep)

    return CodePickler


def _sharing(pickler: Any, place_of: Callable[[Any], int | None]) -> Any:
    class SharingPickler(pickler):  # type: ignore[misc]  # cloudpickle has no types
        def persistent_id(self, thing: Any) -> int | None:
            return place_of(thing)

    return SharingPickler


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    """Reduce a code object as cloudpickle does, with its file name, which cloudpickle 3.1.3 leaves out.

    What is pickled names nothing of this package: a checkpoint's pickles are loaded by other releases.
    """
    reduced: tuple[Any, ...] = _cloudpickle().Pickler.dispatch_table[CodeType](code)
    if any(type(argument) is str and argument == code.co_filename for argument in reduced[1]):
        return reduced
    return operator.methodcaller("replace", co_filename=code.co_filename), (_Reduced(reduced),)


class _Reduced:
    """Is pickled as what somebody else has reduced already."""

    def __init__(self, reduced: tuple[Any, ...]) -> None:
        self._reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced


@functools.cache
def _cloudpickle() -> Any:
    """Return cloudpickle, which takes the main program for one also where multiprocessing has renamed it."""
    import cloudpickle

    main = sys.modules.get(main_file.SPAWNED_MAIN)
    if main is not None and main.__name__ == main_file.SPAWNED_MAIN:
        cloudpickle.register_pickle_by_value(main)
    return cloudpickle


def dumps(thing: object, name: str, dump: Callable[[Any], bytes] = dump_code) -> bytes:
    """Pickle for the workers, or say what cannot be pickled.

    Parameters
    ----------
    thing : object
    name : str
        What the user calls it, for the message.
    dump : callable
        Pickles.

    Raises
    ------
    NotPicklable
        With the path of the member that is to blame.
    """
    try:
        return dump(thing)
    except Exception as error:
        path, culprit = find_culprit(thing, name, dump)
        raise NotPicklable(
            f"{path} cannot be sent to the workers: it is a {type(culprit).__qualname__} "
            f"({str(error) or type(error).__name__}); create it inside the worker function, or leave it out"
        ) from error


def dump_data(thing: object) -> bytes:
    """Pickle what a pset or a result holds, by value like a function, but no open file.

    cloudpickle would send a copy of what is in the file, or the worker's own stdout for the caller's.
    """
    buffer = io.BytesIO()
    _data_pickler(_base(names_of_main=True))(buffer).dump(thing)
    return buffer.getvalue()


@functools.cache
def _data_pickler(pickler: Any) -> Any:
    own = {kind: reduce for kind, reduce in pickler.dispatch_table.items() if kind is not io.TextIOWrapper}
    own[CodeType] = _reduce_code

    class DataPickler(pickler):  # type: ignore[misc]  # cloudpickle has no types
        dispatch_table: ClassVar = ChainMap(own, copyreg.dispatch_table)

    return DataPickler


def find_culprit(thing: object, name: str, dump: Callable[[Any], bytes]) -> tuple[str, object]:
    """Return the path and the value of the smallest member that `dump` refuses."""
    for _ in range(DEEPEST):
        for member_name, member in _members(thing, name):
            if not _accepts(dump, member):
                thing, name = member, member_name
                break
        else:
            break
    return name, thing


def _accepts(dump: Callable[[Any], bytes], thing: object) -> bool:
    try:
        dump(thing)
    except Exception:
        return False
    return True


def _members(thing: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield what `thing` holds, with the path by which a user would reach it."""
    if isinstance(thing, Mapping):
        yield from ((f"{name}[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from ((f"{name}[{i}]", value) for i, value in enumerate(thing))
    elif inspect.ismethod(thing):
        yield f"{name}.__self__", thing.__self__
    elif isinstance(thing, functools.partial):
        yield f"{name}.func", thing.func
        yield f"{name}.args", thing.args
        yield f"{name}.keywords", thing.keywords
    elif inspect.isfunction(thing):
        yield from _held_by_function(thing, name)
    elif not isinstance(thing, type) and hasattr(thing, "__dict__"):
        yield from ((f"{name}.{key}", value) for key, value in vars(thing).items())


def _held_by_function(function: Any, name: str) -> Iterator[tuple[str, object]]:
    held = inspect.getclosurevars(function)
    for key, value in held.nonlocals.items():
        yield f"{key!r} (which {name} uses)", value
    for key, value in held.globals.items():
        yield f"the global {key!r} (which {name} uses)", value
    for i, value in enumerate(function.__defaults__ or ()):
        yield f"default value {i + 1} of {name}", value


def check_function(function: object) -> None:
    """Refuse what cannot be called as ``function(pset, system_kwargs, user_kwargs)``.

    Raises
    ------
    WorkerFunctionError
        A TypeError saying what it is, or which arguments it takes.
    """
    if not callable(function):
        raise WorkerFunctionError(
            f"the worker function must be callable, not {type(function).__name__}: "
            "give a function(pset, system_kwargs, user_kwargs)"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built into the interpreter: it says so itself when it is called
        return
    try:
        signature.bind({}, {}, None)
    except TypeError as error:
        raise WorkerFunctionError(
            f"the worker function is called with three arguments (pset, system_kwargs, user_kwargs), and "
            f"{getattr(function, '__qualname__', repr(function))}{signature} does not take them ({error}): "
            "change its definition"
        ) from None
