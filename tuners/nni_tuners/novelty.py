"""What has been tried is not tried again while there is anything else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from nni_tuners.encode import Code, Floats
from nni_tuners.history import key_of
from nni_tuners.tuner import Tuner

Score: TypeAlias = Callable[[Floats], Floats]  # rows, shape (rows, columns) -> a number each

MAX_POOL = 256  # untried rows looked at once candidates have all been tried


def untried(tuner: Tuner, candidates: Floats, score: Score | None = None) -> Floats:
    """The first candidate that is untried, else the best untried row that is found.

    The best has the largest score; without one it is what resembles the first candidate most.
    Where everything has been tried it is the first candidate.
    """
    code, is_untried = tuner.code, novelty(tuner)
    first: Floats = candidates[0]
    for row in map(code.canonical, candidates):
        if is_untried(row):
            return row
    listed = code.listed
    if listed is not None:
        rows = tuner.rng.permutation(listed)
    else:
        rows = np.array([code.canonical(row) for row in code.draw(tuner.rng, MAX_POOL)])
    pool = np.array(list(itertools.islice(filter(is_untried, rows), MAX_POOL)))
    if not len(pool):
        return first
    scores = score(pool) if score else -distances(code, pool, code.canonical(first))
    best: Floats = pool[np.argmax(scores)]
    return best


def novelty(tuner: Tuner) -> Callable[[Floats], bool]:
    """Whether a canonical row is no trial's that ended or runs now."""
    history = tuner.history
    waiting = {key_of(row) for row in tuner.pending.values()}
    return lambda row: row not in history and key_of(row) not in waiting


def distances(code: Code, rows: Floats, row: Floats) -> Floats:
    """How far these rows are from that one: differences of quantiles, 1 for another option."""
    gaps = np.abs(rows - row)
    found: Floats = np.where(code.options > 0, gaps > 0, gaps).sum(axis=1)
    return found
