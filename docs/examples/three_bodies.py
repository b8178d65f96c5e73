"""
Three bodies
============

Three suns follow each other along a figure of eight, for ever. How large a disturbance does this survive?
Each pset is one disturbance and one mass; the frames show what happens.
"""

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params

PLACES = np.array([[0.97000436, -0.24308753], [-0.97000436, 0.24308753], [0.0, 0.0]])
SPEEDS = np.array([[0.46620369, 0.43236573], [0.46620369, 0.43236573], [-0.93240737, -0.86473146]])
FRAMES = [0, 5, 10, 20, 40]


@paramsurvey.keywords
def fly(push, mass):
    """Return the paths of three bodies, and how far the farthest has gone."""
    places, speeds, masses, dt = PLACES.copy(), SPEEDS.copy(), np.array([mass, 1, 1]), 0.005
    speeds[2, 0] += push
    paths = [seen(places, masses)]
    force = pull(places, masses)
    for step in range(round(FRAMES[-1] / dt)):
        speeds += force * dt / 2
        places += speeds * dt
        force = pull(places, masses)
        speeds += force * dt / 2
        if step % 8 == 7:
            paths.append(seen(places, masses))
    return {"farthest": np.linalg.norm(paths[-1], axis=1).max(), "paths": np.array(paths)}


def seen(places, masses):
    """Return the places as they are seen from the centre of mass."""
    return places - np.average(places, axis=0, weights=masses)


def pull(places, masses):
    apart = places[None] - places[:, None]
    cubed = (apart**2).sum(axis=2) ** 1.5 + 1e-9
    return (masses[None, :, None] * apart / cubed[..., None]).sum(axis=1)


psets = params.grid(push=[0, 0.05, 0.15, 0.3], mass=[1, 1.1])
results = paramsurvey.map(fly, psets)
results[["push", "mass", "farthest"]].round(2)

# %%
# There is a row for each push and a column for each time. The lines show the last five units of time.

some = results.to_df().query("mass == 1")
figure, panels = plt.subplots(len(some), len(FRAMES), figsize=(6.4, 4.2), layout="constrained")
for pset, row in zip(some.itertuples(), panels, strict=True):
    for time, panel in zip(FRAMES, row, strict=True):
        now = time * 25
        path = pset.paths[max(0, now - 125) : now + 1]
        panel.plot(path[..., 0], path[..., 1], lw=0.8)
        panel.scatter(*pset.paths[now].T, c=["C0", "C1", "C2"], s=12, zorder=3)
        panel.set(xlim=(-1.5, 1.5), ylim=(-1, 1), xticks=[], yticks=[], xlabel=time, ylabel=f"{pset.push:g}")
        panel.label_outer()
figure.supxlabel("time")
figure.supylabel("push")
plt.show()
