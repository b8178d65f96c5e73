"""
Hyper-parameters with Optuna
============================

A grid evaluates every combination. If each evaluation is expensive, let an optimizer choose the next ones:
Optuna proposes psets, paramsurvey runs them in parallel, and Optuna gets their results.
"""

import matplotlib.pyplot as plt
import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score

import paramsurvey

SPACE = {
    "learning_rate": optuna.distributions.FloatDistribution(0.01, 1, log=True),
    "leaves": optuna.distributions.IntDistribution(2, 30),
    "l2": optuna.distributions.FloatDistribution(1e-6, 10, log=True),
}


def train(pset, system_kwargs, tumours):
    classifier = HistGradientBoostingClassifier(
        learning_rate=pset["learning_rate"],
        max_leaf_nodes=pset["leaves"],
        l2_regularization=pset["l2"],
        max_iter=25,
        random_state=0,
    )
    return {"accuracy": cross_val_score(classifier, *tumours, cv=3).mean()}


# %%
# Eight rounds of four trials. Failed psets are reported to Optuna as well, so that it does not wait for them.

optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=3))
tumours = load_breast_cancer(return_X_y=True)

for _ in range(8):
    trials = [study.ask(SPACE) for _ in range(4)]
    results = paramsurvey.map(train, [trial.params for trial in trials], user_kwargs=tumours)
    for trial in trials:
        if trial.number % 4 in results.index:
            study.tell(trial, results["accuracy"][trial.number % 4])
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)

study.best_params

# %%
# The trials concentrate where the accuracy is high.

table = study.trials_dataframe()
figure, (above, below) = plt.subplots(2, 1, figsize=(6, 8), layout="constrained")
above.plot(table["number"], table["value"], ".", label="a trial")
above.plot(table["number"], table["value"].cummax(), label="the best so far")
above.set(xlabel="trial", ylabel="accuracy")
above.legend()
dots = below.scatter(
    table["params_learning_rate"], table["params_leaves"], c=table["value"], cmap="cividis", vmin=0.95
)
below.set(xscale="log", xlabel="learning rate", ylabel="leaves")
figure.colorbar(dots, label="accuracy")
plt.show()
