"""What becomes of 20 psets when one of them misbehaves: here, and with the usual ways to run them.

Every cell is a run of its own in a process of its own, with a limit on its time. Pools that hang are
told from pools that give up and from those that lose nothing but the faulty pset.

Usage: python benchmarks/faults.py [--limit SECONDS] [--only WAY ...] [--faults FAULT ...]
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil
from executors import EXECUTORS, WORKERS, command

COUNT, GUILTY = 20, 7
FAULTS = {
    "raises": "an exception",
    "killed": "SIGKILL (as by the kernel's out-of-memory killer)",
    "segfault": "a segmentation fault",
    "_exit": "os._exit(3)",
    "sys.exit": "sys.exit(3)",
    "unpicklable": "a result that cannot be pickled",
    "endless": "a pset that never ends, with a timeout of 2 s where there is one",
}


def misbehave(i: int, fault: str) -> Any:
    """Square `i`, or do what `fault` says when it is the turn of the faulty pset."""
    time.sleep(0.02)
    if i == GUILTY:
        if fault == "raises":
            raise ValueError(i)
        if fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "segfault":
            ctypes.string_at(0)
        if fault == "_exit":
            os._exit(3)
        if fault == "sys.exit":
            sys.exit(3)
        if fault == "unpicklable":
            return (x for x in ())
        if fault == "endless":
            time.sleep(10**6)
    return i * i


def collect(futures: list[Any], get: Callable[[Any], Any]) -> Iterator[Any]:
    """Yield the results of those futures that have one."""
    for future in futures:
        try:
            yield get(future)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise


def with_paramsurvey_on(executor: str, fault: str) -> int:
    with EXECUTORS[executor][0]() as pool:
        return with_paramsurvey(pool, fault)


def with_paramsurvey(backend: Any, fault: str) -> int:
    import paramsurvey

    paramsurvey.init(backend=backend, ncores=WORKERS, verbose=0)
    results = paramsurvey.map(
        lambda pset, system_kwargs, user_kwargs: {"y": misbehave(pset["i"], fault)},
        [{"i": i} for i in range(COUNT)],
        timeout=2 if fault == "endless" else None,
    )
    return len(results)


def with_pool(fault: str) -> int:
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        futures = [pool.apply_async(misbehave, (i, fault)) for i in range(COUNT)]
        return len(list(collect(futures, lambda future: future.get())))


def with_executor(name: str, fault: str) -> int:
    import faults  # because Parsl's workers import functions by name, and have another main file

    with EXECUTORS[name][0]() as pool:
        futures = [pool.submit(faults.misbehave, i, fault) for i in range(COUNT)]
        return len(list(collect(futures, lambda future: future.result())))


def with_joblib(fault: str) -> int:
    import joblib

    timeout = 2 if fault == "endless" else None
    tasks = (joblib.delayed(misbehave)(i, fault) for i in range(COUNT))
    results = joblib.Parallel(WORKERS, timeout=timeout, return_as="generator")(tasks)
    got = 0
    try:
        for _ in results:
            got += 1
    except BaseException:
        return got
    return got


def with_mpire(fault: str) -> int:
    import mpire

    timeout = 2 if fault == "endless" else None
    got = 0
    with mpire.WorkerPool(WORKERS, start_method="spawn") as pool:
        try:
            for _ in pool.imap(
                misbehave, [(i, fault) for i in range(COUNT)], chunk_size=1, task_timeout=timeout
            ):
                got += 1
        except BaseException:
            return got
    return got


def with_pebble(fault: str) -> int:
    import multiprocessing

    import pebble

    timeout = 2 if fault == "endless" else None
    with pebble.ProcessPool(WORKERS, context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.schedule(misbehave, (i, fault), timeout=timeout) for i in range(COUNT)]
        return len(list(collect(futures, lambda future: future.result())))


def with_ray(fault: str) -> int:
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(misbehave)
    futures = [remote.remote(i, fault) for i in range(COUNT)]
    return len(list(collect(futures, ray.get)))


Way = tuple[Callable[[str], int], str]
WAYS: dict[str, Way] = {
    "paramsurvey": (partial(with_paramsurvey, "multiprocessing"), "paramsurvey"),
    "paramsurvey on Ray": (partial(with_paramsurvey, "ray"), "ray"),
    **{
        f"paramsurvey on {name}": (partial(with_paramsurvey_on, name), package)
        for name, (_, package) in EXECUTORS.items()
    },
    "multiprocessing.Pool": (with_pool, ""),
    **{name: (partial(with_executor, name), package) for name, (_, package) in EXECUTORS.items()},
    "joblib": (with_joblib, "joblib"),
    "mpire": (with_mpire, "mpire"),
    "Pebble": (with_pebble, "pebble"),
    "Ray tasks": (with_ray, "ray"),
}


def measure(way: str, fault: str, limit: float) -> str:
    """Run one cell in a process of its own, and say what came of it."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [*command(way), __file__, "--cell", way, fault],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))},
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        end_session(process.pid)
    kept = [line.removeprefix("kept ") for line in output.splitlines() if line.startswith("kept ")]
    if not kept:
        return f"the program ends with exit code {process.returncode}"
    return f"{kept[0]} of {COUNT}, {time.monotonic() - begun:.1f} s"


def end_session(session: int) -> None:
    """Kill what a cell has left behind; daemons have process groups of their own."""
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGKILL)


def version_of(package: str) -> str:
    """Return a package's version, or Python's for what comes with it."""
    return version(package) if package else ".".join(map(str, sys.version_info[:3]))


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds until a run counts as hanging")
    parser.add_argument("--only", nargs="+", choices=WAYS, metavar="WAY", help="measure these ways alone")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, metavar="FAULT", help="these faults alone")
    parser.add_argument("--cell", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        way, fault = arguments.cell
        print(f"kept {WAYS[way][0](fault)}", flush=True)
        return
    begun = time.monotonic()
    ways = [way for way in WAYS if not arguments.only or way in arguments.only]
    faults = arguments.faults or FAULTS
    print(f"| | {' | '.join(faults)} |\n|---{'|---' * len(faults)}|")
    for way in ways:
        try:
            name = f"{way} {version_of(WAYS[way][1])}"
        except PackageNotFoundError:
            print(f"| {way} | not installed |")
            continue
        cells = [measure(way, fault, arguments.limit) for fault in faults]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\nMeasured in {(time.monotonic() - begun) / 60:.1f} minutes.")
    print(f"{COUNT} psets of 20 ms, {WORKERS} workers, number {GUILTY} has the fault:")
    for fault, what in FAULTS.items():
        print(f"- {fault}: {what}")


if __name__ == "__main__":
    main()
