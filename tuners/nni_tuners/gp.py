"""Bayesian optimisation with a Gaussian process.

Jones, Schonlau, Welch, Efficient Global Optimization of Expensive Black-Box Functions, Journal of
Global Optimization 13, 1998: the next trial is where the expected improvement is largest.
The best value so far is the least one that the model expects at any trial, not the least result,
which noise may have made: Picheny, Wagner, Ginsbourger, A Benchmark of Kriging-Based Infill
Criteria for Noisy Optimization, Structural and Multidisciplinary Optimization 48, 2013.
"""

from __future__ import annotations

import math

import numpy as np

from nni_tuners.arguments import check_count
from nni_tuners.encode import Floats
from nni_tuners.features import Features
from nni_tuners.gaussian_process import Data, Posterior, Prior, fit
from nni_tuners.novelty import untried
from nni_tuners.search import Search
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

# Chosen on the problems of benchmarks/tuners that are not held out.
CAP = 2.0  # how far results above the median count: twice as far as the best is below it
SCALE, SCALE_BY_COLUMNS, SCALE_DEVIATION = math.log(0.7), 0.35, 0.5
NOISE, NOISE_DEVIATION, LEAST_NOISE = -6.0, 2.0, -9.2
LEAST_SCALE = -6.0
MAX_TRIALS = 250  # that the model is made of: its cost grows with their cube
RESTART = 10  # suggestions between two fits that start anew
WORK = 1500  # steps of a fit times trials


class GPTuner(Tuner):
    """Tries where a Gaussian process expects the largest improvement.

    cold_start_num: trials of the space-filling start, counting those known from elsewhere; the
        first one is the middle of the space
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        cold_start_num: int = 10,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_count("cold_start_num", cold_start_num)
        self.cold_start_num = cold_start_num
        self._hyperparameters: Floats | None = None  # of the latest fit in this space
        self._fits = 0

    def prepare(self) -> None:
        """Lay out the start in this search space."""
        code, columns = self.code, len(self.code.columns)
        self._start = Start(self, self.cold_start_num, with_middle=True)
        self._features, self._search = Features(code), Search(code, self.rng)
        self._prior = Prior(
            log_scale=SCALE + SCALE_BY_COLUMNS * math.log(max(columns, 1)),
            log_scale_deviation=SCALE_DEVIATION,
            log_noise=NOISE,
            log_noise_deviation=NOISE_DEVIATION,
            least_log_scale=LEAST_SCALE,
            least_log_noise=LEAST_NOISE,
        )
        self._hyperparameters, self._fits = None, 0

    @property
    def is_warm(self) -> bool:
        """Whether there are enough results to learn from."""
        losses = self.history.losses
        return len(losses) >= self.cold_start_num and bool(np.isfinite(losses).sum() >= 2)

    def suggest(self) -> Floats:
        """The row of the largest expected improvement; untried while there are such rows."""
        if not self.is_warm:
            return self._start.suggest()
        rows, values = self._evidence()
        data = Data(self._features.of(rows), self._features.owners, values)
        posterior = Posterior(data, self._fitted(data))
        if self.pending:
            posterior.believe(self._features.of(np.array(list(self.pending.values()))))
        good = rows[np.argsort(values, kind="stable")[:10]]
        score = Improvement(posterior, self._features)
        return untried(self, self._search.best_rows(score, good), score)

    def _evidence(self) -> tuple[Floats, Floats]:
        """The rows that the model is made of, and their standardised losses."""
        rows, values = self.history.rows, standardised(self.history.losses)
        if len(values) > MAX_TRIALS:
            order = np.argsort(values, kind="stable")
            best, others = np.split(order, [MAX_TRIALS // 2])
            some = self.rng.choice(others, MAX_TRIALS - len(best), replace=False)
            kept = np.sort(np.concatenate([best, some]))
            rows, values = rows[kept], values[kept]
        return self.code.settled(rows), values

    def _fitted(self, data: Data) -> Floats:
        """Hyperparameters, from those of the suggestion before and now and then from anew."""
        usual = self._prior.means(data.columns)
        starts = [usual if self._hyperparameters is None else self._hyperparameters]
        if self._fits % RESTART == 0:
            short, noisy = usual.copy(), usual.copy()
            short[:-1] -= 1
            noisy[-1] = -1
            starts += [usual, short, noisy]
        self._fits += 1
        steps = int(np.clip(WORK // len(data.values), 3, 20))
        self._hyperparameters = fit(data, self._prior, starts, steps)
        return self._hyperparameters


class Improvement:
    """The logarithm of the expected improvement by rows, see `search.Score`."""

    def __init__(self, posterior: Posterior, features: Features) -> None:
        self._posterior, self._features = posterior, features

    def __call__(self, rows: Floats) -> Floats:
        """Scores of shape (rows,)."""
        return self._posterior.log_improvement(self._features.of(rows))

    def slopes(self, rows: Floats) -> tuple[Floats, Floats]:
        """Scores, and their gradients by columns."""
        values, gradients = self._posterior.log_improvement_slopes(self._features.of(rows))
        return values, self._features.slopes(gradients)


def standardised(losses: Floats) -> Floats:
    """Losses of mean 0 and variance 1, large ones cut off; failed trials are as bad as the worst.

    All are 0 where they don't differ.
    """
    values = losses / max(float(np.nanmax(np.abs(losses))), 1e-300)  # no overflow from here on
    median, least = float(np.nanmedian(values)), float(np.nanmin(values))
    if median > least:
        values = np.minimum(values, median + CAP * (median - least))
    values = np.where(np.isnan(values), np.nanmax(values), values)
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros(len(values))
