"""What a worker process that is nested in another pool's process needs before it starts.

The driver loads this, too, even on systems that cannot run such workers, so nothing here may need Unix.
"""

from __future__ import annotations

import os

from paramsurvey.engine.options import DEFAULTS
from paramsurvey.fast_dataclass import dataclass

# What the names of variables begin with that tell a process which MPI rank it is.
MPI_LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "PRTE_", "HYDI_", "MPI_LOCAL")


@dataclass(frozen=True, slots=True)
class NestedWorkerSetup:
    """What a nested worker needs from the moment its process starts.

    Attributes
    ----------
    max_tasks : int or None
        How many psets the process may run before it is replaced.
    environment : tuple of (str, str)
        Variables to set.
    generation : int
        That of the caller's modules; a process that has loaded another generation is not used.
    pool : str
        A name shared by the workers that are numbered together.
    start_timeout : float
        Seconds that the process may take to start, and to load the job.
    """

    max_tasks: int | None = None
    environment: tuple[tuple[str, str], ...] = ()
    generation: int = 0
    pool: str = ""
    start_timeout: float = DEFAULTS.start_timeout

    def install(self) -> None:
        """Set the environment of this process, which the worker process will inherit.

        The variables of an MPI launcher are removed, so that a worker that imports mpi4py is a program of its
        own to MPI. With them, it would claim to be this rank, and MPI would end it.
        """
        for name in [name for name in os.environ if name.startswith(MPI_LAUNCHERS)]:
            del os.environ[name]
        os.environ.update(self.environment)
        os.environ.pop("PYTHONBREAKPOINT", None)  # Ray's debugger cannot reach a process that is not Ray's
