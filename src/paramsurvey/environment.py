"""The number of threads that numerical libraries start in the workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, MutableMapping

from paramsurvey.advice import Advice

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


_set_here: Counter[tuple[str, str]] = Counter()
"""By variable and value, how many rely on it: the environment is one for all sessions of the process."""


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
        self._threads = self._chosen("OMP_NUM_THREADS") or str(threads)
        self.added: Mapping[str, str] = {name: self._threads for name in VARIABLES if not self._chosen(name)}
        environ.update(self.added)
        _set_here.update(self.added.items())

    def _chosen(self, name: str) -> str:
        """Return the user's own value; empty where there is none."""
        value = self._environ.get(name, "")
        return "" if _set_here[name, value] else value

    def notice(self, advice: Advice) -> str:
        """Return the line that tells the user; empty when there is nothing to tell."""
        if "OMP_NUM_THREADS" not in self.added:
            return ""
        return advice.threads(self._threads)

    def restore(self) -> None:
        """Leave the environment as it was, but for what others rely on, or somebody has changed since."""
        _set_here.subtract(self.added.items())
        for name, value in self.added.items():
            if not _set_here[name, value] and self._environ.get(name) == value:
                del self._environ[name]
        self.added = {}
