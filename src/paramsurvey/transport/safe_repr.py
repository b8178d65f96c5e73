"""Objects and exceptions as text, even if the user's ``__repr__`` fails."""

from __future__ import annotations

import os
import traceback
from types import FrameType

from paramsurvey.errors import INTERRUPTIONS
from paramsurvey.transport.safe_text import shortened

HERE = os.path.dirname(__file__)
LONGEST_NAME = 1000  # characters of a file's name
LONGEST_TEXT = 10_000
LONGEST_TRACEBACK = 100_000
CALLERS = (
    os.path.join(HERE, ""),
    *(os.path.join(os.path.dirname(HERE), package, "") for package in ("worker", "cli")),
)
"""The directories of the code that calls the user's function."""


def describe(thing: object, limit: int = 10_000) -> str:
    """Return ``repr(thing)``, cut to `limit` characters; if that raises, a text that names the type."""
    try:
        text = str.__str__(repr(thing))  # a plain str: a repr may be a subclass of str with its own methods
    except INTERRUPTIONS:
        raise
    except BaseException as error:  # even SystemExit
        text = _repr_of_dict(thing) if type(thing) is dict else _without_repr(thing, error)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def describe_error(error: BaseException) -> str:
    """Return an exception in one line: its repr, and what the repr leaves out.

    The repr leaves out the file name of an `OSError`, and the text of an exception without arguments.

    Examples
    --------
    >>> describe_error(FileNotFoundError(2, "No such file or directory", "stars.csv"))
    "FileNotFoundError(2, 'No such file or directory'): 'stars.csv'"
    """
    line = describe(error)
    left_out = _left_out_of_repr(error)
    return f"{line}: {left_out}" if left_out else line


def _left_out_of_repr(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        names = [
            describe(name, LONGEST_NAME) for name in (error.filename, error.filename2) if name is not None
        ]
        return " -> ".join(names)
    try:
        if error.args:
            return ""
        return " ".join(str(error).split())[:LONGEST_TEXT]
    except INTERRUPTIONS:
        raise
    except BaseException:  # whatever the user's __str__ raises, even SystemExit
        return ""


def _repr_of_dict(items: dict[object, object]) -> str:
    """Return the repr of a dict with a value whose repr fails, so that a pset's other values are shown."""
    return f"{{{', '.join(f'{_safe_repr(key)}: {_safe_repr(value)}' for key, value in items.items())}}}"


def _safe_repr(thing: object) -> str:
    try:
        return str.__str__(repr(thing))
    except INTERRUPTIONS:
        raise
    except BaseException as error:
        return _without_repr(thing, error)


def _without_repr(thing: object, error: BaseException) -> str:
    return f"<{type_name(thing)}, whose repr raised {type_name(error)}>"


def text_of(error: BaseException) -> str:
    """Return ``str(error)``, or the name of its class if that is empty or raises."""
    return str_of(error) or type_name(error)


def str_of(thing: object) -> str:
    """Return ``str(thing)``, or the name of its class if that raises."""
    try:
        return str.__str__(str(thing))
    except INTERRUPTIONS:
        raise
    except BaseException:  # even SystemExit
        return type_name(thing)


def type_name(thing: object) -> str:
    """Return the name of an object's class, whatever its metaclass would say."""
    name: str = _name_of_type(type(thing))
    return name


_name_of_type = type.__dict__["__name__"].__get__


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, without paramsurvey's frames that called the user's function.

    It is empty if the exception's class prevents it. The middle of a very long one is left out.
    """
    try:
        return shortened(_traceback_of(error), LONGEST_TRACEBACK)
    except INTERRUPTIONS:
        raise
    except BaseException:  # whatever the user's class raises, even SystemExit
        return ""


def _traceback_of(error: BaseException) -> str:
    frames = error.__traceback__
    below = frames.tb_next if frames is not None else None
    while below is not None and below.tb_next is not None and _is_a_caller(below.tb_frame):
        below = below.tb_next
    return "".join(traceback.format_exception(BaseException.with_traceback(error, below or frames)))


def _is_a_caller(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(CALLERS)
