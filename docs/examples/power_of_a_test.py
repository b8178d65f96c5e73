"""
How many mice? The power of a test
==================================

Before an experiment, you want to know how many animals you need to detect a difference. Each pset
simulates two thousand experiments, and counts how often a t-test finds the difference.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import paramsurvey
from paramsurvey import params


def power(pset, system_kwargs, user_kwargs):
    rng = np.random.default_rng(pset["seed"])
    shape = (2000, pset["animals"])
    treated = rng.normal(pset["effect"], 1, shape)
    control = rng.normal(0, 1, shape)
    p = stats.ttest_ind(treated, control, axis=1).pvalue
    return {"power": (p < 0.05).mean()}


psets = params.grid(animals=[4, 6, 8, 10, 15, 20, 30, 40, 60, 80], effect=np.arange(0, 1.6, 0.1).round(1))
results = paramsurvey.map(power, params.add_seed(psets, root=42))

# %%
# Without any effect, one experiment in twenty still finds one: this is the meaning of 0.05.

results.to_xarray().power.plot.line(x="effect", hue="animals", figsize=(7, 4.5))
plt.axhline(0.8, color="grey", linestyle="--")
plt.show()

# %%
# The smallest group size that finds the effect in four of five experiments:

enough = results.to_df().query("power >= 0.8 and effect > 0").groupby("effect")["animals"].min()
enough.plot.bar(xlabel="effect, in standard deviations", ylabel="animals in each group", figsize=(7, 4))
plt.tight_layout()
plt.show()
