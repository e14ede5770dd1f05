"""Successive halving: many short trials, the best of them once more and longer.

Jamieson, Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization,
AISTATS 2016; as algorithm 1 of Li et al. 2018 has it (see `hyperband`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from nni_tuners.encode import Floats

_ROUNDING = 1e-6  # of logarithms and powers that are whole numbers on paper


@dataclass(frozen=True)
class Round:
    """So many trials, each with this budget."""

    trials: int
    budget: int


def rounds(budget: float, eta: int, halvings: int, most: int) -> list[Round]:
    """Those of a bracket with so many halvings, of `most` at all, up to this budget.

    >>> rounds(81, 3, 2, 4)
    [Round(trials=15, budget=9), Round(trials=5, budget=27), Round(trials=1, budget=81)]
    """
    trials = math.ceil((most + 1) / (halvings + 1) * eta**halvings - _ROUNDING)
    return [
        Round(
            math.floor(trials / eta**step + _ROUNDING),
            max(math.floor(budget / eta ** (halvings - step) + _ROUNDING), 1),
        )
        for step in range(halvings + 1)
    ]


@dataclass(eq=False)
class Bracket:
    """One run of successive halving; rows that are to be promoted wait for their trial.

    The first round's rows are others' choice; `expected` trials there are in this round, of which
    so many have `started`.
    """

    rounds: list[Round]
    step: int = 0
    started: int = 0
    ended: list[tuple[float, Floats]] = field(default_factory=list)
    waiting: deque[Floats] = field(default_factory=deque)
    expected: int = 0

    def __post_init__(self) -> None:
        self.expected = self.rounds[0].trials

    @property
    def has_next(self) -> bool:
        """Whether a trial can start now."""
        return not self.is_over and self.started < self.expected

    @property
    def is_over(self) -> bool:
        """Whether no round is left."""
        return self.step >= len(self.rounds)

    @property
    def budget(self) -> int:
        """That of the trials of this round."""
        return self.rounds[self.step].budget

    def start(self) -> Floats:
        """The row with which a trial of a later round starts."""
        self.started += 1
        return self.waiting.popleft()

    def cut(self) -> None:
        """There are no more rows for the first round."""
        self.expected = self.started
        self._go_on()

    def end(self, row: Floats, loss: float) -> None:
        """A trial of this round has ended; NaN: it failed. The best are promoted after the last."""
        self.ended.append((loss, row))
        self._go_on()

    def _go_on(self) -> None:
        while not self.is_over and len(self.ended) == self.expected:
            self._promote()

    def _promote(self) -> None:
        good = sorted(self._good(), key=lambda pair: pair[0])
        self.step += 1
        most = 0 if self.is_over else self.rounds[self.step].trials
        self.waiting = deque(row for _, row in good[:most])
        self.started, self.expected, self.ended = 0, len(self.waiting), []

    def _good(self) -> Iterator[tuple[float, Floats]]:
        return ((loss, row) for loss, row in self.ended if not math.isnan(loss))
