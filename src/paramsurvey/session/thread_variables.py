"""The number of threads that numerical libraries start in the workers."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, MutableMapping

from paramsurvey.reporting.next_steps import NextSteps

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


_lock = threading.RLock()
_relying: defaultdict[str, set[ThreadVariables]] = defaultdict(set)
"""By variable, the sessions that have set it: the environment is one for all sessions of the process."""


class ThreadVariables:
    """Sets what the user has left open, so that ncores workers do not start ncores threads each.

    Workers inherit the variables, which is why they stand in the driver's environment for a while;
    `restore` takes them out again. What another session has set is left open by the user all the same.

    Parameters
    ----------
    environ : mapping
        The environment to change, `os.environ`.
    threads : int
        How many threads each worker may have.

    Attributes
    ----------
    added : dict
        The variables that were set here. What the user has chosen for OpenMP counts for all.
    """

    def __init__(self, environ: MutableMapping[str, str], threads: int = 1) -> None:
        self._environ = environ
        with _lock:  # sessions in several threads share the environment
            left_open = [name for name in VARIABLES if self._left_open(name)]
            users = "" if "OMP_NUM_THREADS" in left_open else environ["OMP_NUM_THREADS"]
            self._threads = users or str(threads)
            self.added: Mapping[str, str] = dict.fromkeys(left_open, self._threads)
            environ.update(self.added)
            for name in left_open:
                _relying[name].add(self)

    def _left_open(self, name: str) -> bool:
        """Return whether the user has not chosen: what stands there is nothing, or a session's."""
        value = self._environ.get(name, "")
        return not value or _is_relied_on(name, value)

    def notice(self, next_steps: NextSteps) -> str:
        """Return the line that tells the user; empty when there is nothing to tell."""
        if "OMP_NUM_THREADS" not in self.added:
            return ""
        return next_steps.threads(self._threads)

    def restore(self) -> None:
        """Leave the environment as it was, but for what others rely on, or somebody has changed since."""
        with _lock:
            for name, value in self.added.items():
                _relying[name].discard(self)
                if self._environ.get(name) == value and not _is_relied_on(name, value):
                    del self._environ[name]
            self.added = {}


def _is_relied_on(name: str, value: str) -> bool:
    """Return whether a session has set a variable to this value, and is not closed yet.

    What the user has put in its place for a while does not matter once the session's value is back.
    """
    return any(other.added.get(name) == value for other in _relying[name])
