"""The tree-structured Parzen estimator (TPE).

Bergstra, Bardenet, Bengio, Kégl, Algorithms for Hyper-Parameter Optimization, NIPS 2011,
section 4: a density l of the good trials and g of the others; the next trial is the candidate,
drawn from l, of the largest l / g.
Watanabe, Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles
for Better Empirical Performance, arXiv 2304.11127, 2023, table 3: the linear split with beta 0.15
(`gamma` here) and the weights by expected improvement.
"""

from __future__ import annotations

import math

import numpy as np

from nni_tuners.arguments import check_count, check_flag, check_share
from nni_tuners.encode import MAX_LISTED, Floats
from nni_tuners.novelty import Score, untried
from nni_tuners.options import drawn_options, with_options
from nni_tuners.parzen import MIN_BANDWIDTH, ParzenEstimator
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

MAX_GOOD = 25  # trials in the good group, as in hyperopt, the implementation by Bergstra


class TPETuner(Tuner):
    """Tries what resembles the good trials and not the others.

    multivariate: one density over all parameters, or one a parameter as in Bergstra 2011
    n_startup_jobs: trials of the space-filling start, counting those known from elsewhere
    n_ei_candidates: candidates a suggestion; more of them exploit more
    gamma: the share of good trials
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        multivariate: bool = True,
        n_startup_jobs: int = 10,
        n_ei_candidates: int = 24,
        gamma: float = 0.15,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_flag("multivariate", multivariate)
        check_count("n_startup_jobs", n_startup_jobs)
        check_count("n_ei_candidates", n_ei_candidates)
        check_share("gamma", gamma)
        self.multivariate = multivariate
        self.n_startup_jobs = n_startup_jobs
        self.n_ei_candidates = n_ei_candidates
        self.gamma = gamma
        self._floors = np.empty(0)

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        code = self.code
        self._start = Start(self, self.n_startup_jobs)
        # Half the distance between two values: below it, a kernel would know its own value only.
        self._floors = np.array(
            [max(MIN_BANDWIDTH, 0.5 / min(size or math.inf, MAX_LISTED)) for size in code.sizes]
        )

    def suggest(self) -> Floats:
        """The best candidate; in a discrete space an untried one while there are any."""
        losses = self.history.losses
        if len(losses) < self.n_startup_jobs or np.isnan(losses).all():
            return self._start.suggest()
        ratio, candidates = self._candidates(self.n_ei_candidates)
        return untried(self, candidates, ratio)

    def proposals(self, count: int, share: float) -> Floats:
        """The best share of so many candidates, the best first; at least one result is known."""
        _, candidates = self._candidates(count)
        return candidates[: max(round(share * count), 1)]

    def _candidates(self, count: int) -> tuple[Score, Floats]:
        """log l / g, and rows drawn from l, the largest l / g first."""
        good, others = self._densities()
        drawn = good.sample(self.rng, count)
        candidates = self.code.snap(with_options(drawn, drawn_options(self)))

        def ratio(rows: Floats) -> Floats:
            rows = self.code.without_inactive(rows)
            return good.log_density(rows) - others.log_density(rows)

        return ratio, candidates[np.argsort(-ratio(candidates), kind="stable")]

    def _densities(self) -> tuple[ParzenEstimator, ParzenEstimator]:
        """l and g: failed and pending trials belong to the others."""
        rows, losses = self.history.rows, self.history.losses
        order = np.argsort(losses, kind="stable")  # NaN, the failed ones, come last
        finite = len(losses) - int(np.isnan(losses).sum())
        count = min(math.ceil(self.gamma * finite), MAX_GOOD)
        good, others = rows[order[:count]], rows[order[count:]]
        if self.pending:
            others = np.concatenate([others, np.array(list(self.pending.values()))])
        split = float(losses[order[min(count, finite - 1)]])
        return (
            self._density(good, improvement_weights(losses[order[:count]], split)),
            self._density(others, np.full(len(others) + 1, 1 / (len(others) + 1))),
        )

    def _density(self, rows: Floats, weights: Floats) -> ParzenEstimator:
        code = self.code
        return ParzenEstimator(
            code.without_inactive(rows),
            weights,
            code.options,
            self._floors,
            branching=code.branching,
            multivariate=self.multivariate,
        )


def improvement_weights(losses: Floats, split: float) -> Floats:
    """Weights of good trials by how far they are below the split, and the prior's: their mean.

    All alike where none is below. The weights sum to 1.
    """
    scale = max(np.abs(losses).max(), abs(split))
    if scale == 0:
        scale = 1
    gains = split / scale - losses / scale  # not (split - losses) / scale, which may overflow
    if not gains.any():
        gains = np.ones(len(losses))
    gains = np.maximum(np.append(gains, gains.mean()), 1e-12)  # their logarithms are taken
    weights: Floats = gains / gains.sum()
    return weights
