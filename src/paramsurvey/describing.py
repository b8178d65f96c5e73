"""Objects and exceptions as text, whatever the user's code does when it is asked for it."""

from __future__ import annotations

import traceback

from paramsurvey.capture import is_ours


def describe(thing: object, limit: int = 10_000) -> str:
    """Return ``repr(thing)``, cut to `limit` characters; an object whose repr fails is still described."""
    try:
        text = repr(thing)
    except Exception as error:
        text = f"<{type(thing).__name__}, whose repr raised {type(error).__name__}>"
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, from the user's function on."""
    frames = error.__traceback__
    below = frames.tb_next if frames is not None else None
    while below is not None and below.tb_next is not None and is_ours(below.tb_frame):
        below = below.tb_next
    return "".join(traceback.format_exception(error.with_traceback(below or frames)))
