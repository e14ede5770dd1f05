"""The data that the tabulated models learn from, and how far off they are on what they never saw.

All of it ships with scikit-learn or is made by it, so nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import datasets

Array = npt.NDArray[np.float64]

LEAST_PROBABILITY = 1e-3  # a sure and wrong guess costs this much's logarithm, not infinity
WORST = 3.0  # times the loss of guessing without looking: a failed fit has it, none is worse


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to be judged on; a class is its number, from 0 on."""

    x: Array
    y: Array
    x_test: Array
    y_test: Array

    def error(self, labels: Array) -> float:
        """The part of the test rows whose class is another one."""
        return float(np.mean(labels != self.y_test))

    def log_loss(self, probabilities: Array) -> float:
        """The mean of -log of the right class's probability."""
        rows = np.arange(len(self.y_test))
        right = probabilities[rows, self.y_test.astype(np.intp)]
        return float(-np.log(np.maximum(right, LEAST_PROBABILITY)).mean())

    def rmse(self, numbers: Array) -> float:
        """The root mean squared error, in standard deviations of what was to be learnt."""
        return float(np.sqrt(np.mean((numbers - self.y_test) ** 2)))

    def loss(self, name: str, predicted: Array) -> float:
        """The loss of that name, never above the worst that it may be."""
        measured = {"error": self.error, "log_loss": self.log_loss, "rmse": self.rmse}
        with np.errstate(over="ignore"):
            loss = measured[name](predicted)
        return min(loss, self.worst(name)) if np.isfinite(loss) else self.worst(name)

    def worst(self, name: str) -> float:
        """The loss of a fit that failed: 3 times that of a guess, for an error all are wrong."""
        classes = len(np.unique(self.y))
        return {"error": 1.0, "log_loss": WORST * float(np.log(classes)), "rmse": WORST}[name]


def _split(x: Array, y: Array, rows: int, test: int, *, numbers: bool = False) -> Split:
    """A random split, every column (and what is to be learnt, where numbers) standardised."""
    order = np.random.default_rng(0).permutation(len(y))
    learn, judge = order[:rows], order[rows : rows + test]
    spread = x[learn].std(axis=0)
    x = (x - x[learn].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if numbers:
        y = (y - y[learn].mean()) / y[learn].std()
    return Split(x[learn], y[learn], x[judge], y[judge])


def _digits() -> Split:
    x, y = datasets.load_digits(return_X_y=True)
    return _split(x, y, 300, 700)


def _cancer() -> Split:
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return _split(x, y, 200, 369)


def _wine() -> Split:
    x, y = datasets.load_wine(return_X_y=True)
    return _split(np.concatenate([x, _noise(len(y), 8)], axis=1), y, 70, 108)


def _noise(rows: int, columns: int) -> Array:
    return np.random.default_rng(1).normal(size=(rows, columns))


def _diabetes() -> Split:
    x, y = datasets.load_diabetes(return_X_y=True)
    return _split(x, y, 220, 222, numbers=True)


def _friedman1() -> Split:
    x, y = datasets.make_friedman1(800, noise=1.0, random_state=0)
    return _split(x, y, 250, 550, numbers=True)


def _friedman2() -> Split:
    x, y = datasets.make_friedman2(800, noise=100.0, random_state=0)
    return _split(x, y, 200, 600, numbers=True)


def _friedman3() -> Split:
    x, y = datasets.make_friedman3(900, noise=0.1, random_state=0)
    return _split(x, y, 300, 600, numbers=True)


def _clusters() -> Split:
    x, y = datasets.make_classification(
        900, 20, n_informative=6, n_redundant=4, n_clusters_per_class=3, flip_y=0.05, random_state=0
    )
    return _split(x, y, 300, 600)


def _sparse() -> Split:
    x, y = datasets.make_classification(
        900, 60, n_informative=8, n_redundant=10, n_classes=3, flip_y=0.05, random_state=1
    )
    return _split(x, y, 200, 700)


DATASETS: dict[str, Callable[[], Split]] = {
    "digits": _digits,
    "cancer": _cancer,
    "wine": _wine,
    "diabetes": _diabetes,
    "friedman1": _friedman1,
    "friedman2": _friedman2,
    "friedman3": _friedman3,
    "clusters": _clusters,
    "sparse": _sparse,
}
