"""The number of threads that numerical libraries start in the workers."""

from __future__ import annotations

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


class ThreadVariables:
    """Sets what the user has left open, so that ncores workers do not start ncores threads each.

    Workers inherit the variables, which is why they stand in the driver's environment for a while;
    `restore` takes them out again.

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
    wanted : dict
        All of them: for workers on other machines, who inherit nothing.
    """

    def __init__(self, environ: MutableMapping[str, str], threads: int = 1) -> None:
        self._environ = environ
        self._threads = environ.get("OMP_NUM_THREADS") or str(threads)
        self.added: Mapping[str, str] = {name: self._threads for name in VARIABLES if not environ.get(name)}
        environ.update(self.added)
        self.wanted: Mapping[str, str] = {name: environ[name] for name in VARIABLES}

    def notice(self, advice: Advice) -> str:
        """Return the line that tells the user; empty when there is nothing to tell."""
        if "OMP_NUM_THREADS" not in self.added:
            return ""
        return advice.threads(self._threads)

    def restore(self) -> None:
        """Leave the environment as it was, but for what somebody else has changed since."""
        for name, value in self.added.items():
            if self._environ.get(name) == value:
                del self._environ[name]
        self.added = {}
