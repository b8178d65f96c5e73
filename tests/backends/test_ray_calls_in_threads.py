"""Calls of Ray that block, where Python would hear no signal: Ctrl-C ends the wait for them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import pytest

from paramsurvey.backends.ray.calls_in_threads import call_in_thread
from paramsurvey.reporting.signals import DeferredSignals

HANG = 30.0  # seconds


def test_it_returns_or_raises_what_the_call_does() -> None:
    assert call_in_thread(lambda: 3, nullcontext) == 3
    with pytest.raises(ZeroDivisionError):
        call_in_thread(lambda: 1 // 0, nullcontext)


@pytest.fixture
def usual_handler() -> Iterator[None]:
    """Give SIGINT the handler that it has in a new process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_and_block(gate: threading.Event) -> bool:
    os.kill(os.getpid(), signal.SIGINT)
    return gate.wait(HANG)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
def test_one_ctrl_c_ends_the_wait_for_a_call_that_blocks(usual_handler: None) -> None:
    gate = threading.Event()
    with DeferredSignals(patience=0.01) as signals:
        signals.check()
        with pytest.raises(KeyboardInterrupt):
            call_in_thread(partial(press_and_block, gate), signals.may_block)
    assert not gate.is_set()
    gate.set()
