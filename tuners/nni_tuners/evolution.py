"""Naive evolution: a population in which the worse of two dies and the better of two has children.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin, Large-Scale Evolution of Image Classifiers,
ICML 2017, section 3.1: tournaments of two, repeated.
"""

from __future__ import annotations

import math

import numpy as np

from nni_tuners.arguments import check_count
from nni_tuners.encode import Floats
from nni_tuners.mutation import mutants
from nni_tuners.novelty import untried
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

CANDIDATES = 8  # mutants of which the first untried one is taken
FIRST = 1 / 4  # the share of the first population that is spread over the space; the rest is born


class EvolutionTuner(Tuner):
    """Changes one parameter of the better of two trials.

    population_size: how many trials may have children; more of them explore more
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        population_size: int = 32,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_count("population_size", population_size)
        self.population_size = population_size
        self._first = math.ceil(FIRST * population_size)
        self._population: list[int] = []  # trials of the history
        self._seen = 0  # trials of the history that were taken in

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        self._start = Start(self, self._first)
        self._population, self._seen = [], 0

    def suggest(self) -> Floats:
        """A mutant of the better of two; untried while there are such rows."""
        self._take_in()
        if len(self.history) < self._first or not self._population:
            return self._start.suggest()
        parent, _ = self._tournament()
        row = self.history.rows[parent]
        return untried(self, mutants(self.code, self.rng, row, CANDIDATES))

    def _take_in(self) -> None:
        """Add the trials that ended since, failed ones apart, and let the worse ones die."""
        losses = self.history.losses
        for trial in range(self._seen, len(losses)):
            if np.isnan(losses[trial]):
                continue
            self._population.append(trial)
            if len(self._population) > self.population_size:
                self._population.remove(self._tournament()[1])
        self._seen = len(losses)

    def _tournament(self) -> tuple[int, int]:
        """The better and the worse of two."""
        pair = self.rng.choice(self._population, min(2, len(self._population)), replace=False)
        ranked = sorted(pair.tolist(), key=self.history.losses.__getitem__)
        return ranked[0], ranked[-1]
