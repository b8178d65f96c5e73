"""Which psets of a reply have a result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paramsurvey.transport.column_by_row import rows_at
from paramsurvey.transport.messages import Group, Reply, Rows


def finished_places(reply: Reply) -> NDArray[np.int64]:
    """Return the places, among the psets that a reply covers, of those that have not failed; they ascend."""
    good = np.ones(reply.stop - reply.start, dtype=np.bool_)
    good[np.array(list(reply.failures), dtype=np.int64) - reply.start] = False
    return np.flatnonzero(good)


def finished_rows(group: Group, reply: Reply) -> Rows:
    """Return the rows of a group for which a reply has a result."""
    rows = group.rows[reply.start : reply.stop]
    return rows_at(rows, finished_places(reply)) if reply.failures else rows
