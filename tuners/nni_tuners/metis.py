"""Metis: exploitation, exploration and trials that are run again, by what each may lead to.

Li, Liang, He, Zhu, Dai, Jiang, Sun, Metis: Robustly Tuning Tail Latencies of Cloud Systems, USENIX
ATC 2018: a Gaussian process, a mixture of acquisition functions for exploitation, exploration and
re-sampling, and a diagnostic model that finds results to sample again.
The functions are those of the authors' implementation, NNI's: the lowest mean, the widest
confidence interval, and results that a process made of all the others does not expect. To weigh
them, it refits the process as if each candidate had turned out at an end of its interval; here the
low ends are compared as they are. Its two Gaussian mixtures, of good and of bad points, are left
out.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from nni_tuners.arguments import check_count, check_flag, check_number
from nni_tuners.encode import Floats
from nni_tuners.history import key_of
from nni_tuners.novelty import untried
from nni_tuners.search import Search
from nni_tuners.start import Start
from nni_tuners.surrogate import Expectation, Surrogate
from nni_tuners.tuner import Tuner

# Those of the authors' implementation.
CONFIDENT = 1.96  # standard deviations of a confidence interval of 95 %
OUTLYING = 2.33  # the same of 98 %: results outside are suspicious
MAX_SAMPLES = 3  # of one point

LEAST_RESULTS = 20  # before any is called an outlier; there it is 50


class MetisTuner(Tuner):
    """Weighs what is expected to be the best against what is known least.

    no_resampling: never tries anything again; without, results that don't fit the others are tried
        up to three times
    no_candidates: tries what is expected to be the best only
    selection_num_starting_points: candidates a suggestion
    cold_start_num: trials of the space-filling start, counting those known from elsewhere
    exploration_probability: how often it weighs, rather than try what is expected to be the best
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        no_resampling: bool = True,
        no_candidates: bool = False,
        selection_num_starting_points: int = 600,
        cold_start_num: int = 10,
        exploration_probability: float = 0.9,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_flag("no_resampling", no_resampling)
        check_flag("no_candidates", no_candidates)
        check_count("selection_num_starting_points", selection_num_starting_points)
        check_count("cold_start_num", cold_start_num)
        check_number("exploration_probability", exploration_probability, most=1)
        self.no_resampling = no_resampling
        self.no_candidates = no_candidates
        self.selection_num_starting_points = selection_num_starting_points
        self.cold_start_num = cold_start_num
        self.exploration_probability = exploration_probability

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        self._start = Start(self, self.cold_start_num, with_middle=True)
        self._search = Search(self.code, self.rng)
        self._surrogate = Surrogate(self)

    def suggest(self) -> Floats:
        """What may turn out lowest, or what is expected to; untried if that is not a re-sampling.

        Where everything has been tried, something is tried again.
        """
        if not self._surrogate.is_warm(self.cold_start_num):
            return self._start.suggest()
        expected = self._surrogate.learn()
        rows = self._candidates(expected)
        means, deviations = expected.predict(rows)
        ranked = np.argsort(means, kind="stable")  # exploitation: the lowest mean comes first
        if not self.no_candidates and self.rng.random() < self.exploration_probability:
            bounds = means - CONFIDENT * deviations
            explored = int(np.argmax(deviations))  # the widest confidence interval
            if bounds[explored] < bounds[ranked[0]]:
                ranked = np.append(explored, ranked)
            if not self.no_resampling:
                outliers, lows = self._outliers(expected)
                if lows.min(initial=np.inf) < bounds[ranked[0]]:
                    again: Floats = outliers[np.argmin(lows)]
                    return again
        return untried(self, rows[ranked], lambda rows: -expected.predict(rows)[0])

    def _candidates(self, expected: Expectation) -> Floats:
        """Half of them from the prior, half near to good trials."""
        drawn = self.selection_num_starting_points // 2
        changed = self.selection_num_starting_points - drawn
        return self._search.candidates(expected.good, drawn, changed)

    def _outliers(self, expected: Expectation) -> tuple[Floats, Floats]:
        """Trials to sample again, and how low the other results say that they may turn out.

        The diagnostic model is the process without one result at a time. Trials that failed are
        left alone, and so are those that were sampled often enough.
        """
        history, rows = self.history, expected.rows
        if len(history) < LEAST_RESULTS:
            return rows[:0], np.empty(0)
        samples = Counter(map(key_of, [*history.rows, *self.pending.values()]))
        failed = set(map(key_of, history.rows[np.isnan(history.losses)]))
        means, deviations = expected.left_out()
        is_outlier = np.abs(expected.values - means) > OUTLYING * deviations
        is_open = [samples[key] < MAX_SAMPLES and key not in failed for key in map(key_of, rows)]
        found = is_outlier & is_open
        return rows[found], (means - CONFIDENT * deviations)[found]
