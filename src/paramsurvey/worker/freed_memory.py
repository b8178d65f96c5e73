"""Makes the C library keep the memory that numpy frees, for its next arrays.

By default, glibc returns it to the system, which clears memory before handing it out again. For functions
that take batches, where each operation makes an array, that takes longer than the operations themselves.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers for these parameters
KEPT_BYTES = 64 << 20
LARGEST_KEPT = 16 << 20  # bytes of one array


def keep_freed_memory() -> bool:
    """Keep freed memory in this process; return False if the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
