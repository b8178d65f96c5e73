"""Whether a ``run.json`` has everything that its readers rely on: every type, and every range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from paramsurvey.engine.checkpoint import Status

Check = Callable[[Any], bool]
LARGEST = 2**63 - 1


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= LARGEST and math.isfinite(value)


def _time(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


def _none_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _dict_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _dict_with(optional: Mapping[str, Check] = MappingProxyType({}), /, **needed: Check) -> Check:
    """Return a check for a dict that has some keys, and may have others as well."""

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not value.keys() >= needed.keys():
            return False
        return all(is_valid(value[key]) for key, is_valid in {**optional, **needed}.items() if key in value)

    return check


def _status(value: Any) -> bool:
    return value in list(Status)


_COUNTS = _dict_with(
    dict.fromkeys(("active", "not_run", "exceptions", "retried", "resumed"), _count),
    total=_count,
    finished=_count,
    failures=_count,
)

_RUN = _dict_with(
    name=_text,
    status=_status,
    function=_dict_with(name=_text, file=_text, hash=_text, source=_text),
    user_kwargs=_dict_with({"type": _text, "repr": _none_or(_text)}, hash=_text),
    host=_text,
    pid=_count,
    command=_texts,
    directory=_text,
    versions=_dict_of(_text),
    git=_none_or(_dict_with(commit=_text)),
    started=_time,
    ended=_none_or(_time),
    history=lambda value: isinstance(value, list) and all(isinstance(run, dict) for run in value),
    updated=_time,
    elapsed=_seconds,
    counts=_COUNTS,
    stored=_dict_with(results=_count, failures=_count),
    first_position=_count,
)


def is_whole(run: Mapping[str, Any]) -> bool:
    """Tell whether a ``run.json`` has everything that its readers need, and nothing impossible."""
    return _RUN(run)
