"""The default: a Gaussian process and a Parzen estimator that take turns.

The Gaussian process finds its way in few trials where a smooth model fits. Where none does (many
local minima, options that only work together, plateaus) it may stay where it is; there the trials
of the Parzen estimator lead it on. Both learn from all trials, so that neither's are lost.
Hoffman, Brochu, de Freitas, Portfolio Allocation for Bayesian Optimization, UAI 2011, choose
between strategies by what each has gained; here the turns are fixed: no noise can put one out.
"""

from __future__ import annotations

from nni_tuners.encode import Floats
from nni_tuners.gp import GPTuner
from nni_tuners.tpe import TPETuner
from nni_tuners.tuner import Tuner

TURN = 2  # every second suggestion is the Parzen estimator's


class AutoTuner(Tuner):
    """Strong in any search space, without a setting."""

    def __init__(self, *, optimize_mode: str = "minimize", seed: int | None = None) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        self._process, self._estimator = GPTuner(), TPETuner()

    def prepare(self) -> None:
        """Let both begin in this search space."""
        self._process.follow(self)
        self._estimator.follow(self)

    def suggest(self) -> Floats:
        """The suggestion of the one whose turn it is."""
        count = len(self.history) + len(self.pending)
        is_estimators = self._process.is_warm and count % TURN == TURN - 1
        return (self._estimator if is_estimators else self._process).suggest()
