"""What a tuner's trials lead to expect of the others: a Gaussian process, fitted anew each time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nni_tuners.encode import Floats
from nni_tuners.features import Features
from nni_tuners.gaussian_process import Data, Posterior, Prior, fit
from nni_tuners.tuner import Tuner
from nni_tuners.utilities import Utility

# Chosen on the problems of benchmarks/tuners that are not held out.
CAP = 2.0  # how far results above the median count: twice as far as the best is below it
SCALE, SCALE_BY_COLUMNS, SCALE_DEVIATION = math.log(0.7), 0.35, 0.5
BRANCH_SCALE = math.log(0.4)  # of a choice between branches, which tell little of each other
NOISE, NOISE_DEVIATION, LEAST_NOISE = -9.0, 2.0, math.log(1e-5)
LEAST_SCALE = -6.0
MAX_TRIALS = 250  # that the model is made of: its cost grows with their cube
RESTART = 10  # suggestions between two fits that start anew
WORK = 1500  # steps of a fit times trials
GOOD = 10  # trials that a search begins from


class Surrogate:
    """Learns from the trials of one tuner in its search space.

    least_noise: the least variance of the results' noise, as a share of the signal's
    """

    def __init__(self, tuner: Tuner, least_noise: float = 0.0) -> None:
        self._tuner, self._features = tuner, Features(tuner.code)
        active = max(float(tuner.code.shares.sum()), 1)  # columns of a trial, on average
        self._prior = Prior(
            log_scale=np.where(
                tuner.code.branching, BRANCH_SCALE, SCALE + SCALE_BY_COLUMNS * math.log(active)
            ),
            log_scale_deviation=SCALE_DEVIATION,
            log_noise=NOISE,
            log_noise_deviation=NOISE_DEVIATION,
            least_log_scale=LEAST_SCALE,
            least_log_noise=max(LEAST_NOISE, math.log(max(least_noise, 1e-9))),
        )
        self._hyperparameters: Floats | None = None  # of the latest fit
        self._fits = 0

    def is_warm(self, count: int) -> bool:
        """Whether there are so many trials, and results to learn from among them."""
        losses = self._tuner.history.losses
        return len(losses) >= count and bool(np.isfinite(losses).sum() >= 2)

    def learn(self) -> Expectation:
        """What the trials so far lead to expect; those that still run turn out as expected."""
        tuner = self._tuner
        rows, values = self._evidence()
        data = Data(self._features.of(rows), self._features.owners, values)
        posterior = Posterior(data, self._fitted(data))
        if tuner.pending:
            posterior.believe(self._features.of(np.array(list(tuner.pending.values()))))
        return Expectation(rows, values, self._features, posterior)

    def _evidence(self) -> tuple[Floats, Floats]:
        """The rows that the model is made of, and their standardised losses."""
        tuner = self._tuner
        rows, values = tuner.history.rows, standardised(tuner.history.losses)
        if len(values) > MAX_TRIALS:
            order = np.argsort(values, kind="stable")
            best, others = np.split(order, [MAX_TRIALS // 2])
            some = tuner.rng.choice(others, MAX_TRIALS - len(best), replace=False)
            kept = np.sort(np.concatenate([best, some]))
            rows, values = rows[kept], values[kept]
        return tuner.code.settled(rows), values

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


@dataclass(frozen=True)
class Expectation:
    """What is expected of rows, which have neutral values where they are inactive.

    rows, values: what was learned from, the values standardised
    """

    rows: Floats
    values: Floats
    features: Features
    posterior: Posterior

    @property
    def good(self) -> Floats:
        """The rows of the least values, the best first."""
        return self.rows[np.argsort(self.values, kind="stable")[:GOOD]]

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations, each of shape (rows,)."""
        return self.posterior.predict(self.features.of(rows))

    def left_out(self) -> tuple[Floats, Floats]:
        """What the other rows learned from lead to expect of each: see `Posterior.left_out`."""
        means, deviations = self.posterior.left_out()
        return means[: len(self.rows)], deviations[: len(self.rows)]


@dataclass(frozen=True)
class Worth:
    """The utility of rows, see `search.Score`."""

    expected: Expectation
    utility: Utility

    def __call__(self, rows: Floats) -> Floats:
        """Scores of shape (rows,)."""
        return self.expected.posterior.worth(self.expected.features.of(rows), self.utility)

    def slopes(self, rows: Floats) -> tuple[Floats, Floats]:
        """Scores, and their gradients by columns."""
        features = self.expected.features
        values, gradients = self.expected.posterior.worth_slopes(features.of(rows), self.utility)
        return values, features.slopes(gradients)


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
