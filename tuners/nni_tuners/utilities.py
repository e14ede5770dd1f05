"""What it is worth to try a point, by what is expected there: acquisition functions by NNI's names.

ei: the expected improvement, see `improvement`.
poi: Kushner, A New Method of Locating the Maximum Point of an Arbitrary Multipeak Curve in the
Presence of Noise, Journal of Basic Engineering 86, 1964: the probability of an improvement.
ucb: Srinivas, Krause, Kakade, Seeger, Gaussian Process Optimization in the Bandit Setting: No
Regret and Experimental Design, ICML 2010: how good the result may be, here how low.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from nni_annotate.domains import show
from nni_tuners.encode import Floats
from nni_tuners.errors import TunerError
from nni_tuners.improvement import log_improvement, log_probability

Slopes: TypeAlias = tuple[Floats, Floats, Floats]  # values; slopes by means, by deviations
Utility: TypeAlias = Callable[[Floats, Floats, float], Slopes]  # of means, deviations, the best


def find_utility(name: str, kappa: float, xi: float) -> Utility:
    """The utility of that name.

    kappa: for ucb, how many standard deviations below the mean
    xi: for ei and poi, the least improvement that counts
    Raises TunerError where there is none.
    """

    def improvement(means: Floats, deviations: Floats, best: float) -> Slopes:
        return log_improvement(means, deviations, best - xi)

    def probability(means: Floats, deviations: Floats, best: float) -> Slopes:
        return log_probability(means, deviations, best - xi)

    def bound(means: Floats, deviations: Floats, best: float) -> Slopes:  # noqa: ARG001
        return kappa * deviations - means, -np.ones_like(means), np.full_like(means, kappa)

    utilities = {"ei": improvement, "ucb": bound, "poi": probability}
    if name not in list(utilities):  # which compares what has no hash, too
        raise TunerError(f"utility: expected ei, ucb or poi, found {show(name)}")
    return utilities[name]
