"""Signals during a map: held back until the books are in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import GRACE, runs, wait_until
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


def test_a_signal_that_is_not_heard_is_sent_again_until_it_raises() -> None:
    def block() -> None:
        with signals.noted():
            send(signal.SIGINT)
            time.sleep(0.1)  # for it to be sent again in vain
        threading.Event().wait(GRACE)

    with DeferredSignals(patience=0.01) as signals:
        signals.check()
        with pytest.raises(KeyboardInterrupt):
            block()


def test_a_signal_that_was_heard_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: sent.append(number))
    with DeferredSignals(patience=0.1) as signals:
        signals.check()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.check()
        time.sleep(0.3)
    assert sent == []


def test_a_signal_that_came_while_a_map_ended_is_not_sent_to_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: sent.append(number))

    def end_a_map() -> None:
        with DeferredSignals(patience=0.1) as signals:
            signals.hold()
            send(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        end_a_map()
    time.sleep(0.3)
    assert sent == []


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


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_was_forked_off_meanwhile_ends_by_a_signal(number: int, at_once: bool) -> None:
    fork = multiprocessing.get_context("fork")
    runs = fork.Event()
    with DeferredSignals(at_once) as signals:
        child = fork.Process(target=lambda: (runs.set(), time.sleep(10 * GRACE)))
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
                time.sleep(10 * GRACE)

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
