"""Where groups of psets run: a file or folder for each backend, and the registry that finds it by name.

Whatever the author of a backend needs can be imported from here, and will stay here: see "Write a backend" in
the documentation. It is all loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramsurvey.backends.nested_worker import NestedWorker
    from paramsurvey.engine.backend import Backend, ListsWorkers, Resources, WorkerPlace, no_options
    from paramsurvey.engine.options import Options
    from paramsurvey.transport.messages import (
        Answer,
        Answers,
        CaptureMode,
        Failure,
        FailureKind,
        Group,
        Job,
        JobRejected,
        LostGroup,
        Reply,
    )
    from paramsurvey.worker.job_loading import JobNotLoadable
    from paramsurvey.worker.machine import total_memory, wanted_workers
    from paramsurvey.worker.runner import Runner, pickle_reply

_HOMES = {
    "backends.nested_worker": ("NestedWorker",),
    "engine.backend": ("Backend", "ListsWorkers", "Resources", "WorkerPlace", "no_options"),
    "engine.options": ("Options",),
    "transport.messages": (
        "Answer",
        "Answers",
        "CaptureMode",
        "Failure",
        "FailureKind",
        "Group",
        "Job",
        "LostGroup",
        "JobRejected",
        "Reply",
    ),
    "worker.machine": ("total_memory", "wanted_workers"),
    "worker.job_loading": ("JobNotLoadable",),
    "worker.runner": ("Runner", "pickle_reply"),
}

__all__ = [
    "Answer",
    "Answers",
    "Backend",
    "CaptureMode",
    "Failure",
    "FailureKind",
    "Group",
    "Job",
    "JobNotLoadable",
    "JobRejected",
    "ListsWorkers",
    "LostGroup",
    "NestedWorker",
    "Options",
    "Reply",
    "Resources",
    "Runner",
    "WorkerPlace",
    "no_options",
    "pickle_reply",
    "total_memory",
    "wanted_workers",
]


if not TYPE_CHECKING:  # so that a type checker complains of a name that does not exist

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"paramsurvey.{home}"), name)
        raise AttributeError(f"module 'paramsurvey.backends' has no attribute {name!r}")
