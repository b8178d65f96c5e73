"""``paramsurvey view``: a run in the browser, while it runs and after it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from paramsurvey.cli.checkpoints.saved_command import check_started
from paramsurvey.cli.errors import BadUsage, say
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument

EPILOG = """\b
Examples:
  paramsurvey view out
  paramsurvey view out --port 8000 --no-browser

\b
For a run on another machine, type one line on each of the two:
  here:   ssh -L 8000:127.0.0.1:8000 MACHINE
  there:  paramsurvey view out --port 8000
"""


@click.command(epilog=EPILOG, short_help="Show a run in the browser, live.")
@checkpoint_argument
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="The port to listen on, on this machine only; by default, any that is free.",
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Also answer to this name: that of a proxy, or localhost for another port of a tunnel.",
)
def view(directory: str, port: int, no_browser: bool, hosts: tuple[str, ...]) -> None:
    """Show the checkpoint DIR as a page in the browser, and keep it up to date while the run goes on.

    The page can only be looked at, and nothing in the checkpoint is unpickled. Its address has a secret
    token: anyone who knows it can see the page. Ctrl-C ends the page, not the run.
    """
    from paramsurvey.live_page.serving import give_way, listening_socket, need_packages, serve

    need_packages()
    from paramsurvey.checkpoint.stored import read_run_tolerantly
    from paramsurvey.live_page.access import Access, checked_hosts

    check_started(directory)
    read_run_tolerantly(Path(directory), say, set_aside=False)  # refuses what is not a checkpoint
    try:
        allowed = checked_hosts(hosts)
    except ValueError as error:
        raise BadUsage(f"--allow-host: {error}") from error
    try:
        listening = listening_socket(port)
    except OSError as error:
        raise BadUsage(f"--port {port} cannot be used ({error.strerror}): choose another, or none") from error
    with listening:
        access = Access(listening.getsockname()[1], allowed)
        print(access.address, flush=True)
        say("open this address; Ctrl-C ends the page, not the run")
        if not no_browser and _has_display():
            _open_browser(access.address)
        give_way()
        with suppress(KeyboardInterrupt):  # Ctrl-C, before it serves
            serve(directory, listening, access)


def _open_browser(address: str) -> None:
    """Open a browser, which may take its time, without waiting for it."""
    import threading
    import webbrowser

    with suppress(RuntimeError):  # no thread can be started: the address is shown all the same
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_display() -> bool:
    """Tell whether a browser would open a window; one in the terminal would take that over."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
