"""Annealing: random search in a neighbourhood of good trials, which shrinks as trials come in.

Bergstra, Yamins, Cox, Making a Science of Model Search: Hyperparameter Optimization in Hundreds of
Dimensions for Vision Architectures, ICML 2013, brought the search in spaces with branches that
hyperopt's `anneal` stands in; the algorithm itself is described nowhere but there: each parameter
starts from a good trial of its own, the k-th best one with geometric probability, and is drawn
from a window around it of 1 / (1 + 0.1 trials) of its prior. Here some parameters keep the value
of that trial, and candidates whose nearest trial has failed are avoided.
"""

from __future__ import annotations

import numpy as np

from nni_tuners.encode import Floats
from nni_tuners.novelty import distances, untried
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

# Chosen on 16 problems: sphere, rotated ellipsoid, Rosenbrock, Rastrigin, noise, mixed, nested.
START = 5  # trials spread over the space
TRY_NEXT = 1 / 3  # the probability of going on to the next best trial, rather than taking this
SHRINKAGE = 0.1
LEAST_DRAWN = 0.15  # the share of options that come from the prior, however many the trials
CHANGED = 0.8  # the share of parameters that are drawn anew
CANDIDATES = 8  # of which one is taken, whether for being untried or for not failing


class AnnealTuner(Tuner):
    """Tries what is near to the best trials, and ever nearer."""

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        self._start = Start(self, START)

    def suggest(self) -> Floats:
        """A row near to good ones, but not to failed ones; untried while there are such rows."""
        losses = self.history.losses
        if len(losses) < START or np.isnan(losses).all():
            return self._start.suggest()
        finite = np.flatnonzero(~np.isnan(losses))
        good = self.history.rows[finite[np.argsort(losses[finite], kind="stable")]]
        candidates = self._near(self.code.without_inactive(good))
        if len(good) < len(losses):
            risky = [self._is_by_a_failure(row) for row in candidates]
            candidates = candidates[np.argsort(risky, kind="stable")]
        return untried(self, candidates)

    def _near(self, good: Floats) -> Floats:
        """Candidates near to rows in order of loss, which have NaN where they are inactive."""
        code, rng = self.code, self.rng
        candidates = code.draw(rng, CANDIDATES)
        chances = rng.random(candidates.shape)
        # At least one column is changed.
        is_changed = chances <= np.maximum(CHANGED, chances.min(1, keepdims=True, initial=1))
        for column, options in enumerate(code.options.tolist()):
            known = good[~np.isnan(good[:, column]), column]
            if not len(known):
                continue  # no trial had that branch: the draw stands
            ranks = rng.geometric(1 - TRY_NEXT, CANDIDATES) - 1
            centres = known[np.minimum(ranks, len(known) - 1)]
            width = 1 / (1 + SHRINKAGE * len(known))
            uniform = rng.random(CANDIDATES)
            if options:
                drawn = np.where(uniform < max(width, LEAST_DRAWN), candidates[:, column], centres)
            else:
                # A window at an end of the prior is moved inside, not cut.
                drawn = np.clip(centres, width / 2, 1 - width / 2) + width * (uniform - 0.5)
            candidates[:, column] = np.where(is_changed[:, column], drawn, centres)
        return code.snap(candidates)

    def _is_by_a_failure(self, candidate: Floats) -> bool:
        history = self.history
        nearest = np.argmin(distances(self.code, history.rows, self.code.canonical(candidate)))
        return bool(np.isnan(history.losses[nearest]))
