"""What every test gets: a limit on its time, a directory of its own, and no session left over."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import HealthCheck, settings

import paramsurvey
from paramsurvey.session.thread_variables import VARIABLES
from paramsurvey.testing.place import undisturbed
from paramsurvey.testing.waiting import GRACE as GRACE
from paramsurvey.testing.waiting import runs as runs
from paramsurvey.testing.waiting import wait_until as wait_until
from paramsurvey.worker.machine import core_count
from ray_programs import UNDISTURBED, Program, programs

if TYPE_CHECKING:
    from browsers import Browser

HANG_LIMIT = 120.0  # seconds
MOST_PROCESSES = 4  # that run tests: each may have a Ray of its own

_real_stderr = pytest.StashKey[int]()


# How long an example takes says something about the machine, and nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"limit(seconds): the test hangs after that (default {HANG_LIMIT:g})")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as where a shell runs the tests in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests start inherit it
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.stash[_real_stderr] = os.dup(sys.__stderr__.fileno())  # pytest captures descriptor 2 later


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--need-browser", action="store_true", help="fail where there is no browser to test with"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that nobody has looked at the pages."""
    skipped = [one for one in terminalreporter.stats.get("skipped", []) if "Chromium" in str(one.longrepr)]
    if skipped:
        said = f"NOT TESTED IN A BROWSER: {len(skipped)} tests; apt-get install chromium chromium-driver"
        terminalreporter.write_line(said, red=True, bold=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes ``-n auto`` means: half of the time, tests wait for what they started."""
    return min(1 + core_count(), MOST_PROCESSES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End this process with all stacks when a test hangs: the whole run, or the one of several that has it.

    pytest-xdist then counts the test as failed, and starts another process for those that are left.
    Not pytest-timeout: it raises in the main thread, which a thread or a C call that hangs does not
    notice, or needs a thread that gets the interpreter's lock. This needs neither, and no plugin.
    """
    mark = item.get_closest_marker("limit")
    limit = mark.args[0] if mark else HANG_LIMIT
    faulthandler.dump_traceback_later(limit, exit=True, file=item.config.stash[_real_stderr])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run the test in an empty directory, free of the developer's settings; close its session after it."""
    with undisturbed(tmp_path, monkeypatch):
        yield tmp_path


@pytest.fixture
def nothing_left(in_tmp: Path) -> Iterator[None]:
    """Fail a test that leaves a child process, a thread or an open file behind."""
    before = leftovers()
    yield
    paramsurvey.finalize()
    wait_until(lambda: not leftovers() - before, lambda: f"left behind: {leftovers() - before}")


def leftovers() -> set[str]:
    """Describe this process's children, threads and open files.

    Not the children's children: Ray, where other tests have started it, starts workers when it likes.
    """
    children = {f"process {child.pid}" for child in psutil.Process().children()}
    threads = {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()}
    return children | threads | set(_open_files())


def _open_files() -> Iterator[str]:
    for name in os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else []:
        try:
            yield f"file {name} {os.readlink(f'/dev/fd/{name}') if sys.platform == 'linux' else ''}"
        except OSError:  # the descriptor that listdir itself had
            continue


class FakeClock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A Ray with two CPUs in this process, once per run: ``init(backend='ray')`` uses it as it is."""
    ray = pytest.importorskip("ray")
    if ray.is_initialized():
        pytest.fail("Ray runs here already: a test before this one has left it")
    # Ray's workers inherit what the sessions of other tests have set; without it Ray chooses itself
    set_by_others = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
    ray.init(
        num_cpus=2,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=200_000_000,
        _system_config=UNDISTURBED,
    )
    os.environ.update(set_by_others)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """The program."""
    import browsers  # loads selenium, which few tests need

    return browsers.chromium(is_needed=request.config.getoption("--need-browser"))


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium, without a window."""
    import browsers  # loads selenium, which few tests need

    with browsers.opened(is_needed=request.config.getoption("--need-browser")) as one:
        yield one


@pytest.fixture
def ray_program() -> Iterator[Program]:
    """Programs with a Ray of their own."""
    with programs() as program:
        yield program
