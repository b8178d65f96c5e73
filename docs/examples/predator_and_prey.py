"""
Predators and prey
==================

Hares multiply, and lynxes eat them. If the hares have more food, both populations begin to oscillate, and
the oscillations bring them close to extinction: the paradox of enrichment. Each pset solves the differential
equations of Rosenzweig and MacArthur once.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import paramsurvey
from paramsurvey import params


@paramsurvey.keywords
def populations(capacity, mortality):
    """Return how many hares and lynxes there are, and between which numbers the hares swing."""

    def change(time, state):
        hares, lynxes = state
        eaten = hares / (1 + hares) * lynxes
        return hares * (1 - hares / capacity) - eaten, eaten - mortality * lynxes

    times = np.linspace(0, 300, 1500)
    hares, lynxes = solve_ivp(change, (0, 300), [0.5, 0.5], t_eval=times, rtol=1e-6).y
    late = times > 200
    return {"fewest": hares[late].min(), "most": hares[late].max(), "hares": hares, "lynxes": lynxes}


# %%
# This is an ordinary function. ``keywords`` calls it with the keys of each pset.

psets = params.grid(capacity=np.linspace(0.5, 4, 15).round(2), mortality=np.linspace(0.2, 0.6, 9).round(2))
results = paramsurvey.map(populations, psets)
results[["capacity", "mortality", "fewest", "most"]].sample(3, random_state=1)

# %%
# How strong are the oscillations?

results["swing"] = results["most"] - results["fewest"]
results.plot.slice("capacity", "mortality", "swing")
plt.show()

# %%
# The same along one line, as a bifurcation diagram, and two of the solutions.

line = results.to_df().query("mortality == 0.3")
figure, (above, below) = plt.subplots(2, 1, figsize=(6, 8), layout="constrained")
above.plot(line["capacity"], line[["fewest", "most"]], ".-")
above.set(xlabel="food for the hares (capacity)", ylabel="hares, fewest and most")
for pset in line.query("capacity in [1.5, 3]").itertuples():
    below.plot(pset.hares, pset.lynxes, lw=0.8, label=f"capacity {pset.capacity}")
below.set(xlabel="hares", ylabel="lynxes")
below.legend()
plt.show()
