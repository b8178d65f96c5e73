"""Ends processes that the user's code forked and that have returned from it into ours."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from paramsurvey.transport.output_store import flush_streams


def end_if_forked(owner: int, error: BaseException | None = None) -> None:
    """End this process if it is not `owner`, but a child that the user's function forked.

    A child that returns from the function, or raises, for example by ``sys.exit``, would go on as a second
    copy of the program, with the same workers, connections and checkpoint.

    Parameters
    ----------
    owner : int
        The id of the process that called the function.
    error : exception, optional
        What the function raised. The child ends with the exit code of a SystemExit; any other exception is
        printed, and the exit code is 1.
    """
    if os.getpid() == owner:
        return
    if error is not None and not isinstance(error, SystemExit):
        traceback.print_exception(error)
    code = error.code if isinstance(error, SystemExit) else error and 1
    with suppress(Exception):
        flush_streams()
    os._exit(code if isinstance(code, int) else int(bool(code)))


@contextmanager
def children_end_here() -> Iterator[None]:
    """End processes that the user's code forks within a ``with`` statement when they reach its end.

    Examples
    --------
    >>> with children_end_here():
    ...     child = os.fork()
    >>> os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    0
    """
    owner = os.getpid()
    try:
        yield
    except BaseException as error:
        end_if_forked(owner, error)
        raise
    end_if_forked(owner)
