"""Random search: independent draws from the prior.

Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nni_annotate.space import Parameters, SearchSpace
from nni_tuners.encode import Code, Floats
from nni_tuners.tuner import Tuner

_DRAWS = 4096  # after which what is left untried is looked for in order


class RandomTuner(Tuner):
    """Draws every trial anew, so a small space sees repeats."""

    def suggest(self) -> Floats:
        """One draw from the prior."""
        row: Floats = self.code.draw(self.rng, 1)[0]
        return row


def random_parameters(
    space: SearchSpace, seed: Sequence[int], is_tried: Callable[[Parameters], bool]
) -> Parameters | None:
    """Parameters drawn from the prior until some are untried; None where none are found.

    In a finite space some are found if there are any. The same seed gives the same ones.
    """
    code, rng = Code(space), np.random.default_rng(seed)
    for _ in range(_DRAWS):
        parameters = code.decode(code.draw(rng, 1)[0])
        if not is_tried(parameters):
            return parameters
    rows = code.every_row() if code.size is not None else ()
    untried = (parameters for row in rows if not is_tried(parameters := code.decode(row)))
    return next(untried, None)
