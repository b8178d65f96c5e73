"""Objects and exceptions as text, even if the user's ``__repr__`` fails."""

from __future__ import annotations

import traceback

from paramsurvey.transport.capture import is_ours


def describe(thing: object, limit: int = 10_000) -> str:
    """Return ``repr(thing)``, cut to `limit` characters; if that raises, a text that names the type."""
    try:
        text = repr(thing)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit
        text = _repr_of_dict(thing) if type(thing) is dict else _without_repr(thing, error)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _repr_of_dict(items: dict[object, object]) -> str:
    """Return the repr of a dict with a value whose repr fails: the other values of a pset are shown."""
    return f"{{{', '.join(f'{_safe_repr(key)}: {_safe_repr(value)}' for key, value in items.items())}}}"


def _safe_repr(thing: object) -> str:
    try:
        return repr(thing)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _without_repr(thing, error)


def _without_repr(thing: object, error: BaseException) -> str:
    return f"<{type(thing).__name__}, whose repr raised {type(error).__name__}>"


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, without the frames of paramsurvey that called the user's function."""
    frames = error.__traceback__
    below = frames.tb_next if frames is not None else None
    while below is not None and below.tb_next is not None and is_ours(below.tb_frame):
        below = below.tb_next
    return "".join(traceback.format_exception(error.with_traceback(below or frames)))
