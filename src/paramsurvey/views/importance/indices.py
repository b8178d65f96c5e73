"""What the computations of importance return."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paramsurvey.fast_dataclass import dataclass

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Indices:
    """Shares of a value's variance; nan where one is not known, or nothing varies.

    Attributes
    ----------
    first : float64 array
        Of each axis alone.
    total : float64 array
        Of each axis and all its interactions.
    pairs : float64 matrix
        Of the interaction of two axes, symmetric; nan on the diagonal.
    first_error, total_error, pairs_error : arrays of the same shapes
        Half the width of the 95 % interval; 0 where the share is exact.
    """

    first: Floats
    total: Floats
    pairs: Floats
    first_error: Floats
    total_error: Floats
    pairs_error: Floats
