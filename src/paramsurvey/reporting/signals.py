"""Ctrl-C, SIGTERM and the like during a map, held back until the counters and results are consistent."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

from paramsurvey.errors import Stopped


class DeferredSignals:
    """A context in which a signal is only noted, and `check` raises what the signal would have raised.

    From the first `check` until `hold`, a second signal raises at once; before and after, it would leave
    handlers behind, or a map half ended. Handlers that the user has installed stay in place. Outside the main
    thread, this does nothing, because signals never arrive there. A child that is forked meanwhile, by an
    executor for example, is ended by these signals as usual.

    Parameters
    ----------
    at_once : bool
        Whether even the first signal raises at once, because the user's function runs in this thread.
    stop_signals : sequence of str
        The names of the signals that end the map as Ctrl-C does.
    patience : float, optional
        Seconds after which a signal that was noted is sent again, so that it raises if this thread is within
        `may_block`. None: it is not sent again.
    """

    def __init__(
        self,
        at_once: bool = False,
        stop_signals: Sequence[str] = ("SIGTERM",),
        patience: float | None = None,
    ) -> None:
        self._at_once = at_once
        self._patience = patience if hasattr(signal, "pthread_kill") else None  # Windows does not have it
        self._stop_signals = [signal.Signals[name] for name in stop_signals]
        self._seen: int | None = None
        self._raised = False
        self._held = True
        self._may_block = False
        self._is_sent_again = False  # whether the signal that comes next is one that was sent again
        self._sending = _thread.allocate_lock()  # taken by `__exit__` and the sender, never by a handler
        self._previous: dict[int, Any] = {}
        self._owner = os.getpid()
        self._thread = 0

    def __enter__(self) -> DeferredSignals:
        self._held = True
        self._thread = threading.get_ident()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *self._stop_signals):
                self._replace(number)
        return self

    def _replace(self, number: int) -> None:
        handler = signal.getsignal(number)
        if handler is default_handler(number) or is_from_ray(handler):
            self._previous[number] = signal.signal(number, self._note)

    def __exit__(self, *exception: object) -> None:
        self._held = True
        with self._sending if os.getpid() == self._owner else nullcontext():  # a forked child has no sender
            previous, self._previous = self._previous, {}  # from now on, nothing is sent again
        for number, handler in reversed(previous.items()):  # SIGINT last: it raises from then on
            signal.signal(number, handler)
        if exception[:1] == (None,) and not self._raised:
            self.check()  # a signal that came after the map had ended is for the program

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            signal.signal(number, default_handler(number))
            os.kill(os.getpid(), number)
            return
        is_first, self._seen = self._seen is None, number
        is_sent_again, self._is_sent_again = self._is_sent_again, False
        raises = self._may_block if is_sent_again else self._at_once or not is_first
        if raises and not self._held:
            self.check()
        elif is_first and self._patience is not None:
            with suppress(RuntimeError):  # no thread can be started: the signal waits until the call returns
                # not `Thread`, which has locks that this thread may hold
                _thread.start_new_thread(self._send_again, (self._patience,))

    def _send_again(self, patience: float) -> None:
        """Send the last signal again and again until the map is over, but only while code may block."""
        while self._previous:
            time.sleep(patience)
            with self._sending:
                if self._previous and self._may_block and self._seen is not None:
                    self._is_sent_again = True
                    signal.pthread_kill(self._thread, self._seen)

    @contextmanager
    def raised_at_once(self) -> Iterator[None]:
        """Raise at the first signal, because the user's code runs in this thread and may block."""
        before, self._at_once = self._at_once, True
        try:
            self.check()
            yield
        finally:
            self._at_once = before

    def noted(self) -> AbstractContextManager[None]:
        """Note signals without raising, so that no lock that is acquired meanwhile stays locked."""
        return _Noted(self)

    def may_block(self) -> AbstractContextManager[None]:
        """Let a signal that was noted raise here after `patience`, because code that is not ours may block.

        It may raise at any point in the context, which is no place for work that must be done as a whole.
        """
        return _MayBlock(self)

    def hold(self) -> None:
        """Raise nothing until the next `check`, while the map ends and its results are built."""
        self._held = True

    def check(self) -> None:
        """Raise KeyboardInterrupt, or Stopped(128 + number) for another signal, if one has come."""
        seen = self._seen  # read only once, because another signal may come in between
        self._held = False
        if seen is not None:
            self._raised = True
            self._may_block = False  # even if this interrupts the exit from that context
        if seen == signal.SIGINT:
            raise KeyboardInterrupt
        if seen is not None:
            raise Stopped(128 + seen)


class _Noted:
    """What `DeferredSignals.noted` returns; a class is faster than a generator, for each group of psets."""

    __slots__ = ("_before", "_signals")

    def __init__(self, signals: DeferredSignals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._before, self._signals._held = self._signals._held, True

    def __exit__(self, *exception: object) -> None:
        self._signals._held = self._before


class _MayBlock:
    """What `DeferredSignals.may_block` returns."""

    __slots__ = ("_signals",)

    def __init__(self, signals: DeferredSignals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._signals._may_block = True

    def __exit__(self, *exception: object) -> None:
        self._signals._may_block = False


def default_handler(number: int) -> Any:
    """Return the handler that a signal has in a new process."""
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL


def is_from_ray(handler: object) -> bool:
    """Tell whether a handler is Ray's, which the user did not choose, and which ends the process at once."""
    return str(getattr(handler, "__module__", "")).partition(".")[0] == "ray"
