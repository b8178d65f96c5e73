"""Has the C library keep the memory that numpy frees, for its next arrays.

By default glibc returns it to the system, which clears it before it gives it out again. For functions that
take batches, each operation of which makes an array, that takes longer than the operations themselves.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers for these parameters
KEPT_BYTES = 64 << 20
LARGEST_KEPT = 16 << 20  # bytes of one array


def keep_freed_memory() -> bool:
    """Do it in this process; return False where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
