"""
Images of a fractal
===================

A Julia set for each of 30 numbers: each pset computes one image.
"""

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params


@paramsurvey.keywords
def julia(radius, turn):
    """Return after how many steps each point has left the circle of radius 2."""
    y, x = np.mgrid[-1.2:1.2:150j, -1.5:1.5:190j]
    z, c = x + 1j * y, radius * np.exp(2j * np.pi * turn)
    steps = np.zeros(z.shape)
    for step in range(1, 60):
        inside = abs(z) < 2
        z[inside] = z[inside] ** 2 + c
        steps[inside] = step
    return {"image": np.log(steps).astype("float32")}


psets = params.grid(radius=[0.65, 0.7, 0.75, 0.78, 0.82], turn=np.linspace(0.2, 0.45, 6).round(2))
results = paramsurvey.map(julia, psets)

figure, panels = plt.subplots(5, 6, figsize=(6.4, 4.8), layout="constrained")
for pset, panel in zip(results.itertuples(), panels.flat, strict=True):
    panel.imshow(pset.image, cmap="cividis")
    panel.set(xlabel=pset.turn, ylabel=pset.radius, xticks=[], yticks=[])
    panel.label_outer()
figure.supxlabel("turn")
figure.supylabel("radius")
plt.show()
