"""The `paramsurvey` program: surveys of commands, without a line of Python.

Nothing is loaded here: workers import what runs their commands from this package.
"""

from __future__ import annotations


def main() -> None:
    """Run the program with the arguments of this process, and end the process with its exit code."""
    from paramsurvey.cli.program import run_program
    from paramsurvey.cli.streams import drop_what_cannot_be_written, open_closed_streams

    open_closed_streams()
    code = run_program()
    drop_what_cannot_be_written()
    raise SystemExit(code)
