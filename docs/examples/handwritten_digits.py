"""
Handwritten digits
==================

Which support vector machine reads scikit-learn's images of digits best? The survey trains one for every
combination of kernel, regularization and kernel width, on two different parts of the images.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import paramsurvey
from paramsurvey import params

# %%
# All psets use the same images, so they are passed as ``user_kwargs``: each worker gets them once.


def train_and_test(pset, system_kwargs, digits):
    images, test_images, labels, test_labels = train_test_split(
        digits.data, digits.target, train_size=0.3, random_state=pset["split"]
    )
    classifier = SVC(C=pset["C"], gamma=pset["gamma"], kernel=pset["kernel"])
    classifier.fit(images, labels)
    return {"accuracy": classifier.score(test_images, test_labels)}


psets = params.grid(
    kernel=["rbf", "poly"],
    C=[0.03, 0.1, 0.3, 1, 10],
    gamma=[1e-5, 1e-4, 1e-3, 1e-2],
    split=[1, 2],
)
results = paramsurvey.map(train_and_test, psets, user_kwargs=load_digits())
results.best("accuracy", n=3)

# %%
# Each square shows the mean of both splits.

figure, panels = plt.subplots(2, 1, figsize=(6, 8), layout="constrained")
for panel, kernel in zip(panels, ["rbf", "poly"], strict=True):
    results.plot.slice("C", "gamma", "accuracy", at={"kernel": kernel}, ax=panel)
    panel.set_title(f"kernel {kernel}")
plt.show()

# %%
# The kernel width matters most, much of it in combination with the kernel: the two kernels work with
# different widths. The split hardly matters.

results.plot.importance("accuracy")
plt.show()
