"""Tracebacks of an interruption: they show the user's code, and none of ours."""

from __future__ import annotations

import os
import sys
from types import TracebackType

OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
STANDARD_LIBRARY = os.path.join(os.path.dirname(os.__file__), "")
INSTALLED = ("site-packages", "dist-packages")  # directories of other packages
COMPILED = (".pyx", ".pxd", ".pxi")  # Cython, whose frames have paths that lead nowhere


def interrupted(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Return the exception that ended a map, without the frames of this package, to be raised again.

    Python adds a frame for each function that the exception still passes through. If it ends the program,
    our `sys.excepthook` leaves these out. pytest leaves out frames with a variable ``__tracebackhide__``, and
    so does IPython, except for the last frame; but IPython asks the exception itself what to show.
    """
    if not isinstance(sys.excepthook, _HookWithoutOurFrames):
        sys.excepthook = _HookWithoutOurFrames()
    if "IPython" in sys.modules:
        error._render_traceback_ = _shown_in_ipython  # type: ignore[attr-defined]  # IPython looks for it
    return error.with_traceback(without_our_frames(error.__traceback__))


def interrupted_at_start(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Do the same as `interrupted` for an exception that came before a map began.

    The frames of libraries that this package was loading or calling are left out, too: the user did not call
    them.
    """
    return interrupted(error.with_traceback(without_our_frames(error.__traceback__, keeps_end=False)))


def without_our_frames(traceback: TracebackType | None, keeps_end: bool = True) -> TracebackType | None:
    """Return a traceback without the frames of this package, and of libraries between two of them.

    Parameters
    ----------
    traceback : traceback, optional
    keeps_end : bool
        Whether to keep frames of libraries at the end of the traceback, although this package called them.
    """
    kept: list[TracebackType] = []
    called_by_us: list[TracebackType] = []  # frames of libraries below the latest of ours
    is_below_ours = False
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if path.startswith(OURS):
            called_by_us, is_below_ours = [], True
        elif is_below_ours and _is_in_library(path):
            called_by_us.append(traceback)
        else:
            kept += [*called_by_us, traceback]
            called_by_us, is_below_ours = [], False
        traceback = traceback.tb_next
    if keeps_end:
        kept += called_by_us
    result: TracebackType | None = None
    for each in reversed(kept):
        result = TracebackType(result, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return result


def _is_in_library(path: str) -> bool:
    if path.startswith(("<frozen ", STANDARD_LIBRARY)) or path.endswith(COMPILED):
        return True
    return any(f"{os.sep}{name}{os.sep}" in path for name in INSTALLED)


def _shown_in_ipython() -> list[str]:
    """Return the lines that IPython shows for the interruption that it has just caught, or the last one.

    It does not take that exception as an argument, because an exception that referred to itself would keep
    the results in memory for a long time.
    """
    shell = sys.modules["IPython"].get_ipython()
    kind, error, traceback = sys.exc_info()
    if not isinstance(error, KeyboardInterrupt):  # it is shown once more, by ``%tb``
        kind, error, traceback = sys.last_type, sys.last_value, sys.last_traceback
    lines: list[str] = shell.InteractiveTB.structured_traceback(kind, error, without_our_frames(traceback))
    return lines


class _HookWithoutOurFrames:
    """Prints the exception that ends the program with the previous hook, but without our frames."""

    def __init__(self) -> None:
        self._before = sys.excepthook

    def __call__(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> object:
        if isinstance(error, KeyboardInterrupt):
            traceback = without_our_frames(traceback)
            error.__traceback__ = traceback
        return self._before(kind, error, traceback)
