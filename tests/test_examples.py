"""The installed example programs, run as a user runs them, and the worker functions beside them."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from paramsurvey.examples import burn_worker, sleep_worker

HANGS = 600  # seconds: no program takes that long on any machine


class Run(Protocol):
    def __call__(
        self, program: str, *args: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run an installed program in an empty directory, and check that it leaves one log file."""

    def run(program: str, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        path = shutil.which(program, path=str(Path(sys.executable).parent))
        assert path is not None, f"{program} is not installed: pip install -e '.[dev]'"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAMSURVEY")}
        done = subprocess.run(
            [path, *args],
            cwd=tmp_path,
            env=clean | (env or {}),
            capture_output=True,
            text=True,
            timeout=HANGS,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert len(list(tmp_path.glob(".paramsurvey-*.log"))) <= 1
        return done

    return run


def numbers(line: str) -> list[int]:
    return [int(word) for word in line.split()]


def test_sleep_worker_returns_what_it_slept() -> None:
    assert sleep_worker({"duration": 0.001}, {}, None) == {"slept": 0.001}


def test_burn_worker_returns_what_it_burned_and_times_it() -> None:
    raw_stats: dict[str, list[float]] = {}
    assert burn_worker({"duration": 0.001}, {"raw_stats": raw_stats}, None) == {"burned": 0.001}
    assert list(raw_stats) == ["foo"]
    assert raw_stats["foo"][0] >= 0.001


def test_readme_example_prints_its_ten_lines(run: Run, tmp_path: Path) -> None:
    done = run("paramsurvey-readme-example.py")
    assert done.stdout == "0.3 0.3\n" * 10
    assert "progress" in done.stderr
    assert len(list(tmp_path.iterdir())) == 1, "one log file and nothing else"


def test_multistage_example_crosses_the_results_of_the_first_map(run: Run) -> None:
    header, *rows = run("paramsurvey-multistage-example.py").stdout.splitlines()
    assert header.split() == ["a", "b", "expensive", "c", "final"]
    expected = [(a, b, a + b, c, a + b + c) for a in (1, 2, 3) for b in (4, 5, 6) for c in (7, 8, 9)]
    assert [tuple(numbers(row)[1:]) for row in rows] == expected


def test_greedy_example_picks_every_station_once(run: Run) -> None:
    done = run("paramsurvey-greedy-example.py")
    *rounds, last = done.stdout.splitlines()
    order = last.removeprefix("the final station order is ").split()
    assert sorted(order) == list("ABCDEFGHIJ")
    assert rounds == [f"picking station(s) {station}" for station in order]
    assert done.stderr == "", "verbose=0"


def test_command_line_example_prints_exit_codes_and_outputs(run: Run) -> None:
    assert run("paramsurvey-cli.py").stdout == "0 1\n0 2\n0 3\n"


def test_stats_example_times_the_parts_of_its_worker(run: Run) -> None:
    done = run("paramsurvey-stats-example.py")
    assert done.stdout == ""
    means = dict(re.findall(r"counter (.+), total .+, mean (.+)s, counts 5", done.stderr))
    assert set(means) == {
        *(f"{part} {timer}" for part in ("cpu-loop", "sleep1-loop") for timer in ("wallclock", "iowait")),
        "stats-example_wallclock",
        "stats-example_iowait",
    }
    assert float(means["sleep1-loop iowait"]) > 0
    assert float(means["stats-example_wallclock"]) >= 2.0


def test_rerun_example_goes_on_until_nothing_is_missing(run: Run) -> None:
    lines = run("paramsurvey-rerun-missing.py").stdout.splitlines()
    assert "final missing count 0" in lines
    missing = [int(line.split()[2]) for line in lines if line.startswith("missing count")]
    assert missing == sorted(missing, reverse=True)
    assert missing[-1] == 0


def test_workers_that_load_an_example_never_pay_for_pandas() -> None:
    code = """
import sys
from paramsurvey.examples import carbon, commandline, digits, greedy, multistage
from paramsurvey.examples import readme, rerun_missing, timers
print({'pandas', 'sklearn', 'matplotlib'} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


class Carbon(threading.Thread):
    """A server that takes points in Carbon's pickle protocol from one connection."""

    def __init__(self, server: socket.socket) -> None:
        super().__init__(daemon=True)
        self._server = server
        self.port = str(server.getsockname()[1])
        self.values: dict[str, float] = {}
        self.start()

    def run(self) -> None:
        connection, _ = self._server.accept()
        with connection, connection.makefile("rb") as stream:
            while header := stream.read(4):
                points = pickle.loads(stream.read(struct.unpack("!L", header)[0]))
                self.values |= {name: value for name, (_, value) in points}


@pytest.fixture
def carbon() -> Iterator[Carbon]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(HANGS)
        yield Carbon(server)


def test_carbon_example_pushes_its_progress(run: Run, carbon: Carbon) -> None:
    done = run("paramsurvey-carbon-example.py", "127.0.0.1", carbon.port, env={"PARAMSURVEY_LIMIT": "4"})
    assert done.stdout == "total: 4, active: 0, finished: 4, failures: 0, exceptions: 0\n"
    carbon.join(HANGS)
    assert carbon.values["paramsurvey.test.total"] == 4
    assert carbon.values["paramsurvey.test.finished"] == 4


def test_carbon_example_needs_no_server(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = run("paramsurvey-carbon-example.py", "127.0.0.1", str(port), env={"PARAMSURVEY_LIMIT": "4"})
    assert "finished: 4" in done.stdout


def test_pset_creation_example_numbers_its_psets_and_names_their_files(run: Run) -> None:
    header, *rows = run("pset-creation-example.py").stdout.splitlines()
    assert header.split() == ["a", "b", "i", "j", "outname"]
    expected = [(a, b, f"outfile-{a}-{b}") for a in (1, 2, 3) for b in (4, 5, 6)]
    assert [row.split() for row in rows] == [
        [str(i), str(a), str(b), str(i), str(i), name] for i, (a, b, name) in enumerate(expected)
    ]


@pytest.mark.limit(300)  # it computes for half a minute
def test_digits_example_surveys_and_reports(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    pd = pytest.importorskip("pandas")
    one_kernel = {"PARAMSURVEY_LIMIT": "90"}  # and one split
    done = run("paramsurvey-digits-example.py", "out", env=one_kernel)
    table = pd.read_parquet(tmp_path / "out" / "digits.parquet")
    assert list(table.columns) == ["split", "kernel", "gamma", "C", "accuracy", "support_vectors"]
    assert len(table) == 81
    assert table["accuracy"].max() > 0.98
    assert "9 of 90 psets failed" in done.stdout
    assert "Got 0.0 instead" in done.stdout
    assert "counter training, 99%tile:" in done.stderr
    assert (tmp_path / "out" / "digits.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("package", ["sklearn", "matplotlib", "pyarrow"])
def test_digits_example_says_what_to_install(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from paramsurvey.examples import digits; digits.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 1
    assert done.stderr.endswith("pip install 'paramsurvey[demo]'\n")
    assert "Traceback" not in done.stderr
