"""How tuners begin that learn from trials: with points spread over the space, until they know some.

The points are a Latin hypercube's, and after them draws from the prior.
"""

from __future__ import annotations

from nni_tuners.designs import latin_hypercube
from nni_tuners.encode import Floats
from nni_tuners.novelty import untried
from nni_tuners.tuner import Tuner


class Start:
    """What is left of the first suggestions of a tuner in its search space.

    with_middle: the first point is the middle of the space
    """

    def __init__(self, tuner: Tuner, count: int, *, with_middle: bool = False) -> None:
        self._tuner = tuner
        quantiles = latin_hypercube(tuner.rng, count, len(tuner.code.columns))
        if with_middle:
            quantiles[0] = 0.5
        self._rows = list(tuner.code.rows_at(quantiles))

    def suggest(self) -> Floats:
        """The next point, or what is untried and most like it."""
        tuner = self._tuner
        row = self._rows.pop(0) if self._rows else tuner.code.draw(tuner.rng, 1)[0]
        return untried(tuner, row[None])
