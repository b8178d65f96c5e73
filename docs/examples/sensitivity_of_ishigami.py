"""
Sensitivity of the Ishigami function
====================================

Which of three inputs matters, and which matters only together with another? The Ishigami function is a
standard test of sensitivity analysis, because the answer is known exactly.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params, views


@paramsurvey.keywords
def ishigami(x1, x2, x3):
    return {"y": math.sin(x1) + 7 * math.sin(x2) ** 2 + 0.1 * x3**4 * math.sin(x1)}


# %%
# On a full grid
# --------------
# The points are the centres of 24 equal parts of each axis. The shares of variance are exact for the grid.

points = (math.pi * (2 * (np.arange(24) + 0.5) / 24 - 1)).round(2)
results = paramsurvey.map(ishigami, params.grid(x1=points, x2=points, x3=points))
results.plot.importance("y")
plt.show()

# %%
# For comparison, the exact values of Ishigami and Homma for all real numbers from -π to π:

shares = views.importance_of(views.data_of(results), "y").to_frame()[["first", "total"]]
shares["first, exact"] = [0.3139, 0.4424, 0]
shares["total, exact"] = [0.5576, 0.4424, 0.2437]
shares.round(4)

# %%
# The third input has no effect alone, but a large one together with the first, as a slice shows:

results.plot.slice("x1", "x3", "y")
plt.show()

# %%
# On a sample
# -----------
# With a tenth of the psets, drawn at random, the shares are estimates with confidence intervals.

angle = params.uniform(-math.pi, math.pi)
some = paramsurvey.map(ishigami, params.sample(1400, seed=1, x1=angle, x2=angle, x3=angle))
some.plot.importance("y")
plt.show()
