"""Plain values in pickles, read without unpickling: numbers, texts, times, paths, lists and dicts of these.

Unpickling calls whatever function a pickle names. Here, only those instructions are followed of which the
pickles of such values consist, and only functions that make such values are called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

MOST_INSTRUCTIONS = 10_000
DEEPEST = 20  # lists within lists; many more could not even be shown
LONGEST_SHARED = 100  # characters that occur more than once: a small pickle must not make gigabytes of text

NOTHING_TO_DO = {"PROTO", "FRAME"}
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
WITH_VALUE = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES",
}  # fmt: skip
EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
TIME_UNITS: dict[int, Any] = {7: "s", 8: "ms", 9: "us", 10: "ns"}  # numpy's numbers


def _checked(make: Any) -> Callable[..., Any]:
    """Return what makes a date or time of bytes, which Python itself does not check, but `replace` does."""
    return lambda *arguments: make(*arguments).replace()


def _timestamp(value: int, freq: None, zone: None, unit: int) -> Any:
    import pandas as pd

    if freq is not None or zone is not None:
        raise ValueError("a time in a zone, whose name would have to be imported")
    return pd.Timestamp(value, unit=TIME_UNITS[unit]).as_unit(TIME_UNITS[unit])


MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("builtins", "complex"): complex,
    ("datetime", "date"): _checked(date),
    ("datetime", "datetime"): _checked(datetime),
    ("datetime", "time"): _checked(time),
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("decimal", "Decimal"): Decimal,
    ("pathlib", "PosixPath"): Path,
    ("pathlib._local", "PosixPath"): Path,  # Python 3.13
    ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"): _timestamp,
}


class _Stack:
    """What the instructions of a pickle work on."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._marks: list[int] = []
        self._memo: list[Any] = []

    def follow(self, name: str, value: Any) -> None:
        """Follow one instruction; raise any exception if it is another one, or does not fit."""
        if name in CONSTANTS:
            self.values.append(CONSTANTS[name])
        elif name in WITH_VALUE:
            self.values.append(value)
        elif name in EMPTY:
            self.values.append(EMPTY[name]())
        elif name in TUPLES:
            self.values.append(tuple(self._taken(len(self.values) - TUPLES[name])))
        elif name not in NOTHING_TO_DO:
            getattr(self, f"_{name.lower()}")(value)

    def _taken(self, start: int) -> list[Any]:
        if start < 0:
            raise ValueError("there are fewer values")
        taken = self.values[start:]
        del self.values[start:]
        return taken

    def _mark(self, _: None) -> None:
        self._marks.append(len(self.values))

    def _memoize(self, _: None) -> None:
        self._memo.append(self.values[-1])

    def _binget(self, at: int) -> None:
        shared = self._memo[at]
        if isinstance(shared, (list, tuple, dict, set)):
            raise ValueError("values that contain one another could be endless")
        if len(repr(shared)) > LONGEST_SHARED:  # a text, or a path, a number or a zone that is as long as one
            raise ValueError("a long text")
        self.values.append(shared)

    def _tuple(self, _: None) -> None:
        self.values.append(tuple(self._taken(self._marks.pop())))

    def _append(self, _: None) -> None:
        (item,) = self._taken(len(self.values) - 1)
        self.values[-1].append(item)

    def _appends(self, _: None) -> None:
        items = self._taken(self._marks.pop())
        self.values[-1].extend(items)

    def _additems(self, _: None) -> None:
        items = self._taken(self._marks.pop())
        self.values[-1].update(items)

    def _setitem(self, _: None) -> None:
        key, item = self._taken(len(self.values) - 2)
        self.values[-1][key] = item

    def _setitems(self, _: None) -> None:
        items = self._taken(self._marks.pop())
        self.values[-1].update(zip(items[::2], items[1::2], strict=True))

    def _stack_global(self, _: None) -> None:
        module, name = self._taken(len(self.values) - 2)
        self.values.append(MAKERS[module, name])

    def _reduce(self, _: None) -> None:
        make, arguments = self._taken(len(self.values) - 2)
        if make not in MAKERS.values():
            raise ValueError("not one of the functions that are called")
        self.values.append(make(*arguments))


def plain_value(content: bytes) -> Any:
    """Return the value in a pickle.

    Raises
    ------
    ValueError
        It is not a pickle, or not that of a plain value.
    """
    stack = _Stack()
    try:
        for number, (step, value, _) in enumerate(pickletools.genops(content)):
            if step.name == "STOP" or number == MOST_INSTRUCTIONS:
                break
            stack.follow(step.name, value)
        (found,) = stack.values
    except Exception as error:  # whoever wrote the pickle may have written anything
        raise ValueError("not the pickle of a plain value") from error
    if step.name != "STOP" or not _is_plain(found, DEEPEST):
        raise ValueError("not the pickle of a plain value")
    return found


def _is_plain(value: Any, deepest: int) -> bool:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, set)):
        return deepest > 0 and all(_is_plain(one, deepest - 1) for one in value)
    return not callable(value)
