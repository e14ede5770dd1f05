"""SMAC: the trial from which a random forest expects the largest improvement.

Hutter, Hoos, Leyton-Brown, Sequential Model-Based Optimization for General Algorithm Configuration,
LION 2011: the forest, candidates by local search from good trials and at random, and some trials
at random in between.
Lindauer, Eggensperger, Feurer, Biedenkapp, Deng, Benjamins, Ruhkopf, Sass, Hutter, SMAC3: A
Versatile Bayesian Optimization Package for Hyperparameter Optimization, JMLR 23, 2022: ten trees
that look at all columns, and losses that are transformed. Here that is done by their rank, local
search is one step, and some candidates are crosses of good trials.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from nni_tuners.arguments import check_flag
from nni_tuners.encode import Floats
from nni_tuners.errors import NoMoreTrialError
from nni_tuners.forest import RandomForest
from nni_tuners.improvement import log_improvement
from nni_tuners.mutation import crosses, mutants
from nni_tuners.novelty import novelty, untried
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

# Chosen on 25 problems of benchmarks/tuners with budgets of 25 to 100 trials.
START = 10  # trials spread over the space
RANDOM_EVERY = 6  # one in so many trials is drawn from the prior
TREES = 10
MAX_COLUMNS = 30  # that a node looks at: with hundreds of them a suggestion would take long
DRAWN = 100  # candidates from the prior
CROSSED = 100  # candidates that take each parameter from a good trial
# Neighbours of the best trials. Ten times as many did not help, and did harm where there is noise.
PARENTS = 5
CHILDREN = 10  # of each of them

LEAST_DEVIATION = 1e-6  # where the trees agree; losses have been given a deviation of about 1


class SMACTuner(Tuner):
    """Tries what a random forest expects to be better than the best.

    config_dedup: ends where everything has been tried, rather than try something again
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        config_dedup: bool = False,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_flag("config_dedup", config_dedup)
        self.config_dedup = config_dedup

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        self._start = Start(self, START)

    def suggest(self) -> Floats:
        """The best candidate; untried while there are such rows.

        Raises NoMoreTrialError with `config_dedup` where there are none.
        """
        row = self._next()
        if self.config_dedup and not novelty(self)(self.code.canonical(row)):
            raise NoMoreTrialError("everything in the search space has been tried")
        return row

    def _next(self) -> Floats:
        losses = self.history.losses
        if len(losses) < START or np.isnan(losses).all():
            return self._start.suggest()
        if (len(losses) + len(self.pending)) % RANDOM_EVERY == 0:
            return untried(self, self.code.draw(self.rng, 1))
        forest, best = self._fitted()

        def score(rows: Floats) -> Floats:
            means, variances = forest.predict(self.code.without_inactive(rows))
            deviations = np.maximum(np.sqrt(variances), LEAST_DEVIATION)
            return log_improvement(means, deviations, best)[0]

        candidates = self._candidates()
        return untried(self, candidates[np.argsort(-score(candidates), kind="stable")], score)

    def _fitted(self) -> tuple[RandomForest, float]:
        """The forest, and the least mean that it has at a trial."""
        code = self.code
        rows, targets = self.history.rows, normal_scores(self.history.losses)
        if self.pending:
            # As good as the middle of them: to wait is neither to fail nor to succeed.
            rows = np.concatenate([rows, np.array(list(self.pending.values()))])
            targets = np.concatenate([targets, np.zeros(len(self.pending))])
        rows = code.without_inactive(rows)
        features = min(1, MAX_COLUMNS / max(len(code.columns), 1))
        forest = RandomForest(rows, targets, code.options, self.rng, trees=TREES, features=features)
        return forest, float(forest.predict(rows)[0].min())

    def _candidates(self) -> Floats:
        code, rng = self.code, self.rng
        ranked = self.history.rows[np.argsort(self.history.losses, kind="stable")]
        near = [mutants(code, rng, row, CHILDREN) for row in ranked[:PARENTS]]
        drawn, crossed = code.draw(rng, DRAWN), crosses(code, rng, ranked, CROSSED)
        return np.concatenate([*near, drawn, crossed])


def normal_scores(losses: Floats) -> Floats:
    """The normal distribution's quantiles at the ranks of the losses; the failed ones are last.

    Equal losses have one rank.
    """
    ranks = np.unique(np.where(np.isnan(losses), np.inf, losses), return_inverse=True)[1]
    score = NormalDist().inv_cdf
    return np.array([score(share) for share in (ranks + 0.5) / (ranks.max() + 1)])
