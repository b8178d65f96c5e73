"""Pickles what workers need, and names the part that cannot be pickled."""

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

from paramsurvey.errors import INTERRUPTIONS, NotPicklable, WorkerFunctionError, with_article
from paramsurvey.transport import main_file
from paramsurvey.transport.safe_repr import text_of

LARGE = 1 << 20  # bytes; smaller arrays are part of the pickle
_REDUCERS: dict[type, Callable[[Any], Any]] = {}  # by type, as registered by `reduce_with`
LONGEST_SIGNATURE = 100  # characters, in a message
DEEPEST = 8  # how many levels of members are searched; for anything deeper, its container is reported


def dump_code(
    thing: object,
    out_of_band: Callable[[pickle.PickleBuffer], object] | None = None,
    on_code: Callable[[CodeType], object] | None = None,
    place_of: Callable[[Any], int | None] | None = None,
    main_by_name: bool = True,
) -> bytes:
    """Pickle an object, including the code of functions that workers cannot import (lambdas, notebooks).

    Parameters
    ----------
    thing : object
    out_of_band : callable, optional
        Called with the buffer of each large array, which is then not part of the pickle.
    on_code : callable, optional
        Called with each code object that becomes part of the pickle.
    place_of : callable, optional
        Returns a number for objects that must not be part of the pickle. The unpickler has to find them by
        that number (``persistent_load``).
    main_by_name : bool
        Whether functions that workers find in the main file (see `main_file`) are pickled by name. False: by
        value, for other programs, which have another main file.
    """

    def keep(buffer: pickle.PickleBuffer) -> bool:
        large = out_of_band is not None and memoryview(buffer).nbytes >= LARGE
        if out_of_band is not None and large:
            out_of_band(buffer)
        return not large

    out = io.BytesIO()
    pickler = _code_pickler(_base(main_by_name))
    pickler = pickler if place_of is None else _sharing(pickler, place_of)
    pickler(out, keep, on_code).dump(thing)
    return out.getvalue()


def reduce_with(kind: type, reduce: Callable[[Any], Any]) -> None:
    """From now on, pickle objects of a type by a function that returns what ``__reduce__`` would."""
    _REDUCERS[kind] = reduce


def _base(main_by_name: bool) -> Any:
    """Return the class that the picklers of this module inherit from."""
    return _naming_pickler() if main_by_name and main_file.current() is not None else _cloudpickle().Pickler


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
        def __init__(self, out: io.BytesIO, keep: Any, on_code: Callable[[CodeType], object] | None) -> None:
            def reduce(code: CodeType) -> tuple[Any, ...]:
                if on_code is not None:
                    on_code(code)
                return _reduce_code(code)

            # before super().__init__, which reads it
            self.dispatch_table = ChainMap({CodeType: reduce}, _REDUCERS, pickler.dispatch_table)
            super().__init__(out, protocol=5, buffer_callback=keep)

    return CodePickler


def _sharing(pickler: Any, place_of: Callable[[Any], int | None]) -> Any:
    class SharingPickler(pickler):  # type: ignore[misc]  # cloudpickle has no types
        def persistent_id(self, thing: Any) -> int | None:
            return place_of(thing)

    return SharingPickler


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    """Reduce a code object as cloudpickle does, but keep its file name, which cloudpickle 3.1.3 drops.

    The pickle refers to nothing in this package, because other releases load the pickles in checkpoints.
    """
    reduced: tuple[Any, ...] = _cloudpickle().Pickler.dispatch_table[CodeType](code)
    if any(type(argument) is str and argument == code.co_filename for argument in reduced[1]):
        return reduced
    return operator.methodcaller("replace", co_filename=code.co_filename), (_Reduced(reduced),)


class _Reduced:
    """An object whose reduction, in the sense of ``__reduce__``, is already known."""

    def __init__(self, reduced: tuple[Any, ...]) -> None:
        self._reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced


@functools.cache
def _cloudpickle() -> Any:
    """Return cloudpickle, set up to pickle functions of the main program by value.

    By default, it does that for a module named ``__main__``; but in a process that multiprocessing spawned,
    the main module has another name.
    """
    import cloudpickle

    main = sys.modules.get(main_file.SPAWNED_MAIN)
    if main is not None and main.__name__ == main_file.SPAWNED_MAIN:
        cloudpickle.register_pickle_by_value(main)
    return cloudpickle


def dumps(thing: object, name: str, dump: Callable[[Any], bytes] = dump_code) -> bytes:
    """Pickle an object for workers, or raise an error that names the part that cannot be pickled.

    Parameters
    ----------
    thing : object
    name : str
        What the user calls the object, for the message.
    dump : callable
        Pickles an object: `dump_code` or `dump_data`.

    Raises
    ------
    NotPicklable
        Gives the path of the smallest part that cannot be pickled.
    """
    try:
        return dump(thing)
    except INTERRUPTIONS:
        raise
    except BaseException as error:  # whatever the object's __reduce__ raises, even SystemExit
        path, part = find_unpicklable(thing, name, dump)
        raise NotPicklable(
            f"{path} cannot be sent to the workers: it is {with_article(type(part).__qualname__)} "
            f"({text_of(error)}); create it inside the worker function, or leave it out"
        ) from error


def dump_data(thing: object) -> bytes:
    """Pickle a value of a pset or a result as `dump_code` does, but refuse open files.

    cloudpickle would send a copy of a file's contents, or the worker's stdout in place of the caller's.
    """
    buffer = io.BytesIO()
    _data_pickler(_base(main_by_name=True))(buffer).dump(thing)
    return buffer.getvalue()


@functools.cache
def _data_pickler(pickler: Any) -> Any:
    own = {kind: reduce for kind, reduce in pickler.dispatch_table.items() if kind is not io.TextIOWrapper}
    own[CodeType] = _reduce_code

    class DataPickler(pickler):  # type: ignore[misc]  # cloudpickle has no types
        dispatch_table: ClassVar = ChainMap(_REDUCERS, own, copyreg.dispatch_table)

    return DataPickler


def find_unpicklable(thing: object, name: str, dump: Callable[[Any], bytes]) -> tuple[str, object]:
    """Return the path and the value of the smallest part of `thing` that `dump` cannot pickle."""
    for _ in range(DEEPEST):
        for member_name, member in _members(thing, name):
            if not _can_pickle(dump, member):
                thing, name = member, member_name
                break
        else:
            break
    return name, thing


def _can_pickle(dump: Callable[[Any], bytes], thing: object) -> bool:
    try:
        dump(thing)
    except INTERRUPTIONS:
        raise
    except BaseException:
        return False
    return True


def _members(thing: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield the objects that `thing` holds, each with the path by which a user would reach it."""
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
        yield from _members_of_function(thing, name)
    elif not isinstance(thing, type) and hasattr(thing, "__dict__"):
        yield from ((f"{name}.{key}", value) for key, value in vars(thing).items())


def _members_of_function(function: Any, name: str) -> Iterator[tuple[str, object]]:
    used = inspect.getclosurevars(function)
    for key, value in used.nonlocals.items():
        yield f"{key!r} (which {name} uses)", value
    for key, value in used.globals.items():
        yield f"the global {key!r} (which {name} uses)", value
    for i, value in enumerate(function.__defaults__ or ()):
        yield f"default value {i + 1} of {name}", value


def check_function(function: object) -> None:
    """Refuse an object that cannot be called as ``function(pset, system_kwargs, user_kwargs)``.

    Raises
    ------
    WorkerFunctionError
        A TypeError that says what the object is, or which arguments it takes.
    """
    if not callable(function):
        raise WorkerFunctionError(
            f"the worker function must be callable, not {type(function).__name__}: "
            "give a function(pset, system_kwargs, user_kwargs)"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions do not tell their signature: calling them will
        return
    try:
        signature.bind({}, {}, None)
    except TypeError as error:
        raise WorkerFunctionError(
            f"the worker function is called with three arguments (pset, system_kwargs, user_kwargs), but "
            f"{_named(function)}{clipped_signature(signature)} does not take them ({error}): "
            "change its definition, or give paramsurvey.keywords(function) to call it with the psets' keys"
        ) from None


def _named(function: Any) -> str:
    """Return a function's name; of a partial, that of its function."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", repr(function)))


def clipped_signature(signature: inspect.Signature) -> str:
    """Return a signature, clipped for a sentence: a partial's constants, shown as defaults, may be arrays."""
    text = " ".join(str(signature).split())
    return text if len(text) <= LONGEST_SIGNATURE else f"{text[:LONGEST_SIGNATURE]}…)"
