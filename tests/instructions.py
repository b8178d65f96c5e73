"""Make something happen at a chosen bytecode instruction, for tests that interrupt the code at every one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from types import FrameType
from typing import Any


def run_with(
    happening: Callable[[], object],
    at: int,
    action: Callable[[], Any],
    files: Collection[str | None],
    expected: type[BaseException] | tuple[type[BaseException], ...],
) -> bool:
    """Run `action`; before one instruction of some files, something happens. Tell whether it got so far.

    Parameters
    ----------
    happening : callable
        For example a function that sends this process a signal.
    at : int
        The number of the instruction, counted from 1.
    action : callable
    files : collection of str
        The ``__file__`` of the modules whose instructions count.
    expected : exception class, or tuple of classes
        What may come out of `action`, and is ignored.
    """
    left = at

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                happening()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        next(_apart(action))
    except expected:
        pass
    finally:
        sys.settrace(before)
    return left <= 0


def _apart(action: Callable[[], Any]) -> Iterator[Any]:
    """Run `action` in a generator, because a generator has a handled exception of its own.

    What is raised between the instructions that end an except clause leaves the exception behind as handled:
    as the context of whatever later tests raise.
    """
    yield action()
