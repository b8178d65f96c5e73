"""Arrays of a worker that runs batches are made in memory that it has already."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from paramsurvey.worker.freed_memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def arrays():
    before = faults()
    for _ in range(100):
        a, b, c = (np.ones(65_536) for _ in range(3))
        del a, b, c
    return faults() - before

kept = keep_freed_memory()
arrays()
print(kept, arrays())
"""


def test_freed_arrays_do_not_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, check=True)
    kept, faults = done.stdout.split()
    if kept == "False":
        pytest.skip("the C library is not glibc")
    assert int(faults) < 1000, "not one for each of the 38,400 pages"
