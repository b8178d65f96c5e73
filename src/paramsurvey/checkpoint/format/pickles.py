"""Values for which Arrow has no type, as pickles, and the text that stands for one that is not unpickled."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import pyarrow as pa

from paramsurvey.checkpoint.format.plain_pickles import plain_value
from paramsurvey.errors import CheckpointError
from paramsurvey.transport.pickling import dump_code


def pickle_values(values: list[Any]) -> Any:
    """Return an array of pickles, with null for None."""
    return pa.array([None if value is None else dumps(value) for value in values], pa.binary())


def dumps(value: Any) -> bytes:
    """Pickle a value; use cloudpickle, at ten times the cost, if other programs could not import it."""
    try:
        short = pickle.dumps(value, protocol=5)
    except Exception:
        short = b"__main__"
    if b"__main__" not in short:
        return short
    return dump_code(value, main_by_name=False)


def unpickle_values(array: Any) -> list[Any]:
    """Return the values in an array of pickles without nulls, which may run any code.

    Raises
    ------
    CheckpointError
        One of them raised an exception, or a SystemExit.
    """
    try:
        return [pickle.loads(value) for value in array.to_pylist()]
    except (Exception, SystemExit) as error:  # the user's objects may raise either
        raise CheckpointError(
            f"the checkpoint holds objects that cannot be unpickled here ({error!r}): "
            "make the module that they come from importable"
        ) from error


def placeholder(content: object) -> str:
    """Return the text that stands for a pickled value; it differs for different values."""
    data = content if isinstance(content, bytes) else repr(content).encode(errors="backslashreplace")
    return f"<a pickled object of {len(data)} bytes, {zlib.crc32(data):08x}>"


def plain_value_or_placeholder(content: Any) -> Any:
    """Return the plain value in a pickle, without unpickling; for anything else, a placeholder."""
    try:
        return plain_value(content)
    except ValueError:
        return placeholder(content)
