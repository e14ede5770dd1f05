"""The normal distribution that CMA-ES searches with, and how it follows the best of a population.

Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772: table 1 for the constants,
appendix A for the algorithm in one figure.
Hamano, Saito, Nomura, Shirakawa, CMA-ES with Margin: Lower-Bounding Marginal Probability for
Mixed-Integer Black-Box Optimization, GECCO 2022: the margin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from nni_tuners.encode import Floats

MAX_CONDITION = 1e14  # of the covariance matrix

_STANDARD = NormalDist()
_ALPHA_COV = 2.0  # of the tutorial's table 1


class Constants:
    """What the strategy's learning rates are in `dimensions` with that population."""

    def __init__(self, dimensions: int, population: int) -> None:
        n, ranks = max(dimensions, 1), np.arange(1, population + 1)
        raw = math.log((population + 1) / 2) - np.log(ranks)
        parents = population // 2
        self.population = population
        self.mu_eff = _effective(raw[:parents])
        self.c_sigma = (self.mu_eff + 2) / (n + self.mu_eff + 5)
        self.d_sigma = 1 + 2 * max(0.0, math.sqrt((self.mu_eff - 1) / (n + 1)) - 1) + self.c_sigma
        self.c_c = (4 + self.mu_eff / n) / (n + 4 + 2 * self.mu_eff / n)
        self.c_1 = _ALPHA_COV / ((n + 1.3) ** 2 + self.mu_eff)
        self.c_mu = min(
            1 - self.c_1,
            _ALPHA_COV
            * (self.mu_eff - 2 + 1 / self.mu_eff)
            / ((n + 2) ** 2 + _ALPHA_COV * self.mu_eff / 2),
        )
        self.expected_norm = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
        self.weights = self._weights(raw, n)

    def _weights(self, raw: Floats, n: int) -> Floats:
        """Positive ones, which sum to 1, then negative ones."""
        negative = raw[raw < 0]
        mu_eff_minus = _effective(negative)
        least = min(
            1 + self.c_1 / max(self.c_mu, 1e-12),
            1 + 2 * mu_eff_minus / (self.mu_eff + 2),
            (1 - self.c_1 - self.c_mu) / (n * max(self.c_mu, 1e-12)),
        )
        weights: Floats = np.where(
            raw >= 0, raw / raw[raw > 0].sum(), raw * least / np.abs(negative).sum()
        )
        return weights


def _effective(weights: Floats) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())


class SearchDistribution:
    """N(mean, (step * scales)^2 covariance), `scales` being the margin's matrix A."""

    def __init__(self, mean: Floats, step: float, population: int) -> None:
        n = len(mean)
        self.constants = Constants(n, population)
        self.mean = mean
        self.step = step
        self.scales = np.ones(n)
        self.covariance = np.eye(n)
        self._step_path = np.zeros(n)
        self._path = np.zeros(n)
        self._generation = 0
        self._axes, self._lengths = np.eye(n), np.ones(n)

    @property
    def deviations(self) -> Floats:
        """The standard deviation of each coordinate."""
        found: Floats = self.step * self.scales * np.sqrt(np.diag(self.covariance))
        return found

    @property
    def is_degenerate(self) -> bool:
        """Whether the ratio of the longest axis to the shortest is more than numbers bear."""
        squares = self._lengths**2
        return bool((squares.max(initial=0) > MAX_CONDITION * squares).any())

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        """Draws, shape (count, dimensions)."""
        steps = rng.standard_normal((count, len(self.mean))) * self._lengths @ self._axes.T
        draws: Floats = self.mean + self.step * self.scales * steps
        return draws

    def update(self, points: Floats) -> None:
        """Follow a population, best first, shape (population, dimensions)."""
        k, n = self.constants, len(self.mean)
        steps = (points - self.mean) / (self.step * self.scales)
        positive = np.maximum(k.weights, 0)
        mean_step = positive @ steps
        self.mean = self.mean + self.step * self.scales * mean_step
        # Step-size control.
        whitened = self._axes @ ((self._axes.T @ mean_step) / self._lengths)
        self._step_path = (1 - k.c_sigma) * self._step_path + math.sqrt(
            k.c_sigma * (2 - k.c_sigma) * k.mu_eff
        ) * whitened
        norm = float(np.linalg.norm(self._step_path))
        self.step *= math.exp(min(1.0, k.c_sigma / k.d_sigma * (norm / k.expected_norm - 1)))
        # Covariance matrix adaptation.
        self._generation += 1
        warm = math.sqrt(1 - (1 - k.c_sigma) ** (2 * self._generation))
        stalls = norm / warm >= (1.4 + 2 / (n + 1)) * k.expected_norm
        keep = 0.0 if stalls else 1.0
        self._path = (1 - k.c_c) * self._path + keep * math.sqrt(
            k.c_c * (2 - k.c_c) * k.mu_eff
        ) * mean_step
        lengths = (((steps @ self._axes) / self._lengths) ** 2).sum(axis=1)
        weights = np.where(k.weights >= 0, k.weights, k.weights * n / (lengths + 1e-12))
        lost = (1 - keep) * k.c_1 * k.c_c * (2 - k.c_c)
        self.covariance = (
            (1 + lost - k.c_1 - k.c_mu * k.weights.sum()) * self.covariance
            + k.c_1 * np.outer(self._path, self._path)
            + k.c_mu * (steps.T * weights) @ steps
        )
        self._decompose()

    def keep_margin(self, edges: Sequence[Floats | None], margin: float) -> None:
        """Move mean and scales so that values other than the mean's keep a probability.

        `edges` has the edges between the values of each coordinate, None for continuous ones.
        """
        deviations = self.deviations
        for column, inner in enumerate(edges):
            if inner is None or not len(inner):
                continue
            mean, deviation = float(self.mean[column]), float(deviations[column])
            at = int(np.searchsorted(inner, mean))
            if 0 < at < len(inner):
                mean, ratio = _inner_margin(
                    mean, deviation, float(inner[at - 1]), float(inner[at]), margin
                )
                self.scales[column] *= ratio
            else:
                edge = float(inner[min(at, len(inner) - 1)])
                # Half of what is outside the central 1 - 2 margin lies beyond either end.
                reach = _STANDARD.inv_cdf(1 - margin) * deviation
                mean = edge + math.copysign(min(abs(mean - edge), reach), mean - edge)
            self.mean[column] = mean

    def _decompose(self) -> None:
        self.covariance = (self.covariance + self.covariance.T) / 2
        squares, self._axes = np.linalg.eigh(self.covariance)
        self._lengths = np.sqrt(np.maximum(squares, 1e-20))


def _inner_margin(
    mean: float, deviation: float, low: float, high: float, margin: float
) -> tuple[float, float]:
    """The mean and the factor of the deviation that give the values beyond either edge their due.

    Hamano et al.: probabilities below margin / 2 are raised to it, what they gain is
    taken from the others in proportion.
    """
    below = _STANDARD.cdf((low - mean) / deviation)
    above = 1 - _STANDARD.cdf((high - mean) / deviation)
    if below >= margin / 2 and above >= margin / 2:
        return mean, 1.0
    inside = 1 - below - above
    raised_below, raised_above = max(margin / 2, below), max(margin / 2, above)
    total = raised_below + raised_above + inside
    excess = (1 - total) / (total - 3 * margin / 2)
    below = raised_below + excess * (raised_below - margin / 2)
    above = raised_above + excess * (raised_above - margin / 2)
    score_below, score_above = _STANDARD.inv_cdf(1 - below), _STANDARD.inv_cdf(1 - above)
    width = score_below + score_above
    return (low * score_above + high * score_below) / width, (high - low) / (deviation * width)
