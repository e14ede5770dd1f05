"""What the curves of a comparison amount to: normalised regret, ranks and their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WORST = 3.0
CHECKPOINTS = (25, 50, 100, 200)
AVERAGED = (25, 50, 100)
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean, and where the mean of other problems and seeds would be in 95 % of cases."""

    mean: float
    low: float
    high: float


def normalised(curve: Sequence[float], random: Sequence[Sequence[float]], best: float) -> Floats:
    """The normalised regret of a curve after each of its results.

    Regret is how far the value is above the best that is known of the problem. Divided by the
    median regret of random search after as many results it compares between problems: 0 is the
    best known, 1 what random search finds, and more than 3 counts as 3, so that no single problem
    decides a mean. Where random search finds the best, any other value counts as 3.

    >>> normalised([4, 2, 2, 1], [[5, 3, 2, 1], [5, 3, 2, 1]], best=1).tolist()
    [0.75, 0.5, 1.0, 0.0]
    """
    regret = np.maximum(np.array(curve, dtype=float) - best, 0)
    scale = np.median(np.maximum(np.array(random, dtype=float) - best, 0), axis=0)
    found = np.where(regret > 0, WORST, 0.0)
    np.divide(regret, scale, out=found, where=scale > 0)
    return np.minimum(found, WORST)


def checkpoints(trials: int) -> tuple[int, ...]:
    """The numbers of results at which regret is shown; of few trials it is the last one."""
    return tuple(count for count in CHECKPOINTS if count <= trials) or (trials,)


def averaged(regrets: Floats) -> Floats:
    """The mean of the regret after 25, 50 and 100 results, as far as there are as many."""
    trials = regrets.shape[-1]
    counts = [count for count in checkpoints(trials) if count in AVERAGED] or [trials]
    return np.asarray(regrets[..., [count - 1 for count in counts]].mean(axis=-1))


def ranks(scores: Floats) -> Floats:
    """The rank of each tuner (the first axis) among all of them, equal ones sharing theirs.

    NaN, where a tuner cannot take a problem, has no rank and takes part in no other's.

    >>> ranks(np.array([0.5, 0.1, 0.5, np.nan])).tolist()
    [2.5, 1.0, 2.5, nan]
    """
    better = (scores[np.newaxis] < scores[:, np.newaxis]).sum(axis=1)
    equal = (scores[np.newaxis] == scores[:, np.newaxis]).sum(axis=1)
    return np.where(np.isnan(scores), np.nan, better + (equal + 1) / 2)


def intervals(scores: Floats, seed: int = 0, resamples: int = RESAMPLES) -> list[Interval]:
    """The mean of each tuner over problems and seeds (axes 1 and 2), with a 95 % interval.

    Bootstrap: problems are drawn with replacement, and for each of those its seeds; the same for
    all tuners. What is NaN is left out.
    """
    rng = np.random.default_rng(seed)
    _, problems, seeds = scores.shape
    drawn = rng.integers(problems, size=(resamples, problems, 1))
    seeded = rng.integers(seeds, size=(resamples, problems, seeds))
    return [_interval(tuner, lambda one: one[drawn, seeded]) for tuner in scores]


def _interval(scores: Floats, resample: Callable[[Floats], Floats]) -> Interval:
    if np.isnan(scores).all():
        return Interval(np.nan, np.nan, np.nan)
    samples = resample(scores).reshape(-1, scores.size)
    counts = (~np.isnan(samples)).sum(axis=1)
    means = np.nansum(samples, axis=1)[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(np.nanmean(scores)), float(low), float(high))
