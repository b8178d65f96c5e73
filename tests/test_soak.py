"""A short soak: random maps with random faults; ``make soak`` is the long one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soak import soak

MAPS = int(os.environ.get("SOAK_MAPS", "12"))


@pytest.mark.limit(300 + 10 * MAPS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_pset_of_random_maps_is_accounted_for_once(seed: int, in_tmp: Path, nothing_left: None) -> None:
    soak(maps=MAPS // 2, seed=seed, directory=in_tmp)
