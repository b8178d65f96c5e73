"""Checks what the worker function returns and records."""

from __future__ import annotations

from collections.abc import Mapping
from types import GeneratorType
from typing import Any

from paramsurvey.errors import INTERRUPTIONS
from paramsurvey.transport.safe_repr import describe


class WorkerFunctionMisused(ValueError):
    """The worker function returned a value that is not allowed, or put one into raw_stats."""


def checked_result(result: Any) -> dict[Any, Any]:
    """Return the worker function's result as a plain dict; refuse anything that is not a dict.

    Raises
    ------
    WorkerFunctionMisused
    """
    if isinstance(result, dict):
        return dict(result)
    close = getattr(result, "close", None) if hasattr(result, "cr_await") else None
    if close is not None:  # a coroutine, which would otherwise warn that it was never awaited
        close()
        returned = "a coroutine"  # not its repr, whose address would make each a different failure
        remedy = "run it with asyncio.run() and return its result"
    elif isinstance(result, GeneratorType):
        returned, remedy = "a generator", "replace its yield by a return"
    else:
        returned, remedy = describe(result, 200), "return a dict such as {'answer': ...}"
    raise WorkerFunctionMisused(
        f"the worker function must return a dict or None, and it returned {returned}: {remedy}"
    )


def checked_timers(raw_stats: Mapping[Any, Any]) -> dict[str, list[float]]:
    """Return the times that the user's function recorded; refuse anything that is not a list of seconds.

    Raises
    ------
    WorkerFunctionMisused
    """
    return {
        name if type(name) is str else checked_name(name): checked_seconds(name, seconds)
        for name, seconds in raw_stats.items()
    }


def checked_name(name: object) -> str:
    """Return a timer's name as a plain str, or raise WorkerFunctionMisused."""
    try:
        return str.__str__(str(name))
    except INTERRUPTIONS:
        raise
    except BaseException:  # whatever the name's class raises
        raise WorkerFunctionMisused(
            f"a key of raw_stats, {describe(name, 200)}, is not a string: let stats.record_wallclock fill it"
        ) from None


def checked_seconds(name: object, seconds: Any) -> list[float]:
    """Return one timer's values as floats, or raise WorkerFunctionMisused."""
    try:
        return list(map(float, seconds))
    except INTERRUPTIONS:
        raise
    except BaseException:  # too large for a float, or whatever the values' classes raise
        raise WorkerFunctionMisused(
            f"raw_stats[{describe(name)}] must be a list of seconds, but it is {describe(seconds, 200)}: "
            "let stats.record_wallclock fill it"
        ) from None
