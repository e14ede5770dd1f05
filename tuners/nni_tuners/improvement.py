"""The logarithms of the expected improvement and of the probability of one, and their slopes.

Ament, Daulton, Eriksson, Balandat, Bakshy, Unexpected Improvements to Expected Improvement for
Bayesian Optimization, NeurIPS 2023, section 4.1: EI(x) = sd * h(u) with u = (best - mean) / sd and
h(u) = phi(u) + u Phi(u), whose logarithm is computed without cancellation where u is far below 0.
"""

from __future__ import annotations

import math

import numpy as np

from nni_tuners.encode import Floats

_FAR = 8.0  # below -_FAR the series of h takes over, where 1 - u R(u) has no digits left
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_TINY = 1e-300


def log_improvement(mean: Floats, deviation: Floats, best: float) -> tuple[Floats, Floats, Floats]:
    """log EI of a value below `best` under normal distributions; its slopes by mean and deviation.

    All arrays have the shape of `mean`; deviations are positive.
    """
    score = (best - mean) / deviation
    logarithm, density, share = _log_h(score)
    # dEI/dmean = -Phi(u), dEI/dsd = phi(u); divided by EI = sd * h(u).
    return np.log(deviation) + logarithm, -share / deviation, density / deviation


def log_probability(mean: Floats, deviation: Floats, best: float) -> tuple[Floats, Floats, Floats]:
    """log Phi(u), the probability of a value below `best`; its slopes by mean and deviation."""
    score = (best - mean) / deviation
    below = score < 0
    log_density = -0.5 * score**2 - _LOG_SQRT_2PI
    density, mills = np.exp(log_density), mills_ratio(np.abs(score))
    share = np.where(below, 1.0, 1 - density * mills)  # Phi(u) where it is not small
    value = np.where(below, log_density + np.log(mills), np.log(share))
    slope = np.where(below, 1 / mills, density / share)  # phi(u) / Phi(u)
    return value, -slope / deviation, -score * slope / deviation


def _log_h(score: Floats) -> tuple[Floats, Floats, Floats]:
    """log h(u), phi(u) / h(u) and Phi(u) / h(u)."""
    size = np.abs(score)
    log_density = -0.5 * score**2 - _LOG_SQRT_2PI
    density = np.exp(log_density)
    mills = mills_ratio(size)
    # Below 0: h = phi * (1 - |u| R(|u|)), with 1 - z R(z) = 1 / z^2 - 3 / z^4 + 15 / z^6 - ...
    square = np.maximum(score**2, _FAR**2)
    series = (1 - 3 / square + 15 / square**2 - 105 / square**3) / square
    factor = np.where(size > _FAR, series, np.maximum(1 - size * mills, _TINY))
    below = score < 0
    value = np.where(below, 1.0, density + score * (1 - density * mills))
    return (
        np.where(below, log_density + np.log(factor), np.log(value)),
        np.where(below, 1 / factor, density / value),
        np.where(below, mills / factor, (1 - density * mills) / value),
    )


def mills_ratio(numbers: Floats) -> Floats:
    """(1 - Phi(z)) / phi(z) of numbers from 0 on, to 1.2e-7 of it.

    Press, Teukolsky, Vetterling, Flannery, Numerical Recipes, second edition, 1992, section 6.2:
    the Chebyshev approximation of erfc, here without its factor exp(-z^2 / 2), which would
    underflow.
    """
    t = 1 / (1 + numbers / (2 * math.sqrt(2)))
    exponent = np.full_like(t, _COEFFICIENTS[-1])
    for coefficient in _COEFFICIENTS[-2::-1]:
        exponent = coefficient + t * exponent
    ratio: Floats = math.sqrt(math.pi / 2) * t * np.exp(exponent)
    return ratio


_COEFFICIENTS = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)
