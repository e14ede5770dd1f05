"""How population based training explores: values near to those that did well, or anew.

Jaderberg et al., Population Based Training of Neural Networks, arXiv:1711.09846, section 4.1.1.
"""

from __future__ import annotations

import numpy as np

from nni_annotate.domains import Choice, Plain, QLogNormal, QLogUniform, QNormal, QUniform, RandInt
from nni_tuners.encode import Code, Floats
from nni_tuners.quantiles import quantile_of, value_at


def explored(
    code: Code, rng: np.random.Generator, row: Floats, factor: float, resample_probability: float
) -> Floats:
    """The row with each of its parameters resampled, with that probability, or else perturbed.

    A number is perturbed by `factor`, and of ordered options their rank; any other option has
    nothing to be multiplied and stays. Parameters of a branch that comes in are drawn from the
    prior.
    """
    known = code.without_inactive(row[None])[0]
    is_new = np.isnan(known) | (rng.random(len(row)) < resample_probability)
    found = np.where(is_new, code.draw(rng, 1)[0], known).tolist()
    # Each of them goes up or down, whatever the others do.
    changes = np.where(rng.random(len(row)) < 0.5, factor, -factor).tolist()
    for at, domain in enumerate(code.domains):
        if not is_new[at]:
            found[at] = _perturbed(domain, found[at], changes[at])
    return code.canonical(np.array(found, dtype=float))


def _perturbed(domain: Plain, number: float, change: float) -> float:
    """The quantile of its value times 1 + change, kept inside.

    Of values with gaps between them it is another one: a neighbour if no other.
    """
    if isinstance(domain, Choice):
        return number
    value = value_at(domain, number)
    distance, sign = abs(change * value), 1 if change > 0 else -1
    match domain:
        case RandInt(lower, upper):
            moved = value + sign * max(round(distance), 1)
            return quantile_of(domain, min(max(moved, lower), upper - 1))
        case QUniform(low, high, q) | QLogUniform(low, high, q):
            moved = value + sign * max(distance, q)
            return quantile_of(domain, min(max(moved, low), high))
        case QNormal(_, _, q) | QLogNormal(_, _, q):
            return quantile_of(domain, value + sign * max(distance, q))
        case _:
            return quantile_of(domain, value + sign * distance)
