"""Loads what the user has sent: the main file, the function, its arguments, and ``worker_init``."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from functools import lru_cache
from typing import Any

from paramsurvey.errors import SurveyDuringImport
from paramsurvey.transport import main_file
from paramsurvey.transport.job_code import JobCode, Pair
from paramsurvey.transport.messages import Job, JobRejected
from paramsurvey.transport.safe_repr import describe
from paramsurvey.transport.source_text import add_to_linecache
from paramsurvey.worker import nested_session


class JobNotLoadable(Exception):
    """This process cannot load the main file, the function or its arguments."""

    def refusal(self) -> JobRejected:
        """Return the answer to the driver, with the traceback of the cause."""
        cause = self.__cause__
        return JobRejected(str(self), "" if cause is None else "".join(traceback.format_exception(cause)))


def load_job(job: Job) -> tuple[JobCode, Pair]:
    """Prepare this process for a job, and unpickle it.

    Returns
    -------
    code : JobCode
    pair : Pair
        Copies of the arguments, made right away, so that a worker that cannot load them rejects the job.

    Raises
    ------
    JobNotLoadable
        The main file cannot be imported, or the function or its arguments cannot be unpickled here.
    """
    for name, value in job.environment.items():  # first, because numpy and others read these on import
        os.environ.setdefault(name, value)
    known = set(map(os.path.abspath, sys.path))
    sys.path[:0] = [entry for entry in job.path if entry not in known]
    add_to_linecache(job.source_lines)
    load_main_file(job.main)
    try:
        with nested_session.loading():
            code: JobCode = pickle.loads(job.code, buffers=job.buffers)
            return code, code.arguments.private_pair()
    except Exception as error:
        raise not_loadable(
            error,
            f"the workers cannot load the function or its arguments ({describe(error)}): "
            "make the module that it comes from importable for them",
        ) from error


def load_main_file(main: main_file.MainFile | None) -> None:
    """Import the program's main file, if it has one that workers import.

    Raises
    ------
    JobNotLoadable
        The main file raised an exception.
    """
    if main is None:
        main_file.load(None)
        return
    try:
        with nested_session.loading():
            main_file.load(main)
    except (Exception, SystemExit) as error:
        raise not_loadable(
            error,
            f"the workers cannot import the main file {main.path} ({describe(error)}): "
            "put what must not run in them below its `if __name__ == '__main__':`",
        ) from error


def not_loadable(error: BaseException, otherwise: str) -> JobNotLoadable:
    """Return the error for the driver, with the message of a cause that names the line to change, if any.

    If there is none, the message is `otherwise`.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (SurveyDuringImport, main_file.NotInMainFile)):
        cause = cause.__cause__ or cause.__context__
    return JobNotLoadable(otherwise if cause is None else str(cause))


_initializing = threading.RLock()  # reentrant, because worker_init may itself call paramsurvey.map


def worker_state(code: bytes) -> Any:
    """Return what the user's worker_init returned; it is called once per process, whatever its threads."""
    with _initializing:
        return _initialize(code, os.getpid())


@lru_cache(maxsize=1)
def _initialize(code: bytes, process_id: int) -> Any:
    # the process id is part of the cache key, so that a forked process does not use its parent's state
    try:
        with nested_session.loading():
            function = pickle.loads(code)
        return function()
    except (Exception, SystemExit) as error:
        raise JobNotLoadable(
            f"worker_init raised {describe(error)} in a worker: fix it, and run the survey again"
        ) from error
