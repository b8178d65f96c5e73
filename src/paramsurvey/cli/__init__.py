"""The program ``paramsurvey``: surveys of commands, without a line of Python.

Nothing that takes time is imported at the top: workers import this package in order to run commands.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress

from paramsurvey.cli.interrupts import INTERRUPTED, noted_interrupts
from paramsurvey.fast_import import garbage_collection_off


def main() -> None:
    """Run the program with the arguments of this process, and end the process with its exit code."""
    code, owner = 0, os.getpid()

    def end_at_once() -> None:
        """End the process without the interpreter's clean-up.

        The clean-up takes time, and aborts the process if Arrow is starting a thread at that moment.
        """
        if os.getpid() != owner:
            return  # a fork, which has an exit code of its own
        if "paramsurvey.backends.serial" in sys.modules:
            return  # a user's function has run here, whose C or Fortran code writes its buffers later
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)

    atexit.register(end_at_once)  # before all others, so it runs after them
    with noted_interrupts() as was_interrupted:
        try:
            with garbage_collection_off():
                from paramsurvey.cli.program import run_program
                from paramsurvey.cli.streams import (
                    discard_unwritable_output,
                    open_closed_streams,
                    show_warnings_as_messages,
                    write_any_character,
                )
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and not was_interrupted():
                raise
            os.write(2, b"paramsurvey: interrupted\n")  # our own messages may not even be loaded
            os._exit(INTERRUPTED)

    if hasattr(signal, "SIGCHLD"):  # not on Windows
        # what has started this program may ignore it, but then the system keeps no exit codes of commands
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    open_closed_streams()
    show_warnings_as_messages()
    write_any_character()
    code = run_program()
    discard_unwritable_output()
    raise SystemExit(code)
