"""Bytes that are the same for equal things in every process; identities are computed from them.

Pickles are not: they depend on which parts of a thing are the same object, and on the order of its sets.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from operator import itemgetter
from pathlib import PurePath
from typing import Any

import numpy as np

SHORT_INT = 2000  # bits: Python always converts such a number to decimal digits
MAX_DEPTH = 50  # of containers within containers: what is deeper follows at the end
MOST_AGAIN, MOST_STEPS = 1_000, 2_000_000  # references back to a container; containers that are looked at


def canonical(thing: object) -> bytes:
    """Return bytes that are the same for equal things in every process.

    Where a thing contains itself, the bytes say how far up it is. There is one exception: if this would take
    too long, as for a net of objects that refer to each other, or for lists of the same lists of the same
    lists, it counts which parts are the same object.
    """
    try:
        return _Form(each_once=False).whole(thing)
    except _Tangled:
        return _Form(each_once=True).whole(thing)


class _Tangled(Exception):
    """A thing has too many ways through its own parts for all of them to be followed."""


class _Form:
    """The canonical form of one thing.

    Parameters
    ----------
    each_once : bool
        Whether a number stands for every part that has occurred before; if not, only for one that contains
        what is looked at.
    """

    def __init__(self, each_once: bool) -> None:
        self._each_once = each_once
        # By their ids, the containers around what is looked at, or all that were seen; and their places.
        # They are kept here because a new object may get the id of one that is gone.
        self._known: dict[int, tuple[object, int]] = {}
        self._deeper: deque[tuple[object, dict[int, tuple[object, int]]]] = deque()
        self._again = self._steps = 0

    def whole(self, thing: object) -> bytes:
        """Return the form."""
        parts = [self._of(thing, 0)]
        while self._deeper:
            part, self._known = self._deeper.popleft()
            parts.append(self._of(part, 0))
        return b"".join(parts)

    def _of(self, thing: object, depth: int) -> bytes:
        single = _of_single(thing)
        if single is not None:
            return single
        if id(thing) in self._known:
            return self._occurs_again(thing)
        if depth > MAX_DEPTH:
            self._put_off(thing)
            return b"deep"
        self._take_steps(1)
        self._known[id(thing)] = thing, len(self._known)
        try:
            return self._of_parts(thing, depth + 1)
        finally:
            if not self._each_once:
                del self._known[id(thing)]

    def _put_off(self, thing: object) -> None:
        if self._each_once:
            self._deeper.append((thing, self._known))
        else:
            self._take_steps(len(self._known))
            self._deeper.append((thing, self._known.copy()))

    def _take_steps(self, count: int) -> None:
        self._steps += count
        if self._steps > MOST_STEPS and not self._each_once:
            raise _Tangled

    def _occurs_again(self, thing: object) -> bytes:
        self._again += 1
        _, place = self._known[id(thing)]
        if self._each_once:
            return _framed("again", str(place).encode())
        if self._again > MOST_AGAIN:
            raise _Tangled
        return _framed("above", str(len(self._known) - place).encode())

    def _of_parts(self, thing: Any, below: int) -> bytes:
        if isinstance(thing, (list, tuple)):
            return _framed(type(thing).__qualname__, b"".join(self._of(item, below) for item in thing))
        if isinstance(thing, (set, frozenset)):
            return _framed("set", self._in_any_order(((item,) for item in thing), below))
        if isinstance(thing, Mapping):
            return _framed("dict", self._in_any_order(thing.items(), below))
        if isinstance(thing, np.ndarray):
            return _framed(f"array {thing.shape}", self._of(thing.ravel().tolist(), below))
        if isinstance(thing, np.generic):
            return _framed("numpy object", self._of(thing.item(), below))
        code = getattr(thing, "__code__", None)
        if code is not None:
            return _framed("function", self._of(code_of(code), below))
        return _framed("object", self._of_reduced(thing, below))

    def _in_any_order(self, groups: Iterable[tuple[Any, ...]], below: int) -> bytes:
        """Return the forms of items or pairs, sorted, since their order means nothing.

        What is deeper follows in this order, too: it must be known which of them it belongs to.
        """
        deeper, found = self._deeper, list[tuple[bytes, deque[Any]]]()
        for group in groups:
            self._deeper = deque()
            found.append((b"".join(self._of(part, below) for part in group), self._deeper))
        found.sort(key=itemgetter(0))
        for _, belonging in found:
            deeper.extend(belonging)
        self._deeper = deeper
        return b"".join(form for form, _ in found)

    def _of_reduced(self, thing: Any, depth: int) -> bytes:
        """Return the form of an object's parts, into which it is taken apart as pickle would."""
        try:
            reduced = _taken_apart(thing)
        except Exception:  # it cannot be pickled; its repr may contain an address, which is never the same
            return f"{type(thing).__module__}.{type(thing).__qualname__}".encode()
        if isinstance(reduced, str):
            return reduced.encode()
        made_by, arguments, *rest = reduced
        module = str(getattr(made_by, "__module__", ""))
        name = f"{module.removesuffix('._local')}.{getattr(made_by, '__qualname__', made_by)}"
        parts = [list(part) if hasattr(part, "__next__") else part for part in rest[:3]]
        return self._of([name, list(arguments), *parts], depth)


def _taken_apart(thing: Any) -> Any:
    """Return what pickle makes of an object; of those where versions of Python differ, what 3.11 makes.

    Python 3.13 also calls the module of paths `pathlib._local`.
    """
    how: Any = type(thing).__reduce__  # a subclass may have its own
    if how is PurePath.__reduce__:
        return type(thing), thing.parts
    if how is Fraction.__reduce__:
        return type(thing), (thing.numerator, thing.denominator)
    if isinstance(thing, timezone):
        return *thing.__reduce__()[:2], None
    return thing.__reduce_ex__(4)


def _of_single(thing: Any) -> bytes | None:
    """Return the form of something that has no parts; None for everything else."""
    if thing is None:
        return _framed("NoneType", b"None")
    if isinstance(thing, int):
        return _framed(type(thing).__name__, _digits(thing).encode())
    if isinstance(thing, float):
        return _framed("float", b"nan" if math.isnan(thing) else struct.pack("<d", thing + 0.0))
    if isinstance(thing, str):
        return _framed("str", thing.encode("utf-8", "surrogatepass"))
    if isinstance(thing, (bytes, bytearray)):
        return _framed("bytes", bytes(thing))
    if isinstance(thing, (date, datetime)):
        return _framed("date", thing.isoformat().encode())
    if isinstance(thing, timedelta):
        return _framed("timedelta", repr(thing).encode())
    if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        content = np.ascontiguousarray(thing).reshape(-1).view(np.uint8).data
        return _framed(f"array {thing.dtype.str} {thing.shape}", hashlib.blake2b(content).digest())
    if isinstance(thing, np.generic) and not thing.dtype.hasobject:
        return _of_scalar(thing)
    if isinstance(thing, type):
        return _framed("class", f"{thing.__module__}.{thing.__qualname__}".encode())
    return None


def _of_scalar(thing: Any) -> bytes:
    native = thing.item()
    if thing.dtype.kind in "biufUS" and not isinstance(native, np.generic):
        return _of_single(native) or b""
    if isinstance(thing, (np.longdouble, np.clongdouble)):  # their bytes include meaningless padding
        return _framed(f"numpy {thing.dtype.str}", repr(thing + 0).encode())
    return _framed(f"numpy {thing.dtype.str}", thing.tobytes())


def _digits(number: int) -> str:
    """Return an integer as text, whatever limit on decimal digits is set in this process."""
    if isinstance(number, bool):
        return repr(number)
    return int.__repr__(number) if number.bit_length() <= SHORT_INT else hex(number)


def code_of(code: Any) -> list[Any]:
    """Return what a code object does, without its place in a file."""
    constants = [code_of(each) if hasattr(each, "co_code") else each for each in code.co_consts]
    return [code.co_code, list(code.co_names), list(code.co_varnames), constants]


def _framed(kind: str, content: bytes) -> bytes:
    return f"{kind}:{len(content)}:".encode() + content
