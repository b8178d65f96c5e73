"""Signals during a map: held back until the books are in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import GRACE, runs, wait_until
from paramsurvey.reporting import signals as signals_module
from paramsurvey.reporting.signals import DeferredSignals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")


@pytest.fixture(autouse=True)
def as_python_has_them() -> Iterator[None]:
    """Give SIGINT and SIGTERM the handlers that they have in a new process: Ray changes them, for example."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    """Send this process a signal; Python handles it before the next line."""
    signal.raise_signal(number)


def test_a_signal_is_noted_and_raised_by_check() -> None:
    with DeferredSignals() as signals:
        signals.check()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.check()


def test_sigterm_is_an_exit_with_its_number() -> None:
    with DeferredSignals() as signals:
        send(signal.SIGTERM)
        with pytest.raises(SystemExit) as caught:
            signals.check()
    assert caught.value.code == 143


def test_the_second_signal_raises_at_once() -> None:
    with DeferredSignals() as signals:
        signals.check()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_a_signal_that_nobody_checked_raises_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        send(signal.SIGINT)


def test_a_signal_raises_at_once_while_code_of_the_user_may_block() -> None:
    with DeferredSignals() as signals, pytest.raises(KeyboardInterrupt), signals.raised_at_once():
        send(signal.SIGINT)


def test_a_signal_that_came_before_code_of_the_user_does_not_wait_for_it() -> None:
    with DeferredSignals() as signals:
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), signals.raised_at_once():
            pytest.fail("the user's code was called")


# a signal is sent again


class Sender:
    """What sends a signal again: it takes a turn when the test says so.

    Attributes
    ----------
    sent : list of int
        The signals that it has sent, if `record` was called; otherwise, it sends them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[int] = []
        self._monkeypatch = monkeypatch
        self._sleeps: SimpleQueue[None] = SimpleQueue()
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        made = SimpleNamespace(start_new_thread=self._start, allocate_lock=threading.Lock)
        monkeypatch.setattr(signals_module, "_thread", made)
        monkeypatch.setattr(signals_module, "time", SimpleNamespace(sleep=self._sleep))

    def _start(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self._threads[-1].start()

    def _sleep(self, seconds: float) -> None:
        self._sleeps.put(None)
        self._wakes.get(timeout=GRACE)

    def record(self) -> None:
        self._monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: self.sent.append(number))

    def wake(self) -> None:
        """Let it take a turn."""
        self._sleeps.get(timeout=GRACE)
        self._wakes.put(None)

    def take_turn(self) -> None:
        """Let it take a turn, and return when it sleeps again."""
        self.wake()
        self._sleeps.get(timeout=GRACE)
        self._sleeps.put(None)

    def wake_and_block(self) -> None:
        """Let it take turns until one interrupts this: just before a thread blocks, a signal is not heard."""
        for _ in range(int(GRACE / 0.05)):
            self._wakes.put(None)
            threading.Event().wait(0.05)

    def finish(self) -> None:
        """Let it take its last turn, after the map is over, and wait for its end."""
        self._wakes.put(None)
        for thread in self._threads:
            thread.join(GRACE)
            assert not thread.is_alive()


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    return Sender(monkeypatch)


def test_a_signal_that_was_noted_raises_where_code_may_block(sender: Sender) -> None:
    with DeferredSignals(patience=1.0) as signals:
        signals.check()
        send(signal.SIGINT)
        for _ in range(2):  # what blocks may swallow it
            with pytest.raises(KeyboardInterrupt), signals.may_block():
                sender.wake_and_block()
    sender.finish()


def test_elsewhere_a_signal_is_not_sent_again(sender: Sender) -> None:
    sender.record()
    with DeferredSignals(patience=1.0) as signals:
        signals.check()
        send(signal.SIGINT)
        with signals.may_block():
            pass
        sender.take_turn()
        sender.take_turn()
        with pytest.raises(KeyboardInterrupt):
            signals.check()
    sender.finish()
    assert sender.sent == []


def test_a_signal_that_was_sent_again_but_arrives_late_does_not_raise(sender: Sender) -> None:
    sender.record()
    with DeferredSignals(patience=1.0) as signals:
        signals.check()
        send(signal.SIGINT)
        with signals.may_block():
            sender.take_turn()
        (number,) = sender.sent
        send(number)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)  # the user's own second one
    sender.finish()


def test_the_context_for_blocking_code_is_left_even_if_its_exit_is_interrupted(sender: Sender) -> None:
    with DeferredSignals(patience=1.0) as signals:
        signals.check()
        send(signal.SIGINT)
        context = signals.may_block()
        context.__enter__()
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)  # and `__exit__` does nothing
        sender.record()
        sender.take_turn()
    sender.finish()
    assert sender.sent == []


def test_the_last_signal_is_the_one_that_is_sent_again(sender: Sender) -> None:
    with DeferredSignals(patience=1.0) as signals:
        signals.check()
        with signals.noted():
            send(signal.SIGINT)
            send(signal.SIGTERM)
        with pytest.raises(SystemExit) as caught, signals.may_block():
            sender.wake_and_block()
    sender.finish()
    assert caught.value.code == 143


def test_a_signal_is_not_sent_to_what_follows_the_map(sender: Sender) -> None:
    sender.record()

    def end_a_map() -> None:
        with DeferredSignals(patience=1.0) as signals:
            signals.hold()
            send(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        end_a_map()
    sender.finish()
    assert sender.sent == []


def test_while_a_signal_is_sent_again_the_handlers_stay(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else SIGTERM would kill the program: the map might end at the same moment."""
    sends, is_restored = threading.Event(), threading.Event()
    found = []

    def send_slowly(thread: int, number: int) -> None:
        sends.set()
        found.append(is_restored.wait(0.2))

    def run_a_map() -> None:
        with DeferredSignals(patience=1.0) as signals:
            signals.hold()
            send(signal.SIGTERM)
            with signals.may_block():
                sender.wake()
                assert sends.wait(GRACE)

    monkeypatch.setattr(signal, "pthread_kill", send_slowly)
    with pytest.raises(SystemExit):
        run_a_map()
    is_restored.set()
    sender.finish()
    assert found == [False]


@pytest.mark.parametrize("at_once", [False, True])
def test_while_signals_are_held_not_even_the_second_raises(at_once: bool) -> None:
    with DeferredSignals(at_once) as signals:
        signals.check()
        signals.hold()
        send(signal.SIGINT)
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.check()


def test_where_psets_run_in_this_thread_the_first_raises_at_once() -> None:
    with DeferredSignals(at_once=True) as signals:
        signals.check()
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_before_the_first_check_no_signal_raises() -> None:
    """It would leave handlers behind, for nobody would take them away."""
    with DeferredSignals(at_once=True) as signals:
        send(signal.SIGINT)
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.check()


def test_afterwards_signals_are_what_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyError), DeferredSignals():
        raise KeyError
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_handler_of_the_user_stays_in_place() -> None:
    seen: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with DeferredSignals() as signals:
            send(signal.SIGTERM)
            signals.check()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert seen == [signal.SIGTERM]


def test_other_signals_may_stop_a_map_too() -> None:
    with DeferredSignals(stop_signals=("SIGUSR1",)) as signals:
        send(signal.SIGUSR1)
        with pytest.raises(SystemExit) as caught:
            signals.check()
    assert caught.value.code == 128 + signal.SIGUSR1
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_in_another_thread_nothing_happens() -> None:
    before = signal.getsignal(signal.SIGINT)
    found: list[object] = []

    def enter() -> None:
        with DeferredSignals() as signals:
            found.append(signal.getsignal(signal.SIGINT))
            signals.check()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [before]


def sleep_in_pieces(seconds: float) -> None:
    """Sleep; a signal that comes just as Python begins to sleep is heard when it begins the next time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_was_forked_off_meanwhile_ends_by_a_signal(number: int, at_once: bool) -> None:
    fork = multiprocessing.get_context("fork")
    runs = fork.Event()
    with DeferredSignals(at_once) as signals:
        child = fork.Process(target=lambda: (runs.set(), sleep_in_pieces(10 * GRACE)))
        child.start()
        assert child.pid is not None
        assert runs.wait(GRACE)  # a signal that comes sooner is lost: Python forgets it after a fork
        os.kill(child.pid, number)
        child.join(GRACE)
        code = child.exitcode
        child.kill()
        signals.check()
    assert code == (-signal.SIGTERM if number == signal.SIGTERM else 1)  # 1: by KeyboardInterrupt


def test_rays_handler_gives_way_and_comes_back() -> None:
    def handler(number: int, frame: object) -> None:
        sys.exit(number)

    handler.__module__ = "ray._private.worker"
    signal.signal(signal.SIGTERM, handler)
    fork = multiprocessing.get_context("fork")
    runs = fork.Event()

    def stay() -> None:
        for _ in range(2):
            with suppress(SystemExit):
                runs.set()
                sleep_in_pieces(10 * GRACE)

    with DeferredSignals() as signals:
        child = fork.Process(target=stay)
        child.start()
        assert runs.wait(GRACE)
        child.terminate()
        child.join(GRACE)
        code = child.exitcode
        child.kill()
        send(signal.SIGTERM)
        with pytest.raises(SystemExit) as caught:
            signals.check()
    assert (code, caught.value.code) == (-signal.SIGTERM, 143)
    assert signal.getsignal(signal.SIGTERM) is handler


# whole programs

PROGRAM = """
import os, sys, time
import paramsurvey

def worker(pset, system_kwargs, user_kwargs):
    if pset['a'] >= 3:
        open(f"stuck{{os.getpid()}}", 'w').close()
        time.sleep(1000)
    return {{'b': pset['a']}}

paramsurvey.init(backend={backend!r}, ncores=2, verbose=0)
try:
    paramsurvey.map(worker, [{{'a': i}} for i in range(8)], group_size=1)
except BaseException as error:
    results = paramsurvey.last_results()
    print(type(error).__name__, results['b'].tolist(), results.progress)
    assert set(results.missing["_exception"].str[:7]) == {{'not run'}}
    again = paramsurvey.map(lambda p, s, u: {{'b': 7}}, [{{'a': 1}}])
    print(again['b'].tolist())
    raise
"""


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
@pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGINT, "KeyboardInterrupt", -2), (signal.SIGTERM, "Stopped", 143)]
)
def test_a_signal_ends_the_map_keeps_what_finished_and_leaves_no_worker(
    backend: str, number: int, name: str, code: int, in_tmp: Path
) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(backend=backend)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stuck = 1 if backend == "serial" else 2
    wait_until(lambda: len(list(in_tmp.glob("stuck*"))) == stuck, "the psets do not run", seconds=30)
    driver.send_signal(number)
    out, err = driver.communicate()
    assert out.splitlines() == [
        f"{name} [0, 1, 2] total: 8, active: 0, finished: 3, failures: 5, exceptions: 0",
        "[7]",
    ]
    assert driver.returncode == code
    pids = [int(path.name.removeprefix("stuck")) for path in in_tmp.glob("stuck*")]
    wait_until(lambda: not any(map(runs, pids)), f"workers {pids} still run")
    assert ("KeyboardInterrupt" in err) == (name == "KeyboardInterrupt")
