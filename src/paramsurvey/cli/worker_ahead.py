"""A worker that starts while the program is still reading its arguments and loading its modules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paramsurvey.backends import stand_in
from paramsurvey.cli.options.run_options import RunOptions
from paramsurvey.engine.option_precedence import resolve
from paramsurvey.errors import OptionError

if TYPE_CHECKING:
    from paramsurvey.engine.options import Options

MODULES = (  # which workers need for commands
    "paramsurvey.cli.command.execute",
    "paramsurvey.cli.psets.listed",
    "paramsurvey.transport.private_arguments",
)


@contextmanager
def worker_ahead(options: RunOptions) -> Iterator[None]:
    """Start the first worker of a run of commands; end it at the end if nothing has used it.

    Only one, because more would take time from this process on a machine with few cores.
    """
    resolved = _resolved(options)
    if options.dry_run or resolved is None or not _are_ours(resolved):
        yield
        return
    from paramsurvey.backends.multiprocessing import started_ahead
    from paramsurvey.session.thread_variables import ThreadVariables

    try:
        threads = ThreadVariables(os.environ, resolved.threads_per_worker)  # as the session will set them
        started_ahead.start(MODULES)
        threads.restore()
        yield
    finally:
        started_ahead.end()


def _resolved(options: RunOptions) -> Options | None:
    """Return the options with the environment variables; None where the plan will refuse them."""
    try:
        return resolve(os.environ, options.for_session())
    except OptionError:
        return None


def _are_ours(resolved: Options) -> bool:
    """Tell whether worker processes of our own run the psets."""
    return bool(resolved.backend == "multiprocessing" and not stand_in.notice(resolved.backend))
