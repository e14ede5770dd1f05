"""Grid search: a few values of every parameter, and every combination of them once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from nni_annotate.domains import Choice, LogNormal, Normal, Plain, QLogNormal, QNormal
from nni_tuners.arguments import check_count
from nni_tuners.columns import Condition, combinations
from nni_tuners.encode import Floats
from nni_tuners.errors import NoMoreTrialError
from nni_tuners.novelty import novelty
from nni_tuners.quantiles import count_values, numbers_of, quantile_of, value_at
from nni_tuners.tuner import Tuner


class GridSearchTuner(Tuner):
    """Runs through the grid, coarse steps first, and stops when it is done.

    A parameter's grid values are all its values where there are at most `max_values` (of a
    choice always all options), else those at `points` evenly spaced prior quantiles: ends
    included where the domain has ends (0, 1/4, 1/2, 3/4, 1), none of them where it has none
    (1/10, 3/10, 5/10, 7/10, 9/10). The parameters of a branch are combined where it is chosen.
    What has been tried otherwise is not tried again.
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        points: int = 5,
        max_values: int = 100,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_count("points", points)
        check_count("max_values", max_values)
        self.points = points
        self.max_values = max_values
        self._grid: Iterator[tuple[float | None, ...]] = iter(())

    def prepare(self) -> None:
        """Start the grid of this search space from its beginning."""
        columns = self.code.columns
        axes = [self._axis(column.domain) for column in columns]
        self._grid = coarse_to_fine(axes, [column.condition for column in columns])

    def suggest(self) -> Floats:
        """The next combination that is not known yet.

        Raises NoMoreTrialError where there is none.
        """
        is_untried = novelty(self)
        for numbers in self._grid:
            row = np.array(numbers, dtype=float)  # NaN in columns that are inactive
            if is_untried(self.code.canonical(row)):
                return row
        raise NoMoreTrialError("every combination of the grid has been tried")

    def _axis(self, domain: Plain) -> list[list[float]]:
        """The numbers of one parameter's grid values, in rounds from coarse to fine."""
        if isinstance(domain, Choice):
            return [[float(index) for index in range(len(domain.options))]]
        numbers = self._numbers(domain)
        return [[numbers[index] for index in indices] for indices in bisection(len(numbers))]

    def _numbers(self, domain: Plain) -> list[float]:
        count = count_values(domain)
        if count is not None and count <= self.max_values:
            return numbers_of(domain)
        if isinstance(domain, Normal | LogNormal | QNormal | QLogNormal) or self.points == 1:
            quantiles = [(index + 0.5) / self.points for index in range(self.points)]
        else:
            quantiles = [index / (self.points - 1) for index in range(self.points)]
        # Several quantiles may share a value.
        return list({quantile_of(domain, value_at(domain, u)): u for u in quantiles}.values())


def bisection(count: int) -> list[list[int]]:
    """The indices 0 to count - 1 in rounds: the middle, the ends, then the middles of the gaps.

    >>> bisection(5), bisection(2)
    ([[2], [0, 4], [1, 3]], [[0], [1]])
    """
    middle = (count - 1) // 2
    rounds = [[middle], sorted({0, count - 1} - {middle})]
    known = sorted({0, middle, count - 1})
    while len(known) < count:
        gaps = itertools.pairwise(known)
        rounds.append([(left + right) // 2 for left, right in gaps if right - left > 1])
        known = sorted({*known, *rounds[-1]})
    return [indices for indices in rounds if indices]


def coarse_to_fine(
    axes: Sequence[Sequence[Sequence[float]]], conditions: Sequence[Condition | None]
) -> Iterator[tuple[float | None, ...]]:
    """Every combination once; each round combines what the axes have up to that round.

    The axis of a choice has all its options in one round. None stands in inactive columns (see
    `columns`). Lazy: the combinations may be more than any memory holds.

    >>> list(coarse_to_fine([[[0.5], [0, 1]], [[7]]], [None, None]))
    [(0.5, 7), (0, 7), (1, 7)]
    """
    for turn in range(max(map(len, axes), default=1)):
        pools = [
            [(number, when) for when, numbers in enumerate(axis[: turn + 1]) for number in numbers]
            for axis in axes
        ]
        for indices in combinations([len(pool) for pool in pools], conditions):
            combination = [
                (None, None) if index is None else pool[index]
                for pool, index in zip(pools, indices, strict=True)
            ]
            # What has nothing of this round was there in an earlier one.
            if turn == 0 or any(when == turn for _, when in combination):
                yield tuple(number for number, _ in combination)
