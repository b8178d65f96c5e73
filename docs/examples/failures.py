"""
A survey with failures
======================

Newton's method finds a root in a few steps, or never. When a pset raises, only that pset fails. The others
go on, and at the end the survey shows what failed, where, and why.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

import paramsurvey
from paramsurvey import params

FUNCTIONS = {  # each with its derivative
    "x³ - 2x + 2": (lambda x: x**3 - 2 * x + 2, lambda x: 3 * x * x - 2),
    "arctangent": (math.atan, lambda x: 1 / (1 + x * x)),
    "exp x - 2": (lambda x: math.exp(x) - 2, math.exp),
    "logarithm": (math.log, lambda x: 1 / x),
}


@paramsurvey.keywords
def newton(function, start):
    f, slope = FUNCTIONS[function]
    x = start
    for step in range(60):
        if abs(f(x)) < 1e-12:
            return {"root": x, "steps": step}
        x -= f(x) / slope(x)
    raise ArithmeticError("no convergence")


psets = params.grid(function=list(FUNCTIONS), start=np.linspace(-6, 6, 25))
results = paramsurvey.map(newton, psets)
print(results.progress)

# %%
# The failures by cause, the most frequent first. Psets that have a result are in ``results``, all others in
# ``results.missing``, with their tracebacks.

results.missing.summary()[["count", "exception", "example"]]

# %%
# Where do they fail? The plot chooses the two axes that best predict the failures.

figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
results.plot.failures(ax=axes)
plt.show()

# %%
# The failures of a single cause, and the number of steps of the psets that found a root:

figure, (above, below) = plt.subplots(2, 1, figsize=(6, 9), layout="constrained")
results.plot.failures(0, ax=above)
results.plot.slice("start", "function", "steps", ax=below)
plt.show()

# %%
# ``reproduce`` runs one of the failed psets again in this process, where a debugger can stop:

try:
    results.missing.reproduce(results.missing.index[-1])
except (ValueError, ArithmeticError) as error:
    print(type(error).__name__, error, sep=": ")

# %%
# Everything in one file, to send to a colleague: `the report of this survey <../reports/failures.html>`_.

results.report("failures.html")
