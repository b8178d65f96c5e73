"""Every reporter through one suite: it never waits, never raises, shows the end, and leaves nothing."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.monitor import Monitor
from paramsurvey.reporting.reporter import Reporter
from paramsurvey.reporting.reporters.carbon import CarbonReporter
from paramsurvey.reporting.reporters.log import LogReporter, RunLog
from paramsurvey.reporting.reporters.plain_lines import PlainReporter
from paramsurvey.stats import PerfStats

HALFWAY = MapProgress("fit", total=7, active=2, finished=3)
END = MapProgress("fit", total=7, finished=6, failures=1, exceptions=1)


@dataclass
class Case:
    """A reporter, and what it must have sent somewhere when `END` was its last report."""

    reporter: Reporter
    sent: Callable[[], bytes]
    expected: bytes


def plain_on_a_stream() -> Case:
    stream = io.StringIO()
    return Case(
        PlainReporter(30.0, stream), lambda: stream.getvalue().encode(), f"fit progress: {END}".encode()
    )


def plain_on_a_closed_stream() -> Case:
    stream = io.StringIO()
    stream.close()
    return Case(PlainReporter(30.0, stream), lambda: b"", b"")


def log_on_a_stream() -> Case:
    stream = io.StringIO()
    log = RunLog.open(stream=stream)
    return Case(LogReporter(log), lambda: stream.getvalue().encode(), f"fit progress: {END}".encode())


def log_without_a_file() -> Case:
    Path("a file").touch()  # so that no directory of this name can be made
    return Case(LogReporter(RunLog.open(prefix="a file/")), lambda: b"", b"")


def carbon_that_listens() -> Case:
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    received = bytearray()

    def listen() -> None:
        with server, server.accept()[0] as connection:
            while data := connection.recv(4096):
                received.extend(data)

    listener = threading.Thread(target=listen)
    listener.start()

    def sent() -> bytes:
        with suppress(OSError):  # a reporter that never called: call, so that the listener stops waiting
            socket.create_connection(address).close()
        listener.join()
        return bytes(received)

    return Case(CarbonReporter(*address, "x", print), sent, b"x.finished")


def carbon_that_is_absent() -> Case:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    return Case(CarbonReporter(*address, "x", lambda _: None), lambda: b"", b"")


def prometheus_with_a_file() -> Case:
    return Case(
        prometheus(None, "fit.prom"),
        lambda: read("fit.prom"),
        b'failed_total{kind="earlier run",map="fit"} 1',
    )


def prometheus_without_one() -> Case:
    Path("fit.prom").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Case(prometheus(server.getsockname(), "fit.prom"), lambda: b"", b"")


def prometheus(address: tuple[str, int] | None, path: str) -> Reporter:
    pytest.importorskip("prometheus_client")
    from paramsurvey.reporting.reporters.prometheus.reporter import PrometheusReporter

    monitor = Monitor(time.monotonic)
    return PrometheusReporter("fit", address, path, monitor, PerfStats(), lambda _: None)


def read(path: str) -> bytes:
    return Path(path).read_bytes() if Path(path).is_file() else b""


CASES = [
    plain_on_a_stream,
    plain_on_a_closed_stream,
    log_on_a_stream,
    log_without_a_file,
    carbon_that_listens,
    carbon_that_is_absent,
    prometheus_with_a_file,
    prometheus_without_one,
]


@pytest.fixture(params=CASES, ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, nothing_left: None) -> Iterator[Case]:
    case = request.param()
    yield case
    case.reporter.close()
    case.sent()


def test_it_has_an_interval(case: Case) -> None:
    assert case.reporter.interval >= 0


def test_the_end_is_shown_whoever_listens(case: Case) -> None:
    case.reporter.report(HALFWAY, final=False)
    case.reporter.report(END, final=True)
    case.reporter.close()
    assert case.expected in case.sent()


def test_the_counters_are_read_at_once(case: Case) -> None:
    progress = MapProgress("fit", total=7, finished=6, failures=1, exceptions=1)
    case.reporter.report(progress, final=True)
    progress.finished = -1
    case.reporter.close()
    assert case.expected in case.sent()
    assert b"finished: -1" not in case.sent()


def test_closing_twice_is_harmless(case: Case) -> None:
    case.reporter.report(HALFWAY, final=False)
    case.reporter.close()
    case.reporter.close()


def test_closing_without_a_report_is_harmless(case: Case) -> None:
    case.reporter.close()
