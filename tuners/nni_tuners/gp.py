"""Bayesian optimisation with a Gaussian process.

Jones, Schonlau, Welch, Efficient Global Optimization of Expensive Black-Box Functions, Journal of
Global Optimization 13, 1998: the next trial is where the expected improvement is largest.
The best value so far is the least one that the model expects at any trial, not the least result,
which noise may have made: Picheny, Wagner, Ginsbourger, A Benchmark of Kriging-Based Infill
Criteria for Noisy Optimization, Structural and Multidisciplinary Optimization 48, 2013.
"""

from __future__ import annotations

import numpy as np

from nni_tuners.arguments import check_count, check_number
from nni_tuners.encode import Floats
from nni_tuners.novelty import untried
from nni_tuners.options import drawn_options
from nni_tuners.search import Search
from nni_tuners.start import Start
from nni_tuners.surrogate import Surrogate, Worth
from nni_tuners.tuner import Tuner
from nni_tuners.utilities import find_utility


class GPTuner(Tuner):
    """Tries where a Gaussian process expects the largest improvement.

    utility: what is largest where it tries: "ei", the expected improvement; "poi", the probability
        of one; or "ucb", how low the result may be
    kappa: for "ucb", how many standard deviations below the mean; more of them explore more
    xi: for "ei" and "poi", the least improvement that counts, in standard deviations of the results
    alpha: the least variance of the results' noise, as a share of the signal's; it is fitted from
        1e-5 on, whatever alpha is
    cold_start_num: trials of the space-filling start, counting those known from elsewhere; the
        first one is the middle of the space
    nu, selection_num_warm_up, selection_num_starting_points: NNI's, without effect: the kernel is
        the Matérn one with nu 1.5, and the utility has a search of its own
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        utility: str = "ei",
        kappa: float = 5.0,
        xi: float = 0.0,
        nu: float = 2.5,
        alpha: float = 1e-6,
        cold_start_num: int = 10,
        selection_num_warm_up: int = 100_000,
        selection_num_starting_points: int = 250,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        for name, number in {"kappa": kappa, "xi": xi, "nu": nu, "alpha": alpha}.items():
            check_number(name, number)
        check_count("cold_start_num", cold_start_num)
        check_count("selection_num_warm_up", selection_num_warm_up)
        check_count("selection_num_starting_points", selection_num_starting_points)
        self.utility = find_utility(utility, kappa, xi)
        self.alpha = alpha
        self.cold_start_num = cold_start_num

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        self._start = Start(self, self.cold_start_num, with_middle=True)
        self._surrogate = Surrogate(self, self.alpha)

    @property
    def is_warm(self) -> bool:
        """Whether there are enough results to learn from."""
        return self._surrogate.is_warm(self.cold_start_num)

    def suggest(self) -> Floats:
        """The row of the largest utility, at times with drawn options; untried if there are any."""
        if not self.is_warm:
            return self._start.suggest()
        score = self._worth()
        search = Search(self.code, self.rng, drawn_options(self))
        return untried(self, search.best_rows(score, score.expected.good), score)

    def choose(self, rows: Floats) -> Floats:
        """The one of these rows that has the largest utility; untried if there are any."""
        score = self._worth()
        rows = self.code.settled(rows)
        return untried(self, rows[np.argsort(-score(rows), kind="stable")], score)

    def _worth(self) -> Worth:
        """How much trying a row is worth, by all that is known."""
        return Worth(self._surrogate.learn(), self.utility)
