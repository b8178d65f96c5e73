"""
Three bodies
============

Three suns follow each other along a figure of eight, for ever. How large a disturbance does this survive?
Each pset is one disturbance and one mass; the frames show what happens.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import paramsurvey
from paramsurvey import params

PLACES = np.array([[0.97000436, -0.24308753], [-0.97000436, 0.24308753], [0.0, 0.0]])
SPEEDS = np.array([[0.46620369, 0.43236573], [0.46620369, 0.43236573], [-0.93240737, -0.86473146]])
FRAMES = [0, 5, 10, 20, 40]


@paramsurvey.keywords
def fly(push, mass):
    """Return the paths of three bodies, and how far the farthest is from the centre at the end."""
    speeds, masses = SPEEDS.copy(), np.array([mass, 1, 1])
    speeds[2, 0] += push
    start = np.concatenate([PLACES, speeds]).ravel()
    times = np.linspace(0, FRAMES[-1], 25 * FRAMES[-1] + 1)
    solved = solve_ivp(
        change, (0, FRAMES[-1]), start, "DOP853", times, args=(masses,), rtol=1e-11, atol=1e-11
    )
    paths = solved.y[:6].T.reshape(-1, 3, 2)
    paths -= np.average(paths, axis=1, weights=masses, keepdims=True)  # seen from the centre of mass
    return {"farthest": np.linalg.norm(paths[-1], axis=1).max(), "paths": paths}


def change(time, state, masses):
    """Return how places and speeds change: bodies pull each other, the more the closer they are."""
    places, speeds = state.reshape(2, 3, 2)
    apart = places - places[:, None]
    cubed = (apart**2).sum(axis=2) ** 1.5 + np.eye(3)  # a body does not pull itself
    return np.concatenate([speeds, (masses[:, None] * apart / cubed[..., None]).sum(axis=1)]).ravel()


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
