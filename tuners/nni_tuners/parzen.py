"""The density that TPE estimates from rows: a kernel on each of them, and the prior.

Bergstra, Bardenet, Bengio, Kégl, Algorithms for Hyper-Parameter Optimization, NIPS 2011,
section 4: Parzen estimators that have the prior as one of their components.
Watanabe, Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles
for Better Empirical Performance, arXiv 2304.11127, 2023, section 3: kernels, univariate and
multivariate; table 6: bandwidths and the least of them. The bandwidth here depends on
the number of rows alone: on sphere, Rosenbrock, ellipsoid, Rastrigin, Branin and mixed problems
that beat Scott's rule, for which the rows of the good group are too few.

Rows are those of `encode.Code`, so the prior is uniform: on [0, 1] and over the options. A row has
NaN in the columns of branches that it has not chosen, which take no part in its density.
A kernel knows its own branch only. Were it to lie over the others too, as flat as the prior, it
would hide that they are untried: with four branches that was no better than random search.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nni_tuners.encode import Floats

Indices = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

# Chosen on problems that are not held out: 0.15 and 0.03 found worse parameters within 100 trials,
# 0.1 and 0.3 too; a floor of 0.06 was as good by then, and worse after 200.
BANDWIDTH = 0.2  # of a single kernel's Gaussian
MIN_BANDWIDTH = 0.05
STAY = 0.5  # how often a categorical kernel keeps its option; else it draws from the prior


class ParzenEstimator:
    """A mixture of the prior and of one kernel a row; multivariate, or such a mixture a column.

    `weights` has one weight a row and, last, the prior's; they sum to 1. `options` and `branching`
    are those of `Code`; `floors` has the least bandwidth of every column.
    """

    def __init__(
        self,
        rows: Floats,
        weights: Floats,
        options: Indices,
        floors: Floats,
        *,
        branching: Bools | None = None,
        multivariate: bool = True,
    ) -> None:
        self.rows = rows
        self.weights = weights
        self.options = options
        self.bandwidths = np.maximum(BANDWIDTH / math.sqrt(max(len(rows), 1)), floors)
        self.multivariate = multivariate
        self.branching = np.zeros(len(options), dtype=bool) if branching is None else branching
        self._gaps = np.isnan(rows).any(axis=0)

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        """Draws, shape (count, columns), with any numbers in columns of other branches.

        A kernel's draws leave its branch as they leave any option: as candidates they are many.
        """
        prior, columns = len(self.rows), len(self.options)
        # One component for the whole row, or one for each column of it.
        shape = (count, 1) if self.multivariate else (count, columns)
        component = np.searchsorted(np.cumsum(self.weights)[:-1], rng.random(shape), side="right")
        uniform = rng.random((count, columns))
        draws = np.where(self.options > 0, np.floor(uniform * self.options), uniform)
        if prior == 0:
            return draws
        centres = self.rows[np.minimum(component, prior - 1), np.arange(columns)]
        known = ~np.isnan(centres)
        stays = rng.random((count, columns)) < STAY
        middles = np.where((self.options == 0) & known, centres, 0.5)
        kernels = np.where(
            self.options > 0,
            np.where(stays, centres, draws),
            truncated_normal(rng, middles, self.bandwidths),
        )
        return np.where((component < prior) & known, kernels, draws)

    def log_density(self, rows: Floats) -> Floats:
        """The logarithm of the density at each of these rows, shape (rows,)."""
        columns = np.arange(len(self.options))
        if self.multivariate:
            return self._log_mixture(rows, columns)
        return sum((self._log_mixture(rows, columns[[c]]) for c in columns), np.zeros(len(rows)))

    def _log_mixture(self, rows: Floats, columns: Indices) -> Floats:
        """The logarithm of the mixture of these columns' product kernels and priors."""
        gaps = np.logical_or(self._gaps, np.isnan(rows).any(axis=0))[columns]
        whole = columns[~gaps]
        categorical = whole[self.options[whole] > 0]
        log_kernels = self._log_gaussians(rows, whole[self.options[whole] == 0])
        for column in categorical:
            log_kernels += self._log_categorical(rows, column)
        terms = np.empty((len(rows), len(self.weights)))
        terms[:, :-1] = log_kernels
        terms[:, -1] = -np.log(self.options[categorical]).sum()
        for column in columns[gaps]:
            terms += self._log_where_known(rows, column)
        terms += np.log(self.weights)
        largest = terms.max(axis=1, keepdims=True)
        log_sums: Floats = np.log(np.exp(terms - largest).sum(axis=1)) + largest[:, 0]
        return log_sums

    def _log_where_known(self, rows: Floats, column: np.intp) -> Floats:
        """The logarithms of one column's kernels and its prior, shape (rows, kernels + 1)."""
        log_prior = -math.log(max(self.options[column], 1))
        if self.options[column]:
            log_kernels = self._log_categorical(rows, column)
        else:
            log_kernels = self._log_gaussians(rows, np.array([column]))
        terms = np.full((len(rows), len(self.weights)), log_prior)
        terms[:, :-1] = np.where(np.isnan(self.rows[:, column]), log_prior, log_kernels)
        terms[np.isnan(rows[:, column])] = 0
        return terms

    def _log_categorical(self, rows: Floats, column: np.intp) -> Floats:
        """The logarithms of one column's categorical kernels, shape (rows, kernels)."""
        same = rows[:, [column]] == self.rows[:, column]
        if self.branching[column]:
            return np.where(same, 0, -np.inf)
        own, other = categorical_kernel(int(self.options[column]))
        return np.where(same, math.log(own), math.log(other))

    def _log_gaussians(self, rows: Floats, columns: Indices) -> Floats:
        """The logarithms of the truncated Gaussians, shape (rows, kernels)."""
        widths = self.bandwidths[columns]
        points, centres = rows[:, columns] / widths, self.rows[:, columns] / widths
        norms = np.log(math.sqrt(2 * math.pi) * widths * share_inside(centres, widths)).sum(axis=1)
        # The squared distances, multiplied out: one matrix product instead of a cube of numbers.
        halves = (points**2).sum(axis=1)[:, None] / 2 + (centres**2).sum(axis=1) / 2
        log_kernels: Floats = points @ centres.T - halves - norms
        return log_kernels


def truncated_normal(rng: np.random.Generator, centres: Floats, widths: Floats) -> Floats:
    """Draws from normal distributions cut to [0, 1], of the shape of the centres, all inside.

    One width a column, none above 1.
    """
    draws = rng.normal(centres, widths)
    # With centres inside and widths up to 1, a third and more of the draws lies inside each time.
    while (outside := np.flatnonzero((draws < 0) | (draws > 1))).size:
        draws.flat[outside] = rng.normal(centres.flat[outside], widths[outside % len(widths)])
    return draws


def share_inside(centres: Floats, widths: Floats) -> Floats:
    """The probability of [0, 1] under normal distributions; `centres` are in units of `widths`."""
    return (erf(centres / math.sqrt(2)) + erf((1 / widths - centres) / math.sqrt(2))) / 2


def erf(numbers: Floats) -> Floats:
    """The error function of numbers from 0 on, to 1.5e-7: numpy has none.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, formula 7.1.26.
    """
    t = 1 / (1 + 0.3275911 * numbers)
    series = 0.254829592 + t * (
        -0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))
    )
    return 1 - t * series * np.exp(-(numbers**2))


def categorical_kernel(options: int) -> tuple[float, float]:
    """The probabilities of a kernel's own option and of each other one.

    An Aitchison-Aitken kernel whose bandwidth is (1 - STAY) * (options - 1) / options.
    """
    other = (1 - STAY) / options
    return STAY + other, other
