"""The backend of a session while it is running, and the threads that its workers may have."""

from __future__ import annotations

import os
from collections.abc import Mapping

from paramsurvey.backends import registry as backends
from paramsurvey.backends import stand_in
from paramsurvey.engine.backend import Backend
from paramsurvey.engine.options import Options
from paramsurvey.plurals import counted
from paramsurvey.reporting.console import Console
from paramsurvey.reporting.next_steps import NextSteps
from paramsurvey.session.options.session_options import SessionOptions
from paramsurvey.session.thread_variables import ThreadVariables
from paramsurvey.worker.machine import core_count


class RunningBackend:
    """A backend that is started, and ended by `close`.

    Parameters
    ----------
    options : SessionOptions
    console : Console
        Says which backend it is, and what may make it slow.
    next_steps : NextSteps
        Says what the user can do about that.

    Attributes
    ----------
    backend : Backend
    """

    def __init__(self, options: SessionOptions, console: Console, next_steps: NextSteps) -> None:
        self._next_steps = next_steps
        self._threads = ThreadVariables(os.environ, options.values.threads_per_worker)
        try:
            self.backend: Backend = backends.create(options.values, options.for_backend())
        except BaseException:
            self._threads.restore()
            raise
        cores = self.backend.core_count()
        console.say(f"paramsurvey uses the {self.backend.name} backend with {counted(cores, 'core')}", at=2)
        if notice := stand_in.notice(options.values.backend):
            console.say(notice)
        self._warn_if_crowded(options.values, cores, console)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that limit the workers' threads, without those that the user has set."""
        return self._threads.added

    def threads_notice(self) -> str:
        """Return the line that says how many threads each worker has; empty if the user chose the number."""
        return self._threads.notice(self._next_steps)

    def close(self) -> None:
        """End the workers, and leave the environment as it was."""
        try:
            self.backend.close()
        finally:
            self._threads.restore()

    def _warn_if_crowded(self, options: Options, workers: int, console: Console) -> None:
        """Tell the user if the workers on this machine have more threads than it has cores."""
        threads, cores = options.threads_per_worker, core_count()
        if not is_local(options.backend) or threads == 1 or workers * threads <= cores:
            return
        most = cores // threads
        remedy = self._next_steps.fewer_workers(most) if most else self._next_steps.fewer_threads(cores)
        console.say(f"{workers} × {threads} threads share {cores} cores and slow each other down: {remedy}")


def is_local(backend: object) -> bool:
    """Tell whether all workers of a backend, as given to `init`, are certainly on this machine."""
    module = type(backend).__module__
    return backend == "multiprocessing" or module.startswith("concurrent.futures.")
