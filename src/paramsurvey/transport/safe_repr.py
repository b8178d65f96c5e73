"""Objects and exceptions as text, whatever the user's code does when it is asked for it."""

from __future__ import annotations

import traceback

from paramsurvey.transport.capture import is_ours


def describe(thing: object, limit: int = 10_000) -> str:
    """Return ``repr(thing)``, cut to `limit` characters; an object whose repr fails is still described."""
    try:
        text = repr(thing)
    except Exception as error:
        text = _items(thing) if type(thing) is dict else _indescribable(thing, error)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _items(things: dict[object, object]) -> str:
    """Return the repr of a dict in which something has none: a pset with one bad value shows the others."""
    return f"{{{', '.join(f'{_shown(key)}: {_shown(value)}' for key, value in things.items())}}}"


def _shown(thing: object) -> str:
    try:
        return repr(thing)
    except Exception as error:
        return _indescribable(thing, error)


def _indescribable(thing: object, error: Exception) -> str:
    return f"<{type(thing).__name__}, whose repr raised {type(error).__name__}>"


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, from the user's function on."""
    frames = error.__traceback__
    below = frames.tb_next if frames is not None else None
    while below is not None and below.tb_next is not None and is_ours(below.tb_frame):
        below = below.tb_next
    return "".join(traceback.format_exception(error.with_traceback(below or frames)))
