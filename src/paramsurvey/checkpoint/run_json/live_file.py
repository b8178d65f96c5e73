"""``live.json``: what a survey is doing at the moment, for other processes that look at its checkpoint.

It is replaced about once a second while the survey runs, and removed at its end. Whatever must last is in
``run.json`` and in the parts, so this file is not synced to the disk, and failing to write it does no harm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.atomic_files import PRIVATE, read_json, write_aside
from paramsurvey.engine.progress import Outlook

NAME = "live.json"
LARGEST = 4 << 20  # bytes: no file that this package writes is larger
LARGEST_NUMBER = 1 << 63


def write_live(directory: Path, run: Mapping[str, Any], outlook: Outlook) -> None:
    """Replace the file.

    Parameters
    ----------
    directory : Path
    run : mapping
        What to write besides the outlook.
    outlook : Outlook
    """
    content = json.dumps({**run, **_as_dict(outlook)}, default=_as_dict).encode()
    with suppress(OSError):
        aside = write_aside(directory / NAME, content, PRIVATE, sync=False)
        try:
            os.replace(aside, directory / NAME)
        except OSError:
            aside.unlink(missing_ok=True)


def _as_dict(instance: Any) -> dict[str, Any]:
    """Return a dataclass as a dict; `dataclasses.asdict` would take longer, because it copies everything."""
    return {field.name: getattr(instance, field.name) for field in fields(instance)}


def remove_live(directory: Path) -> None:
    """Remove the file, because the survey has ended."""
    with suppress(OSError):
        (directory / NAME).unlink(missing_ok=True)


def read_live(directory: Path) -> dict[str, Any]:
    """Return what the file says, as far as it is what we write; an empty dict if there is no file."""
    path = directory / NAME
    with suppress(OSError):
        if path.stat().st_size <= LARGEST:
            return _checked(read_json(path) or {})
    return {}


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    """Return what readers rely on, without anything that somebody else may have put there."""
    lists = {
        name: [each for each in _list(content.get(name)) if check(each)] for name, check in _LISTS.items()
    }
    span, rate, cores = content.get("seconds_left"), content.get("per_second"), content.get("cores")
    is_span = isinstance(span, list) and len(span) == 2 and all(map(_is_number, span))
    written = content.get("written")
    return {
        "written": written if isinstance(written, str) else "",
        "started": content.get("started"),
        "seconds_left": span if is_span else None,
        "per_second": rate if _is_number(rate) else None,
        "cores": cores if _is_count(cores) else 0,
        **lists,
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < LARGEST_NUMBER


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST_NUMBER


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _has(value: Any, **checks: Any) -> bool:
    return isinstance(value, dict) and all(
        name in value and check(value[name]) for name, check in checks.items()
    )


def _or_none(check: Any) -> Any:
    return lambda value: value is None or check(value)


def _is_values(value: Any) -> bool:
    return isinstance(value, dict) and all(type(one) in (bool, int, float, str) for one in value.values())


_LISTS: Mapping[str, Any] = {
    "running": lambda one: _has(one, number=_is_count, pset=_is_text, seconds=_is_number, values=_is_values),
    "workers": lambda one: _has(
        one,
        number=_is_count,
        pid=_is_count,
        host=_is_text,
        running=_or_none(_is_count),
        cpu=_or_none(_is_number),
        memory=_or_none(_is_count),
    ),
    "failing": lambda one: _has(
        one, count=_is_count, kind=_is_text, line=_is_text, latest=_is_text, number=_is_count
    ),
}
