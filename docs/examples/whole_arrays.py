"""
A function of whole arrays: a pset for each point
=================================================

NumPy is fastest when it gets many numbers at a time. With ``batch=True`` a function gets the columns of many
psets as arrays, and returns columns. Here each pset is one point of the Mandelbrot set.
"""

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params


@paramsurvey.keywords(result="steps")
def escape(x, y):
    """Return after how many steps each point has left the circle of radius 2, or 0."""
    c = x + 1j * y
    z, steps = np.zeros_like(c), np.zeros(len(c), dtype=int)
    inside = np.arange(len(c))
    for step in range(1, 101):
        z[inside] = z[inside] ** 2 + c[inside]
        left = abs(z[inside]) > 2
        steps[inside[left]] = step
        inside = inside[~left]
    return steps


# %%
# You choose the psets as always, and there is one row for each of them. How many of them are in one call
# depends on the time that they take.

points = params.grid(y=np.linspace(-1.2, 1.2, 240), x=np.linspace(-2.2, 0.8, 300))
results = paramsurvey.map(escape, points, batch=True)
print(results.progress)

# %%
steps = results.to_xarray().steps
figure, panel = plt.subplots(figsize=(7, 5.5), layout="constrained")
np.log(steps.where(steps > 0)).plot(ax=panel, cmap="cividis", add_colorbar=False)
panel.set_aspect("equal")
plt.show()
