"""Parameters of all types as coordinates: what a function on [-5, 5]^d sees of their values.

Each kind is made for the coordinate where the function is least, so that one of its values lies
there: a grid is moved onto it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from nni_annotate.domains import (
    Choice,
    LogNormal,
    LogUniform,
    Normal,
    Plain,
    QUniform,
    RandInt,
    Uniform,
    Value,
    identity,
)


@dataclass(frozen=True)
class Axis:
    """A parameter, the coordinate of each of its values, and the value that was asked for."""

    domain: Plain
    place: Callable[[Value], float]
    best: Value


Kind = Callable[[float], Axis]  # from the coordinate that one of the values has to have


def uniform(low: float = -5, high: float = 5) -> Kind:
    """Evenly between the bounds."""
    step = (high - low) / 10

    def axis(target: float) -> Axis:
        best = min(max(low + (target + 5) * step, low), high)
        return Axis(Uniform(low, high), lambda value: float((value - low) / step - 5), best)

    return axis


def log(low: float, high: float) -> Kind:
    """By orders of magnitude."""
    start, step = math.log(low), math.log(high / low) / 10

    def axis(target: float) -> Axis:
        best = min(max(math.exp(start + (target + 5) * step), low), high)
        return Axis(LogUniform(low, high), lambda value: (math.log(value) - start) / step - 5, best)

    return axis


def bell(mu: float, sigma: float) -> Kind:
    """By the quantiles of a normal distribution."""
    bells = NormalDist(mu, sigma)

    def axis(target: float) -> Axis:
        best = bells.inv_cdf((target + 5) / 10)
        return Axis(Normal(mu, sigma), lambda value: 10 * bells.cdf(value) - 5, best)

    return axis


def log_bell(mu: float, sigma: float) -> Kind:
    """By the quantiles of a lognormal distribution."""
    bells = NormalDist(mu, sigma)

    def axis(target: float) -> Axis:
        best = math.exp(bells.inv_cdf((target + 5) / 10))
        return Axis(
            LogNormal(mu, sigma),
            lambda value: 10 * bells.cdf(math.log(value)) - 5 if value > 0 else -5.0,
            best,
        )

    return axis


def integers(lower: int, upper: int) -> Kind:
    """A level for each int, `upper` excluded."""

    def axis(target: float) -> Axis:
        levels, nearest = _levels(upper - lower, target)
        return Axis(RandInt(lower, upper), lambda value: levels[value - lower], lower + nearest)

    return axis


def steps(low: float, high: float, q: float) -> Kind:
    """A level for each multiple of q; the bounds have to be such."""

    def axis(target: float) -> Axis:
        levels, nearest = _levels(round((high - low) / q) + 1, target)
        best = (round(low / q) + nearest) * q
        domain = QUniform(low, high, q)
        return Axis(domain, lambda value: levels[round((value - low) / q)], min(best, high))

    return axis


def choice(*options: Value, seed: int = 0) -> Kind:
    """A level for each option, in a random order."""
    order = np.random.default_rng(seed).permutation(len(options)).tolist()

    def axis(target: float) -> Axis:
        levels, nearest = _levels(len(options), target)
        places = {
            identity(option): levels[level] for option, level in zip(options, order, strict=True)
        }
        best = options[order.index(nearest)]
        return Axis(Choice(options), lambda value: places[identity(value)], best)

    return axis


def _levels(count: int, target: float) -> tuple[list[float], int]:
    """So many evenly spaced points of [-5, 5], and which of them is the target."""
    step = 10 / count
    nearest = min(int((target + 5) / step), count - 1)
    return [target + (level - nearest) * step for level in range(count)], nearest
