"""``paramsurvey tail``: what the commands of a run print, while they run."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from paramsurvey.checkpoint.plain_files import open_plain
from paramsurvey.cli.checkpoints.run_state import is_alive
from paramsurvey.cli.checkpoints.saved_command import check_started
from paramsurvey.cli.errors import BadUsage, say
from paramsurvey.cli.output.printed_output import PrintedOutput
from paramsurvey.cli.output.spool import STREAMS, find_spool, numbers_in_spool, spool_path
from paramsurvey.cli.subcommands.checkpoint_argument import checkpoint_argument
from paramsurvey.transport.safe_text import safe_line

LOOK_SECONDS = 0.1
LAST_LINES = 10
LAST_BYTES = 1 << 16

EPILOG = """\b
Examples:
  paramsurvey tail out        the last lines of all running commands
  paramsurvey tail out 17     all that set 17 prints, until it ends
"""


@click.command(epilog=EPILOG, short_help="Show what commands print while they run.")
@checkpoint_argument
@click.argument("number", required=False, type=click.IntRange(1), metavar="[N]")
def tail(directory: str, number: int | None) -> None:
    """Show what the commands of the run with the checkpoint DIR print, while they run.

    N is the number of a parameter set, from 1. A pipe or a file gets the output as it is; a terminal gets
    its colors, but all other control characters as text.
    """
    spool = _spool(directory)
    if number is None:
        for one in numbers_in_spool(spool):
            _print_last(spool, one)
        return
    if not any(spool_path(spool, number, name).exists() for name in STREAMS):
        known = ", ".join(map(str, numbers_in_spool(spool))) or "none"
        raise BadUsage(
            f"set {number} is not running now, but these are: {known}; for results, use paramsurvey export"
        )
    _follow(spool, number)


def _spool(directory: str) -> str:
    check_started(directory)
    found = find_spool(directory)
    if found is None or not is_alive(directory):
        name, quoted = safe_line(directory), safe_line(shlex.quote(directory))
        raise BadUsage(f"{name}: nothing is running now: for the results, use paramsurvey export {quoted} -")
    host, spool = found
    if not Path(spool).is_dir():
        raise BadUsage(f"{directory}: its commands run on {host}: log in there, and run paramsurvey tail")
    return spool


def _print_last(spool: str, number: int) -> None:
    for name in STREAMS:
        lines = _read(spool, number, name, -LAST_BYTES).split(b"\n")
        whole = lines if lines[-1] else lines[:-1]
        if whole or name == STREAMS[0]:
            print(f"==> {number} {name} <==", flush=True)
            text = b"".join(line + b"\n" for line in whole[-LAST_LINES:])
            PrintedOutput(sys.stdout).write(text, is_last=True)


def _read(spool: str, number: int, name: str, at: int) -> bytes:
    try:
        with open_plain(spool_path(spool, number, name)) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size + at) if at < 0 else at)
            return file.read()
    except OSError:
        return b""


def _follow(spool: str, number: int) -> None:
    """Print what a command writes, until its files are removed; files that are open lose no line."""
    files = {name: open_plain(spool_path(spool, number, name)) for name in STREAMS}
    shown = {name: PrintedOutput(sys.stdout if name == "stdout" else sys.stderr) for name in STREAMS}
    ended = False
    while True:
        for name, file in files.items():
            shown[name].write(file.read(), is_last=ended)
        if ended:
            break
        ended = not spool_path(spool, number, "stdout").exists()
        time.sleep(LOOK_SECONDS)
    for file in files.values():
        file.close()
    say(f"set {number} has ended")
