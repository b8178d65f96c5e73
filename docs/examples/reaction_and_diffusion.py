"""
Spots and stripes: a partial differential equation
==================================================

Two chemicals diffuse and react with each other. Whether spots, stripes or nothing appears depends on how
fast they are fed and removed. Each pset solves the Gray–Scott equations on a grid of 64 × 64 points.
"""

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params


def laplacian(field):
    return sum(np.roll(field, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * field


@paramsurvey.keywords
def grow(feed, kill):
    u, v = np.ones((64, 64)), np.zeros((64, 64))
    rng = np.random.default_rng(0)
    for row, column in rng.integers(0, 58, (12, 2)):
        u[row : row + 6, column : column + 6] = 0.5
        v[row : row + 6, column : column + 6] = 0.25
    for _ in range(3000):
        reaction = u * v * v
        u += 0.16 * laplacian(u) - reaction + feed * (1 - u)
        v += 0.08 * laplacian(v) + reaction - (feed + kill) * v
    return {"contrast": v.std(), "pattern": v.astype("float32")}


results = paramsurvey.map(
    grow, params.grid(feed=[0.022, 0.03, 0.038, 0.046], kill=[0.057, 0.06, 0.062, 0.064])
)
patterns = results.to_xarray()
patterns

# %%
# A result that is an array is one cell of the table. Here is an image for each pset, at its place in the
# grid:

figure, panels = plt.subplots(4, 4, figsize=(6.4, 6.4), layout="constrained")
for pset, panel in zip(results.itertuples(), panels.flat, strict=True):
    panel.imshow(pset.pattern, cmap="cividis", vmin=0, vmax=0.4)
    panel.set(xlabel=pset.kill, ylabel=pset.feed, xticks=[], yticks=[])
    panel.label_outer()
figure.supxlabel("kill")
figure.supylabel("feed")
plt.show()

# %%
# The same as one number: where does a pattern form at all?

results.plot.slice("feed", "kill", "contrast")
plt.show()
