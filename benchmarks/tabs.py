"""Tabs that show a live page, without a browser: each asks for what the page's own script asks for, as often.

Usage: python benchmarks/tabs.py COUNT ADDRESS [--chromium]     until stdin ends

It prints a line when every tab has seen the page. With --chromium, one of them is a real browser, if there
is one.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EVERY, SLOWLY = 1.0, 3.0  # seconds between two looks while the survey runs, and while it does not: as live.js
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",  # without it, it ends when the page is loaded
)


class Tab:
    """One tab.

    Parameters
    ----------
    address : str
        That of the page, with its token.
    """

    def __init__(self, address: str) -> None:
        self._where, _, token = address.removeprefix("http://").partition("/")
        self._digests: dict[str, str] = {}
        self._cookie = self._ask(f"/{token}", {}).headers["set-cookie"].partition(";")[0]
        for path in ("/", "/style.css", "/slicer.js", "/live.js"):
            self.load(path)

    def load(self, path: str) -> str:
        """Return what the page has at a path."""
        with self._ask(path, {"Cookie": self._cookie}) as answer:
            assert answer.status == 200
            return answer.read().decode()

    def look(self) -> float:
        """Ask how the survey is, load what has changed, and return in how many seconds to look again."""
        told = json.loads(self.load("/now"))
        for name, digest in told["digests"].items():
            if self._digests.get(name) != digest:
                self.load("/cells" if name == "cells" else f"/section/{name}")
                self._digests[name] = digest
        return EVERY if told["live"] else SLOWLY

    def _ask(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._where)
        connection.request("GET", path, headers=headers)
        return connection.getresponse()


@contextmanager
def open_tabs(count: int, address: str) -> Iterator[None]:
    """Tabs in a process of their own, one of them a browser where there is one."""
    command = [sys.executable, __file__, str(count), address, "--chromium"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline(), "the tabs could not be opened"
            yield
        finally:
            process.stdin.close()


@contextmanager
def _browser(program: str, address: str) -> Iterator[Any]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", address]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet) as process:  # type: ignore[call-overload]
            try:
                yield process
            finally:
                process.terminate()


def _keep_looking(tab: Tab, closed: threading.Event) -> None:
    while not closed.wait(tab.look()):
        pass


def _until_stdin_ends(count: int, address: str) -> None:
    closed = threading.Event()
    tabs = [Tab(address) for _ in range(count)]
    threads = [threading.Thread(target=_keep_looking, args=(tab, closed)) for tab in tabs]
    for thread in threads:
        thread.start()
    print("opened", flush=True)
    sys.stdin.read()
    closed.set()
    for thread in threads:
        thread.join()


def main() -> None:
    """Open tabs, and close them when stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("address")
    parser.add_argument("--chromium", action="store_true")
    asked = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not (asked.chromium and program and asked.count):
        _until_stdin_ends(asked.count, asked.address)
        return
    with _browser(program, asked.address):
        _until_stdin_ends(asked.count - 1, asked.address)


if __name__ == "__main__":
    main()
