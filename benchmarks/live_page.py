"""What the live page costs: the survey's process, and the page's memory.

Usage: python benchmarks/live_page.py

Telling: what the survey's process does once a second for others, with many workers that run many psets; as a
part of one core. Tabs cost it nothing more, for it does not serve them.
Reloads: the page of a survey is loaded again and again; its memory must not grow.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from common import HEAD, Row, machine

import paramsurvey
from paramsurvey.checkpoint.run_json.live_file import NAME, write_live
from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.reporting.outlook import OutlookMaker
from paramsurvey.worker.machine import host_name

TOLD = 100  # times
MOST_CPU = 0.01
RELOADS = 1000
WARM_UP = 100
MOST_GROWTH = 20e6  # bytes


class ManyWorkers:
    """As many workers as are told of, which are processes of this machine and run a pset each."""

    def __init__(self, pids: list[int]) -> None:
        self._places = [(WorkerPlace(at, pid, host_name()), at) for at, pid in enumerate(pids)]

    def running(self) -> list[tuple[int, float]]:
        return [(number, 100.0 - number) for number in range(100)]

    def workers(self) -> list[tuple[WorkerPlace, int | None]]:
        return list(self._places)

    def core_count(self) -> int:
        return 100

    def pset(self, row: int) -> dict[str, Any]:
        return {"alpha": row / 7, "beta": row % 5, "kind": "rbf", "seed": row * 1000}


def telling(directory: Path) -> Row:
    """Tell of a survey again and again, and measure one time."""
    started = [subprocess.Popen(["sleep", "600"]) for _ in range(100)]
    survey = ManyWorkers([process.pid for process in started])
    second = 0
    maker = OutlookMaker(lambda: float(second))
    begun = time.process_time()
    for second in range(TOLD):  # noqa: B007  (the clock)
        write_live(directory, {"written": "", "started": ""}, maker.make(survey, 1e6, (1.0, 2.0), []))
    share = (time.process_time() - begun) / TOLD
    for process in started:
        process.kill()
        process.wait()
    size = (directory / NAME).stat().st_size
    return Row(
        "telling others once a second: 100 workers, each with a pset",
        f"{share:.2%} of a core, {size / 1000:.0f} kB",
        f"< {MOST_CPU:.0%}",
        share < MOST_CPU,
    )


def square(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any]:
    return {"y": pset["a"] ** 2 + pset["b"]}


def reloads(directory: Path) -> Row:
    """Load a survey's page many times."""
    psets = [{"a": a, "b": b, "c": c} for a in range(20) for b in range(20) for c in range(10)]
    with paramsurvey.Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        session.map(square, psets, checkpoint=directory / "out")
    program = "from paramsurvey.cli import main; main()"
    command = [sys.executable, "-c", program, "view", str(directory / "out"), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout is not None
        try:
            load = _loader(page.stdout.readline().strip())
            while "It is being computed" in load("/"):
                time.sleep(0.5)
            before = _memory_after(WARM_UP, load, page.pid)
            begun = time.perf_counter()
            after = _memory_after(RELOADS, load, page.pid)
            each = (time.perf_counter() - begun) / RELOADS
        finally:
            page.terminate()
    return Row(
        f"{RELOADS:,} reloads of a page",
        f"{(after - before) / 1e6:+.1f} MB ({after / 1e6:.0f} MB in all; {each * 1000:.0f} ms each)",
        f"≤ +{MOST_GROWTH / 1e6:.0f} MB",
        after - before <= MOST_GROWTH,
    )


def _loader(address: str) -> Any:
    """Return a function that loads a path with the cookie that the address gives."""
    where, _, token = address.removeprefix("http://").partition("/")

    def ask(path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(where)
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    cookie = ask(f"/{token}", {}).headers["set-cookie"].partition(";")[0]

    def load(path: str) -> str:
        with ask(path, {"Cookie": cookie}) as answer:
            assert answer.status == 200
            return answer.read().decode()

    return load


def _memory_after(times: int, load: Any, pid: int) -> int:
    for _ in range(times):
        load("/")
        load("/now")
    return int(psutil.Process(pid).memory_info().rss)


def rows() -> list[Row]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as directory:
        return [telling(Path(directory)), reloads(Path(directory))]


def main() -> None:
    """Measure, and print the table."""
    print(machine())
    print(HEAD)
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
