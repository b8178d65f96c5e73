"""The eight programs that 0.4 installs: 0.4's own, run on this package, and ours of the same names."""

from __future__ import annotations

import os
import pickle
import re
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from conftest import wait_until
from drop_in.releases import HANGS, NEW, OLD, Ran, run

CARBON_PORT = 2005  # the port that the example program of 0.4 names

pytestmark = pytest.mark.usefixtures("old_pandas")


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return three directories: for 0.4's program on 0.4, for the same here, and for ours of its name."""
    places = tmp_path / "original", tmp_path / "unchanged", tmp_path / "ours"
    for place in places:
        place.mkdir()
    return places


def run_all(program: str, places: tuple[Path, Path, Path]) -> tuple[Ran, Ran, Ran]:
    """Run a program of 0.4 on 0.4, the very same file here, and the program that we install in its place."""
    original = OLD.program(program)
    with ThreadPoolExecutor(2) as threads:
        on_old = threads.submit(run, OLD, original, places[0])
        unchanged, ours = run(NEW, original, places[1]), run(NEW, NEW.program(program), places[2])
        return on_old.result(), unchanged, ours


def words(text: str) -> list[list[str]]:
    """Return the words of every line, so that the width of a column does not matter; sorted."""
    return sorted(line.split() for line in text.splitlines())


@pytest.mark.parametrize("name", ["paramsurvey-readme-example.py", "paramsurvey-cli.py"])
def test_prints_the_same(name: str, three: tuple[Path, Path, Path]) -> None:
    original, unchanged, ours = run_all(name, three)
    assert words(original.stdout) == words(unchanged.stdout) == words(ours.stdout) != []


def test_pset_creation_prints_the_same_table(three: tuple[Path, Path, Path]) -> None:
    original, unchanged, ours = run_all("pset-creation-example.py", three)
    assert original.stdout == unchanged.stdout == ours.stdout != ""


def test_multistage_prints_the_same_rows(three: tuple[Path, Path, Path]) -> None:
    """Without the row numbers: 0.4 numbers the rows as they finish."""
    prints = [ran.stdout.splitlines() for ran in run_all("paramsurvey-multistage-example.py", three)]
    header, *others = [lines[0].split() for lines in prints]
    assert header == ["a", "b", "expensive", "c", "final"]
    assert others == [header, header]
    original, unchanged, ours = [sorted(line.split()[1:] for line in lines[1:]) for lines in prints]
    assert original == unchanged == ours
    assert len(ours) == 27


def test_greedy_picks_every_station_once(three: tuple[Path, Path, Path]) -> None:
    for ran in run_all("paramsurvey-greedy-example.py", three):
        *picks, last = ran.stdout.splitlines()
        assert all(line.startswith("picking station(s) ") for line in picks)
        assert last.startswith("the final station order is ")
        assert sorted(last.split()[5:]) == list("ABCDEFGHIJ")


def test_rerun_missing_runs_until_nothing_is_missing(three: tuple[Path, Path, Path]) -> None:
    for ran in run_all("paramsurvey-rerun-missing.py", three):
        counts = [int(count) for count in re.findall(r"^missing count (\d+)$", ran.stdout, re.MULTILINE)]
        assert counts == sorted(counts, reverse=True)
        assert f"final missing count {counts[-1]}" in ran.stdout
        words = {re.sub(r"[\d.]+", "N", line) for line in ran.stdout.splitlines()}
        assert words == {
            "initial driver vmem N GB",
            "driver about call map N GB",
            "start of a worker, vmem is N GB",
            "missing count N",
            "final missing count N",
            "final driver vmem N GB",
        }


def test_the_statistics_are_printed_once(three: tuple[Path, Path, Path]) -> None:
    tables = [table_of(ran.stderr) for ran in run_all("paramsurvey-stats-example.py", three)]
    assert tables[0] == tables[1] == tables[2]
    assert len(tables[0]) == 30, "six timers of five lines, each once"


def table_of(text: str) -> list[str]:
    """Return the lines of the statistics without their numbers."""
    lines = [line for line in text.splitlines() if line.startswith("counter ")]
    return [re.sub(r"[\d.]+s\b", "N s", line) for line in lines]


def test_carbon_gets_the_same_metrics(three: tuple[Path, Path, Path]) -> None:
    name = "paramsurvey-carbon-example.py"
    address = ("127.0.0.1", str(CARBON_PORT))  # ours is told where Carbon is
    runs = ((OLD, OLD, ()), (NEW, OLD, ()), (NEW, NEW, address))
    for (release, owner, args), place in zip(runs, three, strict=True):
        with carbon_server() as names:
            run(release, owner.program(name), place, *args, env={"PARAMSURVEY_LIMIT": "8"})
        counters = ("total", "active", "finished", "failures", "exceptions")
        assert names == {f"paramsurvey.test.{counter}" for counter in counters}, release.name


@contextmanager
def carbon_server() -> Iterator[set[str]]:
    """Listen where the example sends its points; gives the names of the metrics that came."""
    names: set[str] = set()

    class Receiver(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while header := self.rfile.read(4):
                (size,) = struct.unpack("!L", header)
                names.update(name for name, _ in pickle.loads(self.rfile.read(size)))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = False
        block_on_close = True

    with _listening(lambda: Server(("127.0.0.1", CARBON_PORT), Receiver)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield names
        finally:
            server.shutdown()
            thread.join()


def _listening(server: Callable[[], socketserver.TCPServer]) -> socketserver.TCPServer:
    """Return a server, made as soon as no other run of these tests has the port any more."""
    made: list[socketserver.TCPServer] = []

    def try_again() -> bool:
        with suppress(OSError):
            made.append(server())
        return bool(made)

    wait_until(try_again, f"port {CARBON_PORT} is in use by another program", seconds=HANGS)
    return made[0]


def test_the_programs_have_the_names_that_0_4_installs() -> None:
    theirs = {path.name for path in OLD.python.parent.glob("*-*.py") if "paramsurvey" in path.read_text()}
    assert len(theirs) == 8
    assert all(os.access(NEW.program(name), os.X_OK) for name in theirs)
