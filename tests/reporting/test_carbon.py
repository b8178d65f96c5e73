"""Carbon: the points arrive in a real one, and a bad one costs a note and nothing else."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.reporters import carbon
from paramsurvey.reporting.reporters.carbon import CarbonReporter

HALFWAY = MapProgress("fit", total=7, active=2, finished=3)
END = MapProgress("fit", total=7, finished=6, failures=1, exceptions=1)

Points = dict[str, dict[int, float]]
"""By metric and second."""

CARBON_CONF = """
[cache]
STORAGE_DIR = {home}
LOCAL_DATA_DIR = {home}
CONF_DIR = {home}
LOG_DIR = {home}
PID_DIR = {home}
LINE_RECEIVER_PORT = 0
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {port}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = 0
CARBON_METRIC_INTERVAL = 0
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
"""


@dataclass
class CarbonCache:
    """A real carbon-cache, and what it has on disk."""

    home: Path
    port: int

    def points(self, metric: str) -> list[float]:
        """Return the values of a metric, oldest first."""
        path = self.home / (metric.replace(".", "/") + ".wsp")
        if not path.exists():
            return []
        import whisper  # is there only where carbon is

        try:
            _, values = whisper.fetch(str(path), 0)
        except whisper.CorruptWhisperFile:  # carbon is just making it
            return []
        return [value for value in values if value is not None]

    def last(self, prefix: str) -> dict[str, float | None]:
        """Return the newest value of each counter."""
        return {name: (self.points(f"{prefix}.{name}") or [None])[-1] for name in carbon.COUNTERS}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.fixture(scope="module")
def carbon_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarbonCache]:
    pytest.importorskip(
        "carbon", reason="no carbon: its last release cannot be installed on Python 3.12 or newer"
    )
    home, port = tmp_path_factory.mktemp("carbon"), free_port()
    (home / "carbon.conf").write_text(CARBON_CONF.format(home=home, port=port))
    (home / "storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 1s:1h\n")
    # Carbon's generated code is older than the protobuf that Ray installs.
    environ = {**os.environ, "GRAPHITE_ROOT": str(home), "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    program = [sys.executable, str(Path(sys.executable).with_name("carbon-cache.py"))]
    arguments = [f"--config={home / 'carbon.conf'}", f"--pidfile={home / 'pid'}", "--nodaemon", "start"]
    output = home / "output"
    with output.open("w") as stream:
        process = subprocess.Popen(program + arguments, env=environ, stdout=stream, stderr=stream)
    try:
        wait_until(
            lambda: answers(port) or process.poll() is not None, "carbon-cache is not ready", seconds=60
        )
        assert process.poll() is None, output.read_text()
        yield CarbonCache(home, port)
    finally:
        process.kill()
        process.wait()


def test_the_counters_arrive_in_a_real_carbon(carbon_cache: CarbonCache, nothing_left: None) -> None:
    reporter = CarbonReporter("127.0.0.1", carbon_cache.port, "surveys.fit.", pytest.fail)
    reporter.report(HALFWAY, final=False)
    wait_until(lambda: carbon_cache.points("surveys.fit.finished"), "no point on the way")
    assert carbon_cache.points("surveys.fit.finished")[0] == 3
    reporter.report(END, final=True)
    reporter.close()
    expected = {"total": 7, "active": 0, "finished": 6, "failures": 1, "exceptions": 1}
    wait_until(lambda: carbon_cache.last("surveys.fit") == expected, "the end did not arrive")


def test_a_survey_shorter_than_a_second_has_its_end_in_carbon(carbon_cache: CarbonCache) -> None:
    reporter = CarbonReporter("127.0.0.1", carbon_cache.port, "short", pytest.fail)
    reporter.report(END, final=True)
    reporter.close()
    wait_until(lambda: carbon_cache.points("short.finished") == [6], "the end did not arrive")


def test_a_map_pushes_its_progress(carbon_cache: CarbonCache, nothing_left: None) -> None:
    results = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: {"half": 1 / pset["a"]},
        [{"a": a} for a in range(4)],
        carbon_server="127.0.0.1",
        carbon_port=carbon_cache.port,
        carbon_prefix="through.map",
    )
    assert results.progress.finished == 3
    expected = {name: getattr(results.progress, name) for name in carbon.COUNTERS}
    wait_until(lambda: carbon_cache.last("through.map") == expected, "the end did not arrive")


def test_a_map_without_its_server_ends_with_one_warning_in_the_log(nothing_left: None) -> None:
    results = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: {"b": pset["a"]},
        [{"a": a} for a in range(4)],
        carbon_server="127.0.0.1",
        carbon_port=free_port(),
    )
    assert results.b.tolist() == [0, 1, 2, 3]
    (log,) = Path().glob(".paramsurvey-*.log")
    assert log.read_text().count("Progress does not reach Carbon") == 1


# servers that are not as they should be


class FakeCarbon:
    """Reads points; hangs up after so many messages, each time somebody calls."""

    def __init__(self, messages_per_call: float = float("inf"), calls: float = float("inf")) -> None:
        self.points: Points = {}
        self.calls = 0
        self._messages_per_call = messages_per_call
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._calls_left = calls
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with self._server:
            while self.calls < self._calls_left:
                with self._server.accept()[0] as connection:
                    self.calls += 1
                    self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        stream, messages = connection.makefile("rb"), 0
        while messages < self._messages_per_call and (header := stream.read(4)):
            for metric, (second, value) in pickle.loads(stream.read(*struct.unpack("!L", header))):
                self.points.setdefault(metric, {})[second] = value
            messages += 1


class Notes(list[str]):
    """What a reporter noted, and a way to wait for it: notes are only made while it is called."""

    def wait(self, reporter: CarbonReporter) -> None:
        wait_until(lambda: reporter.report(HALFWAY, final=False) or self, "nothing was noted")


@pytest.fixture
def notes() -> Notes:
    return Notes()


def close_in_time(reporter: CarbonReporter) -> None:
    before = time.monotonic()
    reporter.close()
    assert time.monotonic() - before < carbon.PARTING + 5  # 5: for a machine that is busy


def test_nobody_listens(nothing_left: None, notes: Notes) -> None:
    reporter = CarbonReporter("127.0.0.1", free_port(), None, notes.append)
    notes.wait(reporter)
    reporter.report(END, final=True)
    close_in_time(reporter)
    assert len(notes) == 1
    assert "Connection refused" in notes[0]
    assert notes[0].endswith("check carbon_server and carbon_port.")


@pytest.mark.parametrize(("server", "port"), [("x" * 300, 2004), ("127.0.0.1", 99999)])
def test_an_address_that_cannot_be(nothing_left: None, notes: Notes, server: str, port: int) -> None:
    reporter = CarbonReporter(server, port, None, notes.append)
    reporter.report(END, final=True)
    close_in_time(reporter)
    assert len(notes) == 1


def test_a_server_that_accepts_and_never_reads(nothing_left: None, notes: Notes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reporter = CarbonReporter(*server.getsockname(), None, notes.append)
        reporter.report(END, final=True)
        close_in_time(reporter)
    assert len(notes) == 1
    assert "timed out" in notes[0]


def test_a_server_that_reads_no_more_and_has_its_buffers_full(
    nothing_left: None, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carbon, "_message", lambda prefix, samples: bytes(50_000_000))
    with socket.create_server(("127.0.0.1", 0)) as server:
        reporter = CarbonReporter(*server.getsockname(), None, notes.append)
        notes.wait(reporter)
        reporter.report(END, final=True)
        close_in_time(reporter)
    assert len(notes) == 1


def test_a_server_that_goes_half_way(nothing_left: None, notes: Notes) -> None:
    server = FakeCarbon(messages_per_call=1, calls=1)
    reporter = CarbonReporter("127.0.0.1", server.port, "x", notes.append)
    notes.wait(reporter)
    reporter.report(END, final=True)
    close_in_time(reporter)
    assert len(notes) == 1
    assert set(server.points) == {f"x.{name}" for name in carbon.COUNTERS}


def test_a_server_that_hangs_up_and_is_there_again_gets_the_end(notes: Notes) -> None:
    server = FakeCarbon(messages_per_call=1)
    reporter = CarbonReporter("127.0.0.1", server.port, "x", notes.append)
    notes.wait(reporter)
    reporter.report(END, final=True)
    reporter.close()
    wait_until(lambda: 6 in server.points["x.finished"].values(), "the end did not arrive")
    assert server.calls >= 2
    assert len(notes) == 1


def test_a_connection_that_was_cut_is_noticed_before_a_message_is_lost_in_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = carbon._Connection(*server.getsockname())
        line.send(b"one")
        connection, _ = server.accept()
        assert connection.recv(3) == b"one"
        connection.close()
        with pytest.raises(ConnectionResetError, match="closed the connection"):
            line.send(b"two")
        line.drop()


@pytest.mark.parametrize(
    ("prefix", "metric"),
    [
        (None, "paramsurvey.total"),
        ("", "paramsurvey.total"),
        ("...", "paramsurvey.total"),
        ("a.b..", "a.b.total"),
    ],
)
def test_the_prefix(prefix: str | None, metric: str) -> None:
    server = FakeCarbon(calls=1)
    reporter = CarbonReporter("127.0.0.1", server.port, prefix, pytest.fail)
    reporter.report(END, final=True)
    reporter.close()
    assert server.points[metric] == dict.fromkeys(server.points[metric], 7)


# the sampling, without a server and without waiting


class FakeLine:
    """A connection that is cut for some seconds."""

    def __init__(self, clock: FakeSeconds, cut: range) -> None:
        self.clock = clock
        self.cut = cut
        self.attempts = 0
        self.points: Points = {}

    def send(self, message: bytes) -> None:
        self.attempts += 1
        if int(self.clock.now) in self.cut:
            raise ConnectionError("cut")
        for metric, (second, value) in pickle.loads(message[4:]):
            self.points.setdefault(metric, {})[second] = value

    def hang_up(self) -> None: ...

    def drop(self) -> None: ...


class FakeSeconds:
    """The module's clocks, and the event whose waiting moves them; closes at `end`."""

    def __init__(self, start: float, end: float) -> None:
        self.now = start
        self.end = end

    def wait(self, seconds: float) -> bool:
        self.now += seconds * 1.5  # a busy machine: never in time
        return self.now >= self.end

    def time(self) -> float:
        return self.now

    monotonic = time


def sample(monkeypatch: pytest.MonkeyPatch, seconds: int, cut: range = range(0)) -> FakeLine:
    clock = FakeSeconds(0.9, seconds)
    monkeypatch.setattr(carbon, "time", clock)
    line = FakeLine(clock, cut)
    sender = carbon._Sender(line, "x")  # type: ignore[arg-type]
    sender.counts = (7, 2, 3, 0, 0)
    sender.run(clock)  # type: ignore[arg-type]
    return line


def test_every_second_has_a_point_however_rarely_the_survey_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    line = sample(monkeypatch, seconds=50)
    seconds = list(line.points["x.finished"])
    assert seconds == list(range(1, 51))


def test_points_of_an_outage_are_sent_later(monkeypatch: pytest.MonkeyPatch) -> None:
    line = sample(monkeypatch, seconds=200, cut=range(20, 150))
    assert list(line.points["x.finished"]) == list(range(1, 201))
    assert line.attempts < 200  # 267 ticks: it does not knock at each


def test_of_a_long_outage_the_newest_points_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    line = sample(monkeypatch, seconds=3000, cut=range(10, 2999))
    seconds = list(line.points["x.finished"])
    assert seconds[:9] == list(range(1, 10))
    assert seconds[9:] == list(range(3000 - carbon.BACKLOG + 1, 3001))


def test_the_end_is_sent_once_more_after_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    class CutOnce(FakeLine):
        def send(self, message: bytes) -> None:
            self.cut = range(0) if self.attempts else range(10)
            super().send(message)

    clock = FakeSeconds(start=5, end=5)
    monkeypatch.setattr(carbon, "time", clock)
    line = CutOnce(clock, range(0))
    sender = carbon._Sender(line, "x")  # type: ignore[arg-type]
    sender.counts = (7, 0, 7, 0, 0)
    sender.run(clock)  # type: ignore[arg-type]
    assert line.points["x.finished"] == {5: 7}
