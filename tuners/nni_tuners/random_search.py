"""Random search: independent draws from the prior.

Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012).
"""

from __future__ import annotations

from nni_tuners.encode import Floats
from nni_tuners.tuner import Tuner


class RandomTuner(Tuner):
    """Draws every trial anew, so a small space sees repeats."""

    def suggest(self) -> Floats:
        """One draw from the prior."""
        row: Floats = self.code.draw(self.rng, 1)[0]
        return row
