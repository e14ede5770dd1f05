"""Where a learning curve is going: many models of its shape, each as far as it fits.

Domhan, Springenberg, Hutter, Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves, IJCAI 2015: section 3.1, the weighted combination of
parametric models. Their shape parameters are on a grid here, so that each model is linear in what
is left and its posterior has a closed form (Bishop, Pattern Recognition and Machine Learning, 2006,
section 3.3): no sampling, and the same short time for every curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nni_tuners.encode import Floats

MOST_STEPS = 64  # that are looked at, of a longer curve
_SHARES = (0.03, 0.1, 0.3, 1.0)  # of all steps: how soon a curve has come half the way
_NOISE = 1e-2  # variance of the results that is expected, where a curve's values reach from -1 to 1
_PRECISION = (1e-7, 1e-5)  # of the prior: the end may be anywhere, the way very long
_DEGREES = 1.0  # how many results the expectation of the noise is worth


@dataclass(frozen=True)
class Forecast:
    """The result at the last step as a mixture: of every model its weight, place, scale."""

    weights: Floats
    places: Floats
    scales: Floats
    degrees: float

    @property
    def mean(self) -> float:
        """What is to be expected."""
        return float(self.weights @ self.places)

    def chance(self, limit: float) -> float:
        """How probable it is that the result is at most this."""
        return float(self.weights @ _below((limit - self.places) / self.scales, self.degrees))


def forecast(curve: Sequence[float], steps: int) -> Forecast:
    """The result after so many steps, more than the curve has, by its results so far."""
    chosen = np.unique(np.linspace(0, len(curve) - 1, MOST_STEPS).round().astype(int))
    values = np.array([curve[step] for step in chosen])
    middle = float(values.mean())
    spread = max(float(np.abs(values - middle).max()), abs(middle) * 1e-6, 1e-300)
    return _posterior(_ways(chosen + 1.0, steps), (values - middle) / spread, middle, spread)


def _ways(chosen: Floats, steps: int) -> Floats:
    """Shape (models, chosen): the way that is left, from 1 at the first step to 0 at the last."""
    t = np.concatenate([[1.0], chosen, [steps]])
    ways = [t**-power for power in (0.25, 0.5, 1, 2)]  # pow3
    ways += [1 / np.log(t + 1), -t]  # ilog2, and as far from level as a curve may be expected
    for tau in (max(share * steps, 1.0) for share in _SHARES):
        ways += [np.exp(-((t / tau) ** power)) for power in (0.5, 1, 2)]  # weibull, exp3
        ways += [1 / (1 + (t / tau) ** power) for power in (1, 2, 4)]  # hill3, mmf
    shapes = np.array(ways)
    whole = shapes[:, :1] - shapes[:, -1:]
    return ((shapes - shapes[:, -1:]) / whole)[:, 1:-1]


def _posterior(ways: Floats, values: Floats, middle: float, spread: float) -> Forecast:
    """Of value = end + length * way + noise, for every model; by Bishop's 3.53, 3.54 and 3.86."""
    count = len(values)
    design = np.stack([np.ones_like(ways), ways], axis=2)
    precision = np.diag(_PRECISION) + np.swapaxes(design, 1, 2) @ design
    target = np.swapaxes(design, 1, 2) @ values
    covariance = np.linalg.inv(precision)
    found = np.einsum("mij,mj->mi", covariance, target)
    rest = np.maximum(values @ values - np.einsum("mi,mi->m", target, found), 0.0)
    degrees = _DEGREES + count
    noise = (_DEGREES * _NOISE + rest) / degrees
    evidence = -0.5 * np.log(np.linalg.det(precision)) - 0.5 * degrees * np.log(noise)
    weights = np.exp(evidence - evidence.max())
    scales = np.sqrt(noise * (1 + covariance[:, 0, 0]))
    return Forecast(
        weights / weights.sum(), middle + spread * found[:, 0], spread * scales, degrees
    )


def _below(deviations: Floats, degrees: float) -> Floats:
    """Student's distribution function, to some thousandths (Wallace 1959)."""
    size = np.sqrt(degrees * np.log1p(deviations**2 / degrees))
    normal = np.sign(deviations) * size * (8 * degrees + 1) / (8 * degrees + 3)
    return np.array([0.5 * (1 + math.erf(one / math.sqrt(2))) for one in normal])
