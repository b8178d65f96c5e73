"""What a worker process inside a Ray worker needs before it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NestedWorkerSetup:
    """What a worker process needs from the moment it starts.

    Attributes
    ----------
    max_tasks : int or None
        How many psets it may run before it is replaced.
    environment : tuple of (str, str)
        Variables to set.
    generation : int
        Of the caller's modules: a process that has loaded those of another one is not used.
    pool : str
        Names the workers that are numbered together.
    """

    max_tasks: int | None
    environment: tuple[tuple[str, str], ...]
    generation: int
    pool: str

    def install(self) -> None:
        """Change this process, from which the worker process inherits."""
        os.environ.update(self.environment)
        os.environ.pop("PYTHONBREAKPOINT", None)  # Ray's debugger cannot reach a process that is not Ray's
