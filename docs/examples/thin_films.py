"""
Thin films on glass
===================

Why are lenses coated, and why do they look purple? Light that is reflected at both sides of a thin
film interferes with itself. The survey computes how much is reflected, depending on the film's
refractive index, its thickness and the colour of the light.
"""

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params

AIR, GLASS = 1.0, 1.52


@paramsurvey.keywords
def reflectance(index, thickness, wavelength):
    """Return the part of the light that one film reflects; lengths in nanometres."""
    front = (AIR - index) / (AIR + index)
    back = (index - GLASS) / (index + GLASS)
    phase = np.exp(4j * np.pi * index * thickness / wavelength)
    amplitude = (front + back * phase) / (1 + front * back * phase)
    return {"reflected": 100 * abs(amplitude) ** 2}


psets = params.grid(
    index=np.arange(120, 241, 6) / 100,
    thickness=np.arange(0, 301, 10),
    wavelength=[450, 500, 550, 600, 650],
)
results = paramsurvey.map(reflectance, psets)
results.units = {"thickness": "nm", "wavelength": "nm", "reflected": "%"}
results.best("reflected", minimize=True)

# %%
# A film that is a quarter of a wavelength thick reflects least if its index is between those of air and
# glass. With a larger index it is a mirror.

results.plot.slice("thickness", "index", "reflected", at={"wavelength": 550})
plt.show()

# %%
# Magnesium fluoride has an index of 1.38. A film of 100 nm removes green from the reflection, and
# leaves red and blue, which we see as purple.

films = results.to_xarray().reflected.sel(index=1.38)
films.plot.line(x="thickness", hue="wavelength", figsize=(7, 4))
plt.ylabel("reflected, %")
plt.show()

# %%
# How much the reflection depends on each parameter. This is exact, because every combination was computed:

results.plot.importance("reflected")
plt.show()
