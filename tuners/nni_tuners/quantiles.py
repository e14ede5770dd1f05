"""The values of a domain by their prior quantiles: the one place where domains become numbers.

Every domain is a prior distribution, and a value's number is its prior quantile: the share of
draws that lie below it, 0 to 1. In these numbers every parameter is uniform, whatever its domain.
Where a value has a probability of its own (ints, quantised domains) its number is the middle of
its quantiles, so that each value has one number.
"""

from __future__ import annotations

import math
import sys
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nni_annotate.domains import (
    Choice,
    LogNormal,
    LogUniform,
    Normal,
    Plain,
    QLogNormal,
    QLogUniform,
    QNormal,
    Quantised,
    QUniform,
    RandInt,
    Uniform,
    Value,
    identity,
    quantised,
)

Bounded: TypeAlias = Uniform | LogUniform | QUniform | QLogUniform
Table: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

MAX_TABLE = 1024  # values; with more of them, all quantiles of a value are all but its middle

_LARGEST = sys.float_info.max
_LOG_LARGEST = math.log(_LARGEST)
_STEPS = 2**53  # the floats that Generator.random draws are multiples of 1 / 2**53
_TAIL = 1 / _STEPS  # a normal draw stays within some 8.2 sigma
_STANDARD = NormalDist()


def value_at(domain: Plain, quantile: float) -> Value:
    """The domain's value at that prior quantile, 0 to 1, in the domain's own type.

    Of a choice it is the option's label: the parameters of a branch have values of their own.

    >>> value_at(Uniform(0, 10), 0.25), value_at(RandInt(0, 4), 0.99)
    (2.5, 3)
    """
    match domain:
        case Choice(options):
            return domain.labels[min(int(quantile * len(options)), len(options) - 1)]
        case RandInt(lower, upper):
            # In ints, since a float can't tell the values of a wide range apart.
            count = upper - lower
            return lower + min(int(quantile * _STEPS) * count // _STEPS, count - 1)
        case QUniform() | QLogUniform() | QNormal() | QLogNormal():
            return quantised(domain, _draw(domain, quantile))
        case _:
            return _draw(domain, quantile)


def quantile_of(domain: Plain, value: Value) -> float:
    """The prior quantile of a canonical value; the middle one where many give that value.

    >>> quantile_of(Uniform(0, 10), 2.5), quantile_of(RandInt(0, 4), 3)
    (0.25, 0.875)
    """
    match domain:
        case Choice(options):
            index = [identity(label) for label in domain.labels].index(identity(value))
            return (index + 0.5) / len(options)
        case RandInt(lower, upper):
            return float((2 * (value - lower) + 1) / (2 * (upper - lower)))
        case QUniform() | QLogUniform() | QNormal() | QLogNormal():
            lower_edge, upper_edge = _edges(domain, round(value / domain.q))
            return lower_edge + (upper_edge - lower_edge) / 2
        case _:
            return _share_below(domain, value)


def count_values(domain: Plain) -> int | None:
    """How many values the domain has; None where there is no end to them."""
    match domain:
        case Choice(options):
            return len(options)
        case RandInt(lower, upper):
            return upper - lower
        case QUniform() | QLogUniform():
            first, last = _levels(domain)
            return last - first + 1
        case _:
            return None


def numbers_of(domain: Plain) -> list[float]:
    """The numbers of all the values of a domain that has an end of them, choices left out."""
    match domain:
        case RandInt(lower, upper):
            return [quantile_of(domain, value) for value in range(lower, upper)]
        case QUniform() | QLogUniform():
            first, last = _levels(domain)
            edges = (_edges(domain, level) for level in range(first, last + 1))
            return [low + (high - low) / 2 for low, high in edges]
        case _:
            raise AssertionError(f"{domain.type} has no list of numbers")


def table_of(domain: Plain) -> Table | None:
    """The inner edges and the middles of the values' quantiles, where the values are few."""
    match domain:
        case RandInt(lower, upper) if upper - lower <= MAX_TABLE:
            count = upper - lower
            ticks = np.arange(2 * count + 1) / (2 * count)
            return ticks[2:-1:2], ticks[1::2]
        case QUniform() | QLogUniform() | QNormal() | QLogNormal():
            first, last = _levels(domain)
            if last - first >= MAX_TABLE:
                return None
            edges = np.array([_edges(domain, level) for level in range(first, last + 1)])
            return edges[1:, 0], edges[:, 0] + (edges[:, 1] - edges[:, 0]) / 2
        case _:
            return None


def _draw(domain: Bounded | Normal | LogNormal | Quantised, quantile: float) -> float:
    """The draw at that quantile, before any rounding to multiples of q."""
    match domain:
        case Uniform(low, high) | QUniform(low, high):
            return _inside(domain, _between(low, high, quantile))
        case LogUniform(low, high) | QLogUniform(low, high):
            return _inside(domain, _exp(_between(math.log(low), math.log(high), quantile)))
        case Normal(mu, sigma) | QNormal(mu, sigma):
            return _finite(domain, mu + float(sigma) * _standard_score(quantile))
        case LogNormal(mu, sigma) | QLogNormal(mu, sigma):
            return _finite(domain, _exp(mu + float(sigma) * _standard_score(quantile)))


def _share_below(domain: Bounded | Normal | LogNormal | Quantised, draw: float) -> float:
    """The share of draws below that one: the inverse of `_draw`; any number will do."""
    match domain:
        case Uniform(low, high) | QUniform(low, high):
            return _position(low, high, draw)
        case LogUniform(low, high) | QLogUniform(low, high):
            return _position(math.log(low), math.log(high), _log(draw))
        case Normal(mu, sigma) | QNormal(mu, sigma):
            return _standard_share((float(draw) - mu) / sigma)
        case LogNormal(mu, sigma) | QLogNormal(mu, sigma):
            return _standard_share((_log(draw) - mu) / sigma)


def _edges(domain: Quantised, level: int) -> tuple[float, float]:
    """The quantiles between which a draw is rounded to level * q."""
    return (
        _share_below(domain, (level - 0.5) * domain.q),
        _share_below(domain, (level + 0.5) * domain.q),
    )


def _levels(domain: Quantised) -> tuple[int, int]:
    """The first and the last multiple of q that a draw is rounded to."""
    return round(_draw(domain, 0) / domain.q), round(_draw(domain, 1) / domain.q)


def _between(low: float, high: float, share: float) -> float:
    # Not low + share * (high - low): the difference may overflow.
    return low * (1 - share) + high * share


def _position(low: float, high: float, number: float) -> float:
    if number <= low or number >= high:
        return 0.5 if low == high == number else float(number > low)
    if math.isinf(high - low):
        return (number / 2 - low / 2) / (high / 2 - low / 2)
    return (number - low) / (high - low)


def _inside(domain: Bounded, number: float) -> float:
    """`number` moved to the nearest float within the bounds, which may be ints that none holds."""
    low, high = float(domain.low), float(domain.high)
    low = math.nextafter(low, math.inf) if low < domain.low else low
    high = math.nextafter(high, -math.inf) if high > domain.high else high
    return min(max(number, low), high)


def _finite(domain: Normal | LogNormal | QNormal | QLogNormal, number: float) -> float:
    """`number` moved to where it and its multiple of q are finite."""
    match domain:
        case QNormal(_, _, q) | QLogNormal(_, _, q):
            limit = _LARGEST / 4 * min(q, 1.0)
        case _:
            limit = _LARGEST
    return min(max(number, -limit), limit)


def _exp(number: float) -> float:
    return math.exp(min(number, _LOG_LARGEST))


def _log(number: float) -> float:
    return math.log(number) if number > 0 else -math.inf


def _standard_score(quantile: float) -> float:
    return _STANDARD.inv_cdf(min(max(quantile, _TAIL), 1 - _TAIL))


def _standard_share(score: float) -> float:
    # Not NormalDist.cdf, which is 1 + erf and so has no digits left in the lower tail.
    return math.erfc(-score / math.sqrt(2)) / 2
