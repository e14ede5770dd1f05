"""Regularized evolution: the best of a sample has a child, and the oldest dies, however good.

Real, Aggarwal, Huang, Le, Regularized Evolution for Image Classifier Architecture Search,
AAAI 2019, algorithm 1.
"""

from __future__ import annotations

import numpy as np

from nni_tuners.arguments import check_count
from nni_tuners.encode import Floats
from nni_tuners.mutation import mutants
from nni_tuners.novelty import untried
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

CANDIDATES = 8  # mutants of which the first untried one is taken


class RegularizedEvolutionTuner(Tuner):
    """Changes one parameter of a good trial among the latest.

    population_size: how many of the latest trials may have children; so many are random at first
    sample_size: how many of these are drawn, with replacement, for the best to have a child
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        population_size: int = 100,
        sample_size: int = 20,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_count("population_size", population_size)
        check_count("sample_size", sample_size)
        self.population_size = population_size
        self.sample_size = sample_size

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        self._start = Start(self, self.population_size)

    def suggest(self) -> Floats:
        """A mutant of the best of a sample; untried while there are such rows."""
        # Failed trials have no place in the population.
        living = np.flatnonzero(~np.isnan(self.history.losses))[-self.population_size :]
        if len(living) < self.population_size:
            return self._start.suggest()
        sample = self.rng.choice(living, self.sample_size)
        parent = sample[np.argmin(self.history.losses[sample])]
        row = self.history.rows[parent]
        return untried(self, mutants(self.code, self.rng, row, CANDIDATES))
