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
    """Return the exception that ended a map, to be raised again, without the frames of this package.

    Python adds those that it still passes. At the end of a program they are left out; pytest leaves out
    frames with a variable ``__tracebackhide__``. So does IPython, but never the last one: it asks the
    exception itself what to show.
    """
    if not isinstance(sys.excepthook, _HookWithoutOurFrames):
        sys.excepthook = _HookWithoutOurFrames()
    if "IPython" in sys.modules:
        error._render_traceback_ = _shown_in_ipython  # type: ignore[attr-defined]  # which IPython looks for
    return error.with_traceback(without_ours(error.__traceback__))


def interrupted_at_start(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Return the exception that came before a map began, to be raised again, as `interrupted` does.

    The libraries that this package was loading or calling then are left out, too: nobody asked for them.
    """
    return interrupted(error.with_traceback(without_ours(error.__traceback__, keeps_end=False)))


def without_ours(traceback: TracebackType | None, keeps_end: bool = True) -> TracebackType | None:
    """Return a traceback without the frames of this package, and of libraries between two of them.

    Parameters
    ----------
    traceback : traceback, optional
    keeps_end : bool
        Whether frames of libraries that come last stay where this package has called them.
    """
    kept: list[TracebackType] = []
    called_by_us: list[TracebackType] = []  # frames of libraries below the latest of ours
    is_below_ours = False
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if path.startswith(OURS):
            called_by_us, is_below_ours = [], True
        elif is_below_ours and _is_of_a_library(path):
            called_by_us.append(traceback)
        else:
            kept += [*called_by_us, traceback]
            called_by_us, is_below_ours = [], False
        traceback = traceback.tb_next
    if keeps_end:
        kept += called_by_us
    result: TracebackType | None = None
    for one in reversed(kept):
        result = TracebackType(result, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return result


def _is_of_a_library(path: str) -> bool:
    if path.startswith(("<frozen ", STANDARD_LIBRARY)) or path.endswith(COMPILED):
        return True
    return any(f"{os.sep}{name}{os.sep}" in path for name in INSTALLED)


def _shown_in_ipython() -> list[str]:
    """Return the lines that IPython shows of the interruption that it has just caught, or that was its last.

    It takes no exception: one that refers to itself would keep the results alive for long.
    """
    shell = sys.modules["IPython"].get_ipython()
    kind, error, traceback = sys.exc_info()
    if not isinstance(error, KeyboardInterrupt):  # it is shown once more, by ``%tb``
        kind, error, traceback = sys.last_type, sys.last_value, sys.last_traceback
    lines: list[str] = shell.InteractiveTB.structured_traceback(kind, error, without_ours(traceback))
    return lines


class _HookWithoutOurFrames:
    """What prints the exception that ends the program: the hook that was there, which sees fewer frames."""

    def __init__(self) -> None:
        self._before = sys.excepthook

    def __call__(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> object:
        if isinstance(error, KeyboardInterrupt):
            traceback = without_ours(traceback)
            error.__traceback__ = traceback
        return self._before(kind, error, traceback)
