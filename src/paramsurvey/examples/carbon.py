"""Watch a survey from a dashboard: its progress goes to a Carbon server, for instance Graphite's."""

from __future__ import annotations

import argparse

import paramsurvey
from paramsurvey.examples import sleep_worker


def main() -> None:
    """Sleep 100 times, and tell Carbon how many are total, active, finished, failures, exceptions."""
    parser = argparse.ArgumentParser(description="Push the progress of a survey to a Carbon server.")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="where Carbon is (%(default)s)")
    parser.add_argument("port", nargs="?", default=2004, type=int, help="its pickle port (%(default)s)")
    carbon = parser.parse_args()

    paramsurvey.init(
        backend="multiprocessing",
        carbon_server=carbon.host,
        carbon_port=carbon.port,
        carbon_prefix="paramsurvey.test",
    )
    psets = [{"duration": 0.3}] * 100
    results = paramsurvey.map(sleep_worker, psets, verbose=2)
    print(results.progress)


if __name__ == "__main__":
    main()
