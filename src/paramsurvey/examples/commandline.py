"""A command-line program for each parameter set."""

from __future__ import annotations

import subprocess

import paramsurvey
from paramsurvey.utils import subprocess_run_worker


def main() -> None:
    """Run ``echo`` three times, and print what it said."""
    paramsurvey.init(backend="multiprocessing")

    psets = [{"run_args": ["echo", str(number)]} for number in (1, 2, 3)]
    # These are keyword arguments of subprocess.run. With shell=True, run_args may be one string.
    run_kwargs = {"stdout": subprocess.PIPE, "encoding": "utf-8"}
    results = paramsurvey.map(subprocess_run_worker, psets, user_kwargs={"run_kwargs": run_kwargs})

    for row in results.itertuples():
        print(row.cli.returncode, row.cli.stdout.rstrip())  # row.cli is a subprocess.CompletedProcess


if __name__ == "__main__":
    main()
