"""What every backend must do, a file for each subject; `paramsurvey.testing.BackendContract` runs them.

They are plain functions, and become methods of that class. ``place`` is the backend under test.
"""

from __future__ import annotations

from importlib import import_module

SUBJECTS = tuple(
    import_module(f"{__name__}.{subject}")
    for subject in (
        "batch_faults",
        "batches",
        "columns",
        "directories",
        "environment",
        "faults",
        "isolation",
        "out_func",
        "outcomes",
        "output",
        "pickling",
        "psets",
        "result_keys",
        "results",
        "worker",
        "worker_init",
    )
)
