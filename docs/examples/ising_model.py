"""
The Ising model's phase transition
==================================

A magnet forgets its direction when it gets too hot. A Monte Carlo simulation of spins on a square
lattice shows where: each pset is one temperature and one size, with a seed of its own.
"""

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params

# %%
# The worker function
# -------------------
# The lattice is coloured like a chess board. All black sites are updated at once, then all white ones,
# because no site has a neighbour of its own colour.


def magnetize(pset, system_kwargs, user_kwargs):
    size, temperature = pset["size"], pset["temperature"]
    rng = np.random.default_rng(pset["seed"])
    spins = np.ones((size, size), dtype=int)
    black = np.indices((size, size)).sum(axis=0) % 2 == 0
    magnetization = []
    for sweep in range(400):
        for colour in (black, ~black):
            neighbours = sum(np.roll(spins, shift, axis) for shift in (1, -1) for axis in (0, 1))
            flips = rng.random((size, size)) < np.exp(-2 * spins * neighbours / temperature)
            spins[colour & flips] *= -1
        if sweep >= 100:
            magnetization.append(abs(spins.mean()))
    return {"magnetization": np.mean(magnetization), "fluctuation": np.std(magnetization), "spins": spins}


# %%
# The survey
# ----------

axes = {"size": [8, 16, 32], "temperature": np.linspace(1.5, 3.5, 21).round(2)}
psets = params.add_seed(params.grid(axes), root=1)
results = paramsurvey.map(magnetize, psets)
results[["size", "temperature", "magnetization", "fluctuation"]].tail(3)

# %%
# The larger the lattice, the sharper the transition. For an infinite lattice, Onsager's exact result is a
# temperature of 2.269.

magnets = results.to_xarray().magnetization
magnets.plot.line(x="temperature", hue="size", marker=".", figsize=(7, 4))
plt.axvline(2 / np.log(1 + np.sqrt(2)), color="grey", linestyle="--")
plt.show()

# %%
# A result may be an array. These are the final spins of three psets:

some = results.to_df().query("size == 32 and temperature in [1.8, 2.3, 3.2]")
figure, panels = plt.subplots(1, 3, figsize=(7, 2.7), layout="constrained")
for panel, pset in zip(panels, some.itertuples(), strict=True):
    panel.imshow(pset.spins, cmap="cividis")
    panel.set_title(f"T = {pset.temperature}")
    panel.set_axis_off()
plt.show()
