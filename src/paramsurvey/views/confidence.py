"""How wide an interval must be to contain the truth with a probability of 95 %."""

from __future__ import annotations

from statistics import NormalDist

NORMAL = NormalDist().inv_cdf(0.975)  # standard deviations to each side, of a normal distribution
