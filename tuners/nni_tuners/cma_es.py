"""CMA-ES: a normal distribution that moves to where its better half has been.

Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772: the strategy.
Hamano, Saito, Nomura, Shirakawa, CMA-ES with Margin: Lower-Bounding Marginal Probability for
Mixed-Integer Black-Box Optimization, GECCO 2022: numbers of few values.
Hamano, Saito, Nomura, Uchida, Shirakawa, CatCMA: Stochastic Optimization for Mixed-Category
Problems, GECCO 2024: choices, here without its adaptation of the learning rate.
Auger, Hansen, A Restart CMA Evolution Strategy With Increasing Population Size, CEC 2005.

Rows are those of `encode.Code`: the numbers are the coordinates, cut to [0, 1].
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from nni_tuners.arguments import check_count, check_share
from nni_tuners.encode import Code, Floats
from nni_tuners.history import key_of
from nni_tuners.novelty import untried
from nni_tuners.search_distribution import SearchDistribution
from nni_tuners.tuner import Tuner

# Chosen on 16 problems with budgets of 25, 50 and 100 trials.
POPULATION_SHARE = 0.7  # of the tutorial's population: short budgets want more generations
OPTION_RATE = 0.6  # at which options' probabilities follow the better half
CANDIDATES = 8  # samples of which the first untried one is taken
REDRAWS = 10  # of coordinates outside [0, 1], before they are cut

CONVERGED = 1e-8  # the largest deviation of a continuous coordinate, in prior quantiles


class CMAESTuner(Tuner):
    """Samples around a mean that follows the better half of each population.

    It begins at the best trial known from elsewhere, else in the middle. It takes results as they
    come, in any order; a population is complete with that many of its own.

    population_size: trials a generation; None has it grow with the logarithm of the parameters
    sigma0: the standard deviation at first, as a share of a parameter's prior
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        population_size: int | None = None,
        sigma0: float = 0.18,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        if population_size is not None:
            check_count("population_size", population_size, 4)
        check_share("sigma0", sigma0)
        self.population_size = population_size
        self.sigma0 = sigma0
        self._run: _Run | None = None
        self._seen = 0  # trials of the history that were taken in

    def prepare(self) -> None:
        """Forget the run: the next suggestion begins one in this search space."""
        self._run = None

    def suggest(self) -> Floats:
        """A sample of the current distribution; untried while there are such rows."""
        run, code = self._current_run(), self.code
        samples = run.sample(self.rng, CANDIDATES)
        rows = code.snap(samples)
        row = untried(self, rows)
        key = key_of(code.canonical(row))
        same = (at for at, found in enumerate(rows) if key_of(code.canonical(found)) == key)
        at = next(same, None)
        # The distribution learns from the sample, not from the value that it was rounded to.
        run.expect(key, row if at is None else samples[at])
        return row

    def _current_run(self) -> _Run:
        """The run that goes on after the results that came in, or a new one."""
        code, history = self.code, self.history
        if self._run is None:
            start = code.rows_at(np.full((1, len(code.columns)), 0.5))[0]
            if not np.isnan(history.losses).all():
                start = history.rows[np.nanargmin(history.losses)]
            varied = sum(size != 1 for size in code.sizes)
            population = self.population_size or default_population(varied)
            self._run = _Run(code, start, self.sigma0, population)
            self._seen = len(history)
        for row, loss in zip(
            history.rows[self._seen :], history.losses[self._seen :].tolist(), strict=True
        ):
            self._run.learn(row, loss)
        self._seen = len(history)
        if self._run.is_over:
            start = code.draw(self.rng, 1)[0]
            self._run = _Run(code, start, self.sigma0, 2 * self._run.population)
        return self._run


class _Run:
    """A start of the strategy: its distribution, and the population that it waits for."""

    def __init__(self, code: Code, start: Floats, sigma: float, population: int) -> None:
        self.population = population
        self._neutral = code.neutral
        sizes = enumerate(code.sizes)
        varied = [column for column, size in sizes if size != 1]
        self._numbers = np.array([c for c in varied if not code.options[c]], dtype=np.intp)
        edges = [code.edges(column) for column in self._numbers.tolist()]
        self._edges = edges
        self._is_continuous = np.array([inner is None for inner in edges], dtype=bool)
        self._normal = SearchDistribution(start[self._numbers], sigma, population)
        self._options = {
            c: np.full(code.options[c], 1 / code.options[c]) for c in varied if code.options[c]
        }
        self._weights = np.maximum(self._normal.constants.weights, 0)
        self._samples: dict[tuple[float, ...], list[Floats]] = defaultdict(list)
        self._results: list[tuple[float, Floats]] = []  # losses and samples of this population
        self._best, self._stale = math.inf, 0  # the least loss, and generations without a better
        # So long a history of best values the tutorial looks at, among its criteria to stop.
        self._patience = 10 + math.ceil(30 * len(varied) / population)
        self._keep_margin()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to be found here."""
        if self._stale >= self._patience or self._normal.is_degenerate:
            return True
        # Numbers of few values keep their margin and so never converge.
        deviations = self._normal.deviations[self._is_continuous]
        return len(deviations) > 0 and bool(deviations.max() < CONVERGED)

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        """Rows, shape (count, columns), with numbers that are not yet rounded to their values."""
        points = self._normal.sample(rng, count)
        for _ in range(REDRAWS):
            outside = (points < 0) | (points > 1)
            if not outside.any():
                break
            points = np.where(outside, self._normal.sample(rng, count), points)
        rows = np.tile(self._neutral, (count, 1))
        rows[:, self._numbers] = np.clip(points, 0, 1)
        for column, probabilities in self._options.items():
            rows[:, column] = rng.choice(len(probabilities), count, p=probabilities)
        return rows

    def expect(self, key: tuple[float, ...], sample: Floats) -> None:
        """Remember the sample behind a row until its result comes in."""
        self._samples[key].append(sample)

    def learn(self, row: Floats, loss: float) -> None:
        """Take in a result, NaN for a failed trial; rows that are not this run's are left out."""
        key = key_of(row)
        if not self._samples[key]:
            del self._samples[key]
            return
        self._results.append((loss, self._samples[key].pop()))
        if len(self._results) == self.population:
            self._update()

    def _update(self) -> None:
        losses = np.array([loss for loss, _ in self._results])
        order = np.argsort(losses, kind="stable")  # NaN, the failed ones, come last
        samples = np.array([sample for _, sample in self._results])[order]
        self._results = []
        if np.isnan(losses).all():
            return
        best = float(np.nanmin(losses))
        self._stale = 0 if best < self._best else self._stale + 1
        self._best = min(best, self._best)
        self._normal.update(samples[:, self._numbers])
        self._normal.mean = np.clip(self._normal.mean, 0, 1)
        for column, probabilities in self._options.items():
            chosen = samples[:, column].astype(np.intp)
            shares = np.bincount(chosen, weights=self._weights, minlength=len(probabilities))
            probabilities += OPTION_RATE * (shares - probabilities)
        self._keep_margin()

    def _keep_margin(self) -> None:
        """Leave every value and every option a chance."""
        # Hamano et al. 2022: 1 / (dimensions * population).
        self._normal.keep_margin(self._edges, 1 / (max(len(self._numbers), 1) * self.population))
        for probabilities in self._options.values():
            # Hamano et al. 2024: some choice leaves its likeliest option in 27 % of samples.
            least = (1 - 0.73 ** (1 / len(self._options))) / (len(probabilities) - 1)
            np.maximum(probabilities, least, out=probabilities)
            # What the raised ones gain, the others lose in proportion to what they can spare.
            spare = probabilities - least
            probabilities -= (probabilities.sum() - 1) * spare / spare.sum()


def default_population(parameters: int) -> int:
    """The population for so many parameters."""
    # The tutorial's default, in table 1, is 4 + floor(3 ln n).
    return max(4, math.floor(POPULATION_SHARE * (4 + math.floor(3 * math.log(max(parameters, 1))))))
