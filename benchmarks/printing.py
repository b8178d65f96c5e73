"""What the live view costs programs that print 12,000 lines, on a terminal: with it and without it, by turns.

Usage: python benchmarks/printing.py
"""

from __future__ import annotations

import os
import pty
import statistics
import sys
import time

from common import HEAD, Row, machine, median_ratio

LINES = 12_000
ROUNDS = 11
TARGET = 2.0  # times what they cost without the view
BEGIN, LAST = b"line 0\r\n", b"line %d\r\n" % (LINES - 1)
PROGRAM = f"""
import sys, time
import paramsurvey

def flood():
    for number in range({LINES}):
        print("line", number)

def fit(pset, system_kwargs, user_kwargs):
    time.sleep(1.0)  # until the view is there
    if pset["where"] == "a worker":
        flood()

def tell(user_ret, system_kwargs, user_kwargs):
    if user_ret["pset"]["where"] == "the driver":
        flood()

where, view = sys.argv[1:]
paramsurvey.init(ncores=1)
plain = {{}} if view == "view" else {{"progress_dt": 3600.0}}  # with an interval, there are lines instead
paramsurvey.map(fit, [{{"where": where}}], out_func=tell, **plain)
"""


def rows() -> list[Row]:
    """Measure lines of a worker, and lines of the program itself."""
    return [_row(where) for where in ("a worker", "the driver")]


def _row(where: str) -> Row:
    times: dict[str, list[float]] = {"view": [], "plain": []}
    for _ in range(ROUNDS):
        for view, measured in times.items():
            measured.append(printing_seconds(where, view))
    ratio = median_ratio(times["view"], times["plain"])
    with_view, without = (statistics.median(measured) for measured in times.values())
    return Row(
        f"{LINES:,} lines that {where} prints to a terminal, with the live view",
        f"{ratio:.2f}× ({without:.2f} s without, {with_view:.2f} s with it)",
        f"≤ {TARGET:g}× without it",
        ratio <= TARGET,
    )


def printing_seconds(where: str, view: str) -> float:
    """Run the program in a terminal of its own, and return how long it takes until all lines are there."""
    arguments = [sys.executable, "-c", PROGRAM, where, view]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, arguments, {**os.environ, "TERM": "xterm"})
    shown, seen = bytearray(), {}
    with open(terminal, "rb", buffering=0) as screen:
        while data := _read(screen.fileno()):
            shown += data
            for line in (BEGIN, LAST):
                if line not in seen and line in shown[-len(data) - len(line) :]:
                    seen[line] = time.perf_counter()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, shown[-2000:].decode()
    assert (b"\x1b[" in shown) == (view == "view")
    return seen[LAST] - seen[BEGIN]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other side has closed it
        return b""


if __name__ == "__main__":
    print(machine())
    print(HEAD)
    for row in rows():
        print(row)
