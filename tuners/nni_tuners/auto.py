"""The default: a Gaussian process, at every second time among the proposals of a Parzen estimator.

Alone, the Gaussian process finds its way in few trials where a smooth model fits. Where none does
(many local minima, options that only work together, plateaus) it may stay where it is; there the
Parzen estimator leads it on, whose proposals resemble all good trials. Which of them it takes is
the Gaussian process's choice: it tells good trials from lucky ones, and a region from its edge.
Hoffman, Brochu, de Freitas, Portfolio Allocation for Bayesian Optimization, UAI 2011, choose
between strategies by what each has gained; here the turns are fixed: no noise can put one out.
"""

from __future__ import annotations

from nni_tuners.encode import Floats
from nni_tuners.gp import GPTuner
from nni_tuners.tpe import TPETuner
from nni_tuners.tuner import Tuner

# Chosen on the problems of benchmarks/tuners that are not held out, and on others like them.
TURN = 2  # every second suggestion is one of the Parzen estimator's proposals
CANDIDATES, SHARE = 100, 0.25  # of the estimator, and of these what it proposes
START, START_OF_NUMBERS = 10, 5  # trials; where there are options, each is to be met


class AutoTuner(Tuner):
    """Strong in any search space, without a setting."""

    def __init__(self, *, optimize_mode: str = "minimize", seed: int | None = None) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        self._process, self._estimator = GPTuner(), TPETuner()

    def prepare(self) -> None:
        """Let both begin in this search space."""
        has_options = bool((self.code.options > 1).any())
        self._process.cold_start_num = START if has_options else START_OF_NUMBERS
        self._process.follow(self)
        self._estimator.follow(self)

    def suggest(self) -> Floats:
        """What the Gaussian process would try, of all there is or of the estimator's proposals."""
        count = len(self.history) + len(self.pending)
        if self._process.is_warm and count % TURN == TURN - 1:
            return self._process.choose(self._estimator.proposals(CANDIDATES, SHARE))
        return self._process.suggest()
