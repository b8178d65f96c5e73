"""The program ``paramsurvey``: surveys of commands, without a line of Python.

Nothing that takes time is imported at the top: workers import this package in order to run commands.
"""

from __future__ import annotations

import os


def main() -> None:
    """Run the program with the arguments of this process, and end the process with its exit code."""
    try:
        from paramsurvey.cli.program import run_program
        from paramsurvey.cli.streams import discard_unwritable_output, open_closed_streams
    except KeyboardInterrupt:  # nothing has begun, and not even our own messages may be loaded
        os.write(2, b"paramsurvey: interrupted\n")
        os._exit(130)

    open_closed_streams()
    code = run_program()
    discard_unwritable_output()
    raise SystemExit(code)
