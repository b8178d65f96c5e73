"""Environment variables that limit the threads that numerical libraries start in the workers."""

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
_set_by: defaultdict[str, set[ThreadVariables]] = defaultdict(set)
"""For each variable, the open sessions that have set it: all sessions of a process share its environment."""


class ThreadVariables:
    """Sets the variables that the user has not set, so that ncores workers do not start ncores threads each.

    Workers inherit them from the driver's environment, so they are set there until `restore` removes them. A
    variable that only another session has set counts as one that the user has not set.

    Parameters
    ----------
    environ : mapping
        The environment to change, `os.environ`.
    threads : int
        How many threads each worker may have.

    Attributes
    ----------
    added : dict
        The variables that were set here. If the user has set the one for OpenMP, its value is used for all.
    """

    def __init__(self, environ: MutableMapping[str, str], threads: int = 1) -> None:
        self._environ = environ
        with _lock:  # sessions in several threads share the environment
            unset = [name for name in VARIABLES if self._is_unset(name)]
            users_choice = "" if "OMP_NUM_THREADS" in unset else environ["OMP_NUM_THREADS"]
            self._threads = users_choice or str(threads)
            self.added: Mapping[str, str] = dict.fromkeys(unset, self._threads)
            environ.update(self.added)
            for name in unset:
                _set_by[name].add(self)

    def _is_unset(self, name: str) -> bool:
        """Tell whether the user has not set a variable: it is empty, or a session has set it."""
        value = self._environ.get(name, "")
        return not value or _is_set_by_session(name, value)

    def notice(self, next_steps: NextSteps) -> str:
        """Return the line that tells the user the number of threads; empty if the user chose it."""
        if "OMP_NUM_THREADS" not in self.added:
            return ""
        return next_steps.threads(self._threads)

    def restore(self) -> None:
        """Remove the variables, except those that other sessions need or somebody has changed since."""
        with _lock:
            for name, value in self.added.items():
                _set_by[name].discard(self)
                if self._environ.get(name) == value and not _is_set_by_session(name, value):
                    del self._environ[name]
            self.added = {}


def _is_set_by_session(name: str, value: str) -> bool:
    """Tell whether a session that is still open has set a variable to this value.

    It does not matter if the user has changed the variable meanwhile, as long as the session's value is back.
    """
    return any(other.added.get(name) == value for other in _set_by[name])
