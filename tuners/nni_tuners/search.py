"""Finding the row of the largest score in a search space of any kind.

Random rows and changes of good ones, the best of them improved: numbers along the gradient by
resilient steps (Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning:
The RPROP Algorithm, 1993), all else by trying its other values one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nni_tuners.encode import Code, Floats
from nni_tuners.options import with_options

DRAWN = 400  # rows from the prior
CHANGED = 400  # changes of good trials
ROUNDS = 2  # of changes of the best rows so far
CHANGED_IN_ROUND = 100
PARENTS = 8
IMPROVED = 5  # rows that are improved
PASSES = 2  # over numbers and all else
STEPS = 20  # along the gradient in a pass
MOVES = 4  # of discrete values in a pass
FEW = 12  # values that are all tried; of more the next ones and some others
NEXT = 3
OTHERS = 4
_APART = 1e-3  # rows that differ by less in every column are one


class Score(Protocol):
    """What is to be maximised."""

    def __call__(self, rows: Floats) -> Floats:
        """Scores of shape (rows,)."""
        ...

    def slopes(self, rows: Floats) -> tuple[Floats, Floats]:
        """Scores, and their gradients by columns."""
        ...


@dataclass
class Ranked:
    """Rows and their scores."""

    rows: Floats
    scores: Floats

    def best(self, count: int) -> Ranked:
        """The `count` of largest score, in order."""
        order = np.argsort(-self.scores, kind="stable")[:count]
        return Ranked(self.rows[order], self.scores[order])

    def __add__(self, other: Ranked) -> Ranked:
        return Ranked(
            np.concatenate([self.rows, other.rows]), np.concatenate([self.scores, other.scores])
        )


class Search:
    """Looks for rows of large scores in one search space.

    given: the options that its rows have in these columns
    """

    def __init__(
        self, code: Code, rng: np.random.Generator, given: Mapping[int, float] | None = None
    ) -> None:
        self._code, self._rng = code, rng
        self._given = given or {}
        self._is_number = code.options == 0
        self._values = {
            column: values
            for column in range(len(code.columns))
            if column not in self._given and (values := code.values(column)) is not None
        }
        is_listed = np.isin(np.arange(len(code.options)), list(self._values))
        self._is_smooth = self._is_number & ~is_listed

    def best_rows(self, score: Score, good: Floats) -> Floats:
        """Rows in order of descending score; those that were improved come first.

        good: rows to begin with, the best first
        """
        found = self._ranked(score, self.candidates(good, DRAWN, CHANGED))
        for _ in range(ROUNDS):
            parents = found.best(PARENTS).rows
            found += self._ranked(score, self.candidates(parents, 0, CHANGED_IN_ROUND))
        found = found.best(len(found.rows))
        improved = self._improved(score, _distinct(found, IMPROVED))
        return np.concatenate([improved.best(IMPROVED).rows, found.rows])

    def candidates(self, good: Floats, drawn: int, changed: int) -> Floats:
        """So many rows from the prior, and so many changes of good ones, the best first."""
        code, rng = self._code, self._rng
        rows = np.concatenate([code.draw(rng, drawn), self._changes(good, changed)])
        return code.settled(with_options(rows, self._given))

    def _ranked(self, score: Score, rows: Floats) -> Ranked:
        return Ranked(rows, score(rows))

    def _changes(self, rows: Floats, count: int) -> Floats:
        """Rows that differ from one of these, the first more often, in one column or several."""
        rng, columns = self._rng, rows.shape[1]
        parents = rows[np.minimum(rng.geometric(0.4, count) - 1, len(rows) - 1)]
        share = np.maximum(rng.beta(0.6, 1.5, count), 1 / max(columns, 1))
        chances = rng.random(parents.shape)
        is_changed = chances <= np.maximum(share[:, None], chances.min(1, keepdims=True, initial=1))
        width = 10 ** rng.uniform(-2.5, -0.4, count)
        moved = np.abs(parents + width[:, None] * rng.normal(size=parents.shape))
        moved = np.clip(np.where(moved > 1, 2 - moved, moved), 0, 1)
        other = np.where(self._is_number, moved, self._code.draw(rng, count))
        return self._code.snap(np.where(is_changed, other, parents))

    def _improved(self, score: Score, ranked: Ranked) -> Ranked:
        for _ in range(PASSES):
            ranked = self._climbed(score, ranked)
            moved = self._moved(score, ranked)
            if moved is ranked:
                break
            ranked = moved
        return ranked

    def _climbed(self, score: Score, ranked: Ranked) -> Ranked:
        """Every row moved along the gradient of its continuous numbers."""
        if not self._is_smooth.any():
            return ranked
        best, scores = ranked.rows.copy(), ranked.scores.copy()
        rows, steps = best.copy(), np.full(best.shape, 0.02)
        previous = np.zeros(best.shape)
        for step in range(STEPS + 1):
            found, slopes = score.slopes(rows)
            is_better = found > scores
            scores[is_better], best[is_better] = found[is_better], rows[is_better]
            if step == STEPS:
                break
            turned = slopes * previous
            steps = np.where(turned > 0, np.minimum(1.3 * steps, 0.2), steps)
            steps = np.where(turned < 0, 0.5 * steps, steps)
            previous = np.where((turned < 0) | ~self._is_smooth, 0.0, slopes)
            rows = np.clip(rows + np.sign(previous) * steps, 0, 1)
        return Ranked(self._code.settled(best), scores)

    def _moved(self, score: Score, ranked: Ranked) -> Ranked:
        """Every row with the best single change of a discrete value, as often as that helps."""
        for _ in range(MOVES if self._values else 0):
            neighbours = [self._neighbours(row) for row in ranked.rows]
            scores = score(np.concatenate(neighbours))
            start, rows, best = 0, ranked.rows.copy(), ranked.scores.copy()
            for index, several in enumerate(neighbours):
                if len(several):
                    place = start + int(np.argmax(scores[start : start + len(several)]))
                    if scores[place] > best[index] + 1e-9:
                        rows[index], best[index] = several[place - start], scores[place]
                    start += len(several)
            if (best == ranked.scores).all():
                break
            ranked = Ranked(rows, best)
        return ranked

    def _neighbours(self, row: Floats) -> Floats:
        """The rows that differ from this one in one discrete value."""
        found = []
        for column, values in self._values.items():
            for value in self._others(values, row[column]):
                neighbour = row.copy()
                neighbour[column] = value
                found.append(neighbour)
        return self._code.settled(np.array(found).reshape(-1, len(row)))

    def _others(self, values: Floats, value: float) -> Floats:
        if len(values) > FEW:
            place = int(np.searchsorted(values, value))
            near = np.arange(max(place - NEXT, 0), min(place + NEXT + 1, len(values)))
            far = self._rng.integers(len(values), size=OTHERS)
            values = values[np.unique(np.concatenate([near, far]))]
        others: Floats = values[values != value]
        return others


def _distinct(ranked: Ranked, count: int) -> Ranked:
    """The first rows that differ from each other."""
    kept: list[int] = []
    for index, row in enumerate(ranked.rows):
        if all(np.abs(row - ranked.rows[other]).max(initial=0) > _APART for other in kept):
            kept.append(index)
        if len(kept) == count:
            break
    return Ranked(ranked.rows[kept], ranked.scores[kept])
