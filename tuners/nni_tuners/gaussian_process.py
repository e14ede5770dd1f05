"""A Gaussian process: what results lead to expect elsewhere, and how surely.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: regression (algorithm 2.1),
the Matérn kernel (equation 4.17), the marginal likelihood and its gradient (equations 5.8, 5.9).
Jones, Schonlau, Welch, Efficient Global Optimization of Expensive Black-Box Functions, Journal of
Global Optimization 13, 1998, equations 5 and 6: the closed forms of the signal's mean and variance,
so that only the length scales and the noise are to be fitted.
Hvarfner, Hellsten, Nardi, Vanilla Bayesian Optimization Performs Great in High Dimensions, ICML
2024: a prior of length scales that grows with the number of dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nni_tuners.encode import Floats
from nni_tuners.quasi_newton import minimum
from nni_tuners.utilities import Utility

_JITTER = 1e-8  # keeps the covariance of points that lie together positive definite
_LEAST_VARIANCE = 1e-10  # of a prediction, as a share of the signal's
_ROOT_3 = math.sqrt(3)
_SMALL = 40  # rows of a matrix that is inverted as a whole


@dataclass(frozen=True)
class Prior:
    """Normal priors of the logarithms of the length scales and of the noise's variance.

    The variance is relative to the signal's. Length scales are in units of a feature's range; the
    mean of their logarithms is one for all, or has the shape (columns,).
    """

    log_scale: float | Floats
    log_scale_deviation: float
    log_noise: float
    log_noise_deviation: float
    least_log_scale: float
    least_log_noise: float

    def means(self, columns: int) -> Floats:
        """The likeliest hyperparameters without any data, shape (columns + 1,)."""
        return np.append(np.full(columns, self.log_scale), self.log_noise)

    def deviations(self, columns: int) -> Floats:
        """Their standard deviations, shape (columns + 1,)."""
        return np.append(np.full(columns, self.log_scale_deviation), self.log_noise_deviation)

    def box(self, columns: int) -> tuple[Floats, Floats]:
        """The least and the largest hyperparameters, each of shape (columns + 1,)."""
        lower = np.append(np.full(columns, self.least_log_scale), self.least_log_noise)
        return lower, np.append(np.full(columns, 8.0), 3.0)


@dataclass(frozen=True)
class Data:
    """Points and what was found there.

    features: shape (points, features)
    owners: shape (features,), the column whose length scale a feature has
    values: shape (points,), of about mean 0 and variance 1
    """

    features: Floats
    owners: npt.NDArray[np.intp]
    values: Floats

    @property
    def columns(self) -> int:
        """How many length scales there are."""
        return int(self.owners.max(initial=-1)) + 1


class MarginalLikelihood:
    """The negative logarithm of the posterior of hyperparameters, up to a constant, and its slopes.

    Hyperparameters are the logarithms of the length scales and, last, of the noise's variance.
    """

    def __init__(self, data: Data, prior: Prior) -> None:
        self._data = data
        self._means = prior.means(data.columns)
        self._deviations = prior.deviations(data.columns)
        self._owned = np.eye(data.columns)[data.owners]  # (features, columns)

    def __call__(self, hyperparameters: Floats) -> tuple[float, Floats]:
        """The value at hyperparameters of shape (columns + 1,), and the gradient there."""
        values, count = self._data.values, len(self._data.values)
        noise = math.exp(hyperparameters[-1])
        scaled = self._data.features * np.exp(-hyperparameters[:-1])[self._data.owners]
        kernel, slope = matern(square_distances(scaled, scaled))
        kernel[np.diag_indices(count)] = 1 + noise + _JITTER
        try:
            factor = np.linalg.cholesky(kernel)
        except np.linalg.LinAlgError:
            return math.inf, np.zeros(len(hyperparameters))
        half = lower_inverse(factor)
        inverse = half.T @ half
        _, weights, variance = _signal(inverse, values)
        # Equation 5.8, with the closed forms of mean and variance put in.
        value = 0.5 * count * math.log(variance) + float(np.log(factor.diagonal()).sum())
        # Equation 5.9: tr(W dK) / 2. Length scale j has dK_ik / dlog l_j = slope_ik (z_ij - z_kj)^2
        # in scaled features z, and the sum of W_ik (z_i - z_k)^2 is 2 (W 1)'z^2 - 2 z'W z.
        outer = inverse - np.outer(weights, weights) / variance
        product = outer * slope
        by_feature = product.sum(axis=1) @ scaled**2 - (scaled * (product @ scaled)).sum(axis=0)
        gradient = np.append(by_feature @ self._owned, 0.5 * np.trace(outer) * noise)
        score = (hyperparameters - self._means) / self._deviations
        return value + 0.5 * float(score @ score), gradient + score / self._deviations


def fit(data: Data, prior: Prior, starts: Sequence[Floats], steps: int) -> Floats:
    """The likeliest hyperparameters that descents from these starts get to."""
    likelihood = MarginalLikelihood(data, prior)
    lower, upper = prior.box(data.columns)
    found = [minimum(likelihood, start, lower, upper, steps) for start in starts]
    return min(found, key=lambda pair: pair[1])[0]


class Posterior:
    """What the data lead to expect, with these hyperparameters.

    `best` is the least expected value at any of the data's points.
    """

    def __init__(self, data: Data, hyperparameters: Floats) -> None:
        self._scales = np.exp(-hyperparameters[:-1])[data.owners]
        self._points = data.features * self._scales
        self._values = data.values
        self._noise = math.exp(hyperparameters[-1])
        self._kernel, _ = matern(square_distances(self._points, self._points))
        self._half = self._factored()
        self.mean, self._weights, self.variance = _signal(self._half.T @ self._half, self._values)
        self.best = float(self.mean + (self._kernel @ self._weights).min())

    def believe(self, features: Floats) -> None:
        """Take what is expected at these points for what was found there.

        Ginsbourger, Le Riche, Carraro, Kriging Is Well-Suited to Parallelize Optimization, 2010:
        the kriging believer. So trials that still run keep others away, without a result.
        """
        expected, _ = self.predict(features)
        points = features * self._scales
        across, _ = matern(square_distances(points, self._points))
        among, _ = matern(square_distances(points, points))
        self._kernel = np.block([[self._kernel, across.T], [across, among]])
        self._points = np.concatenate([self._points, points])
        self._values = np.concatenate([self._values, expected])
        self._half = self._factored()
        self._weights = self._half.T @ (self._half @ (self._values - self.mean))
        self.best = min(self.best, float(expected.min()))

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations, without noise, at points of shape (points, features)."""
        points = features * self._scales
        kernel, _ = matern(square_distances(points, self._points))
        return self.mean + kernel @ self._weights, self._deviations(kernel @ self._half.T)

    def left_out(self) -> tuple[Floats, Floats]:
        """What all other points lead to expect at each: means, and deviations with noise.

        Rasmussen and Williams, equation 5.12. Points that were believed come last.
        """
        precisions = (self._half**2).sum(axis=0)  # the diagonal of K^-1
        means = self._values - self._weights / precisions
        return means, np.sqrt(self.variance / precisions)

    def worth(self, features: Floats, utility: Utility) -> Floats:
        """The utility of trying these points, shape (points,)."""
        mean, deviation = self.predict(features)
        return utility(mean, deviation, self.best)[0]

    def worth_slopes(self, features: Floats, utility: Utility) -> tuple[Floats, Floats]:
        """`worth` and its gradients, of shape (points, features)."""
        points = features * self._scales
        kernel, slope = matern(square_distances(points, self._points))
        half = kernel @ self._half.T
        deviation = self._deviations(half)
        value, by_mean, by_deviation = utility(
            self.mean + kernel @ self._weights, deviation, self.best
        )
        # dk_i / dz = -slope_i (z - z_i); the mean has weights w, the variance -2 K^-1 k, so that
        # both are of the form -sum_i c_i slope_i (z - z_i).
        by_kernel = (
            by_mean[:, None] * self._weights
            - (by_deviation * self.variance / deviation)[:, None] * (half @ self._half)
        ) * slope
        gradient = by_kernel @ self._points - by_kernel.sum(axis=1)[:, None] * points
        return value, gradient * self._scales

    def _factored(self) -> Floats:
        """The inverse of the covariance's Cholesky factor."""
        noisy = self._kernel + np.eye(len(self._kernel)) * (self._noise + _JITTER)
        return lower_inverse(np.linalg.cholesky(noisy))

    def _deviations(self, half: Floats) -> Floats:
        rest = np.maximum(1 - (half**2).sum(axis=1), _LEAST_VARIANCE)
        deviations: Floats = np.sqrt(self.variance * rest)
        return deviations


def matern(squares: Floats) -> tuple[Floats, Floats]:
    """The Matérn 3/2 kernel of squared distances, and minus twice its derivative by them.

    The 5/2 one is as good where the results are smooth. Those of models as they are trained have
    steps, and are learned sooner as what is differentiable only once.
    """
    distances = np.sqrt(squares) * _ROOT_3
    decay = np.exp(-distances)
    return (1 + distances) * decay, 3 * decay


def square_distances(left: Floats, right: Floats) -> Floats:
    """Of every point of shape (features,) on the left to every one on the right."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    clipped: Floats = np.maximum(squares, 0)
    return clipped


def lower_inverse(lower: npt.NDArray[np.floating[Any]]) -> Floats:
    """The inverse of a lower triangular matrix.

    By halves, as `np.linalg.inv` makes no use of the zeros: at 200 rows that takes 4 times as long.
    """
    if len(lower) <= _SMALL:
        return np.asarray(np.linalg.inv(lower), dtype=float)
    half = len(lower) // 2
    inverse = np.zeros(lower.shape)
    inverse[:half, :half] = first = lower_inverse(lower[:half, :half])
    inverse[half:, half:] = last = lower_inverse(lower[half:, half:])
    inverse[half:, :half] = -(last @ lower[half:, :half]) @ first
    return inverse


def _signal(inverse: Floats, values: Floats) -> tuple[float, Floats, float]:
    """The likeliest mean and variance of the signal, and K^-1 (values - mean) between them."""
    ones, weighted = inverse.sum(axis=1), inverse @ values
    mean = float(weighted.sum() / ones.sum())
    weights = weighted - mean * ones
    variance = float((values - mean) @ weights) / len(values)
    return mean, weights, max(variance, 1e-12)
