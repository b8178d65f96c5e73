"""A survey of real data: which support vector machine reads handwritten digits best?

scikit-learn brings 1,797 images of digits. The survey trains a classifier on half of them and
tests it on the other half, for every combination of regularization C, kernel width gamma,
kernel, and split of the images. It writes the table of results, ``digits.parquet``, and a heat
map, ``digits.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramsurvey
from paramsurvey.stats import record_wallclock

if TYPE_CHECKING:
    import pandas as pd

C = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 0]  # scikit-learn refuses 0: those psets fail, to show it
GAMMA = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
KERNELS = ["rbf", "poly"]
SPLITS = range(4)


def train_and_test(pset: dict[str, Any], system_kwargs: dict[str, Any], digits: Any) -> dict[str, Any]:
    """Train a classifier on half of the images, and return how much of the rest it reads."""
    from sklearn.model_selection import train_test_split
    from sklearn.svm import SVC

    images, test_images, labels, test_labels = train_test_split(
        digits.data, digits.target, train_size=0.5, stratify=digits.target, random_state=pset["split"]
    )
    classifier = SVC(C=pset["C"], gamma=pset["gamma"], kernel=pset["kernel"])
    with record_wallclock("training", system_kwargs["raw_stats"]):
        classifier.fit(images, labels)
    with record_wallclock("testing", system_kwargs["raw_stats"]):
        accuracy = classifier.score(test_images, test_labels)
    return {"accuracy": accuracy, "support_vectors": int(classifier.n_support_.sum())}


def main() -> None:
    """Run the survey, print the best rows, the failures and the timing, and write the files."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    digits = load_digits()
    axes = {"split": SPLITS, "kernel": KERNELS, "gamma": GAMMA, "C": C}
    psets = paramsurvey.params.product(axes)

    wanted = len(SPLITS) * len(KERNELS) * len(GAMMA) * C.count(0)
    print(f"{len(psets)} psets; the {wanted} with C=0 will fail: that is wanted, to show failures")
    paramsurvey.init(backend="multiprocessing", vstats=0)
    results = paramsurvey.map(train_and_test, psets, user_kwargs=digits, name="digits", progress_dt=1)

    print_best(results)
    print_failures(results)
    results.stats.print_percentiles("digits_wallclock", stderr=True)
    write_files(results.to_df(), directory)


def load_digits() -> Any:
    """Return scikit-learn's images, with shades from 0 to 1, and their labels."""
    try:
        import matplotlib  # noqa: F401  (better to miss it now than after the survey)
        import pyarrow  # noqa: F401  (the same)
        from sklearn import datasets
    except ImportError as error:
        raise SystemExit(f"{error}: pip install 'paramsurvey[demo]'") from error
    digits = datasets.load_digits()
    digits.data /= digits.data.max()
    return digits


def print_best(results: Any) -> None:
    """Print the combinations with the best mean accuracy over all splits."""
    combinations = results.to_df().groupby(["kernel", "C", "gamma"], observed=True)
    best = combinations[["accuracy", "support_vectors"]].mean().nlargest(5, "accuracy")
    print(f"\nThe best of {len(combinations)} combinations, mean of {results['split'].nunique()} splits:")
    print(best.round(4).reset_index().to_string(index=False))


def print_failures(results: Any) -> None:
    """Print how many psets have no result, and why."""
    print(f"\n{len(results.missing)} of {results.progress.total} psets failed:")
    for reason, failed in results.missing.groupby("_exception"):
        example = results.missing.to_psets().loc[failed.index[0]]
        print(f"{len(failed)} × {reason}")
        print("    for instance with", ", ".join(f"{key}={value}" for key, value in example.items()))
    print(flush=True)


def write_files(table: pd.DataFrame, directory: Path) -> None:
    """Write all rows as Parquet, and the mean accuracies as a picture."""
    directory.mkdir(parents=True, exist_ok=True)
    table.to_parquet(directory / "digits.parquet")
    draw_heat_maps(table, directory / "digits.png")
    print(f"\nThe results are in {directory / 'digits.parquet'}, a heat map in {directory / 'digits.png'}")


def draw_heat_maps(table: pd.DataFrame, path: Path) -> None:
    """Draw the mean accuracy over C and gamma, one map for each kernel; failed psets stay grey."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    maps = [mean_accuracies(table[table["kernel"] == kernel]) for kernel in KERNELS]
    best = max(means.to_numpy(na_value=0).max() for means in maps)
    figure, axes = plt.subplots(1, len(KERNELS), figsize=(13, 6.2), sharey=True, layout="constrained")
    for axis, kernel, means in zip(axes, KERNELS, maps, strict=True):
        image = draw_heat_map(axis, means, best)
        axis.set_title(f"{kernel} kernel")
    axes[0].set_ylabel("C")
    figure.suptitle(f"Handwritten digits read correctly, in %, mean of {table['split'].nunique()} splits")
    figure.colorbar(image, ax=axes, shrink=0.8, pad=0.01)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def mean_accuracies(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracy in %, one row for each C and one column for each gamma."""
    means = table.pivot_table(index="C", columns="gamma", values="accuracy", observed=True)
    return 100 * means.reindex(index=sorted(C), columns=GAMMA)


def draw_heat_map(axis: Any, means: pd.DataFrame, best: float) -> Any:
    """Draw one map with its numbers, and a frame around the best of them."""
    axis.set_facecolor("lightgrey")
    image = axis.imshow(means, cmap="viridis", vmin=0, vmax=100, origin="lower", aspect="auto")
    axis.set_xticks(range(means.shape[1]), [f"{gamma:g}" for gamma in means.columns])
    axis.set_yticks(range(means.shape[0]), [f"{c:g}" for c in means.index])
    axis.set_xlabel("gamma")
    for y, row in enumerate(means.to_numpy()):
        for x, mean in enumerate(row):
            text = "failed" if mean != mean else f"{mean:.1f}"
            frame = {"facecolor": "none"} if mean == best else None
            axis.text(x, y, text, ha="center", va="center", fontsize=8, color=shade(mean), bbox=frame)
    return image


def shade(percent: float) -> str:
    """Return a colour that can be read on the map's."""
    return "white" if percent < 60 else "black"


if __name__ == "__main__":
    main()
