"""Reading the values of options, which are Python objects or the text of environment variables.

Each function returns the value in the option's type, or raises a ValueError or TypeError. `ValueDoesNotFit`
says what is wrong.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any

from paramsurvey.transport.file_names import why_impossible
from paramsurvey.transport.messages import CaptureMode


class ValueDoesNotFit(ValueError):
    """An option cannot have this value. The message completes a sentence that ends with "which is"."""


def integer(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueDoesNotFit("not a whole number")
    return int(value)


def positive(value: Any) -> int:
    number = integer(value)
    if number < 1:
        raise ValueDoesNotFit("not positive")
    return number


def natural(value: Any) -> int:
    number = integer(value)
    if number < 0:
        raise ValueDoesNotFit("negative")
    return number


def seconds(value: Any) -> float:
    number = float(value)
    if not number >= 0 or math.isinf(number):
        raise ValueDoesNotFit("not a number of seconds")
    return number


def positive_seconds(value: Any) -> float:
    number = seconds(value)
    if number == 0:
        raise ValueDoesNotFit("not positive")
    return number


def limit(value: Any) -> int | None:
    number = 0 if value is None else integer(value)
    return number if number > 0 else None


def positive_or_none(value: Any) -> int | None:
    return natural(value) or None


def batch(value: Any) -> bool | int:
    """Read how many psets a batch may have: True for any number, False if the function takes single psets."""
    return bool(value) if type(value).__name__ in ("bool", "bool_") else positive(value)  # also numpy's


def byte_count(value: Any) -> int:
    """Read a number of bytes, or a text such as ``'2GB'``, ``'500 MiB'``."""
    if not isinstance(value, str):
        return positive(value)
    found = re.fullmatch(r"\s*([0-9.]+)\s*(?:([kMGT]?)(i?)B)?\s*", value, re.IGNORECASE)
    if found is None:
        raise ValueDoesNotFit("not a number of bytes such as 2000000000, '2GB' or '500MiB'")
    number, unit, binary = found.groups()
    step = 1024 if binary else 1000
    return positive(round(float(number) * step ** " kmgt".index((unit or " ").lower())))


def address(value: Any) -> tuple[str, int]:
    """Return a host and a port. With a port alone, only programs on this machine can connect."""
    if isinstance(value, tuple) and len(value) == 2:  # read already
        host, port = value
    elif isinstance(value, str) and ":" in value:
        host, _, port = value.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
    else:
        host, port = "127.0.0.1", value
    number = integer(port)
    if not host or not 0 <= number <= 65535:
        raise ValueDoesNotFit("not a port from 0 to 65535, or a text such as '0.0.0.0:9000'")
    return host, number


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueDoesNotFit("not a string")
    return value


def boolean(value: Any) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    if value in (0, 1):  # this includes True and False, which are equal to 1 and 0
        return bool(value)
    raise ValueDoesNotFit("neither true nor false")


def anything(value: Any) -> Any:
    return value


def path(value: Any) -> str:
    name = os.fsdecode(os.fspath(value))
    if why := why_impossible(name):
        raise ValueDoesNotFit(why)
    return name


def text_or_none(value: Any) -> str | None:
    return None if value is None else text(value)


def path_or_none(value: Any) -> str | None:
    return None if value is None else path(value)


def directory(value: Any) -> str:
    name = path(value)
    if not name:
        raise ValueDoesNotFit("empty (give a directory, '.' for the current one)")
    return name


def mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueDoesNotFit("not a dict with strings as keys")
    return dict(value)


def capture_mode(value: Any) -> CaptureMode:
    if value not in list(CaptureMode):
        raise ValueDoesNotFit("none of these")
    return CaptureMode(value)


def function(value: Any) -> Any:
    if not callable(value):
        raise ValueDoesNotFit("not callable")
    return value


def exception_classes(value: Any) -> tuple[type[BaseException], ...]:
    classes = tuple(value) if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    if not all(isinstance(class_, type) and issubclass(class_, BaseException) for class_ in classes):
        raise ValueDoesNotFit("not a tuple of exception classes")
    return classes


def signal_names(value: Any) -> tuple[str, ...]:
    import signal

    names = value.replace(",", " ").split() if isinstance(value, str) else value
    known = [name if isinstance(name, str) else signal.Signals(name).name for name in names]
    for name in known:
        if name not in signal.Signals.__members__ or name in ("SIGKILL", "SIGSTOP"):
            raise ValueDoesNotFit(f"not a signal that can be handled: {name}")
    return tuple(known)


def on_change(value: Any) -> str:
    if value not in ("warn", "error", "ignore"):
        raise ValueDoesNotFit("not one of 'warn', 'error' and 'ignore'")
    return str(value)


def pset_types(value: Any) -> str:
    if value not in ("given", "column"):
        raise ValueDoesNotFit("neither 'given' nor 'column'")
    return str(value)


def order(value: Any) -> str:
    if value not in ("given", "longest"):
        raise ValueDoesNotFit("neither 'given' nor 'longest'")
    return str(value)


def text_stream(value: Any) -> Any:
    if not hasattr(value, "write"):
        raise ValueDoesNotFit("not an open text stream")
    return value
