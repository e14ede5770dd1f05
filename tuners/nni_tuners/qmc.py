"""Quasi-random search: a sequence whose points keep their distance, in place of random draws.

Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012), compare such
sequences with random draws. The sequence here is Owen's randomised Halton sequence (see `designs`).
"""

from __future__ import annotations

from nni_tuners.designs import Halton
from nni_tuners.encode import Floats
from nni_tuners.novelty import untried
from nni_tuners.tuner import Tuner


class QMCTuner(Tuner):
    """Fills the space evenly however long it runs, and learns nothing."""

    def __init__(self, *, optimize_mode: str = "minimize", seed: int | None = None) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        self._sequence = Halton(self.rng, 0)
        self._taken = 0

    def prepare(self) -> None:
        """Start a sequence with a column for each of the search space's."""
        self._sequence, self._taken = Halton(self.rng, len(self.code.columns)), 0

    def suggest(self) -> Floats:
        """The row at the sequence's next point; in a discrete space the nearest untried one."""
        point = self._sequence.points(self._taken, 1)
        self._taken += 1
        return untried(self, self.code.rows_at(point))
