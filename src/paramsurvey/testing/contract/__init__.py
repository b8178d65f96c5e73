"""What every backend must do, a file for each subject; `paramsurvey.testing.BackendContract` runs them.

They are plain functions, and become methods of that class. ``place`` is the backend under test.
"""

from __future__ import annotations

from paramsurvey.testing.contract import (
    columns,
    directories,
    environment,
    faults,
    isolation,
    out_func,
    outcomes,
    output,
    pickling,
    psets,
    results,
    worker,
    worker_init,
)

SUBJECTS = (
    columns,
    directories,
    environment,
    faults,
    isolation,
    out_func,
    outcomes,
    output,
    pickling,
    psets,
    results,
    worker,
    worker_init,
)
