"""Grid search: a few values of every parameter, every combination of them once, then finer grids.

As in NNI's version 3 the distances between the values are halved whenever a grid is done. But the
order within a grid is random: by the order of the parameters, an experiment that ends before its
grid would have kept the first of them at one value.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nni_annotate.domains import Choice, LogNormal, Normal, Plain, QLogNormal, QNormal
from nni_tuners.arguments import check_count
from nni_tuners.columns import Condition, combinations
from nni_tuners.encode import Floats
from nni_tuners.errors import NoMoreTrialError
from nni_tuners.novelty import novelty
from nni_tuners.quantiles import count_values, numbers_of, quantile_of, value_at
from nni_tuners.tuner import Tuner

ENDLESS = (Normal, LogNormal, QNormal, QLogNormal)
LISTED = 200_000  # numbers of all combinations of a round, to be put into a random order


class GridSearchTuner(Tuner):
    """Runs through the grid in random order, coarse steps first, then through ever finer ones.

    A parameter's grid values are all its values where there are at most `max_values` (of a
    choice without an order always all options), else those at `points` evenly spaced prior
    quantiles: ends included where the domain has ends (0, 1/4, 1/2, 3/4, 1), none of them where it
    has none (1/10, 3/10, 5/10, 7/10, 9/10). Each finer grid halves the gaps between these, so that
    it ends where every parameter has an end of its values. The parameters of a branch are combined
    where it is chosen. What has been tried otherwise is not tried again.
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
        conditions = [column.condition for column in self.code.columns]
        self._grid = coarse_to_fine(self._rounds(), conditions, self.rng)

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

    def _rounds(self) -> Iterator[list[list[float]]]:
        """The numbers that each round adds to each axis: those of the grid, then of finer ones."""
        domains = self.code.domains
        axes = [self._axis(domain) for domain in domains]
        known: list[list[float]] = [[] for _ in domains]
        for turn in itertools.count():
            if turn < max(map(len, axes), default=1):
                added = [axis[turn] if turn < len(axis) else [] for axis in axes]
            else:
                added = [list(finer(*axis)) for axis in zip(domains, known, strict=True)]
                if not any(added):
                    return
            yield added
            known = [sorted(old + new) for old, new in zip(known, added, strict=True)]

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
        if isinstance(domain, ENDLESS) or self.points == 1:
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


def finer(domain: Plain, known: Sequence[float]) -> Iterator[float]:
    """Quantiles of values in the gaps between those at known quantiles, which are in order.

    First come the ends of the domain, if it has ends that are not known. Of a domain without, the
    outermost values are left out: a draw is next to never as far off.

    >>> from nni_annotate.domains import Uniform
    >>> list(finer(Uniform(0, 8), [0, 0.5, 1])), list(finer(Uniform(3, 3), [0.5]))
    ([0.25, 0.75], [])
    """
    if isinstance(domain, Choice):
        return
    if not isinstance(domain, ENDLESS):
        values = {value_at(domain, known[0]), value_at(domain, known[-1])}
        ends = [quantile for quantile in (0.0, 1.0) if value_at(domain, quantile) not in values]
        if ends:
            yield from ends
            return
    for low, high in itertools.pairwise([0.0, *known, 1.0]):
        found = between(domain, low, high)
        if found is not None:
            yield found


def between(domain: Plain, low: float, high: float) -> float | None:
    """The middle of two quantiles, or what is near to it, of a value unlike theirs.

    None where there is no value between theirs.
    """
    low_value, high_value = value_at(domain, low), value_at(domain, high)
    while low < (middle := (low + high) / 2) < high:
        value = value_at(domain, middle)
        if value == low_value:
            low = middle
        elif value == high_value:
            high = middle
        else:
            return middle
    return None


def coarse_to_fine(
    rounds: Iterable[Sequence[Sequence[float]]],
    conditions: Sequence[Condition | None],
    rng: np.random.Generator,
) -> Iterator[tuple[float | None, ...]]:
    """Every combination; each round combines what the axes have up to that round, in random order.

    A round has the numbers that it adds to each axis; options without order are all in the first.
    None stands in inactive columns (see `columns`). Lazy: the combinations may be more than any
    memory holds, and so may the rounds. Of a round of too many to be listed, some come at random
    first; these come again when the others do, in their order.

    >>> rng = np.random.default_rng(0)
    >>> list(coarse_to_fine([[[0.5], [7]], [[0, 1], []]], [None, None], rng))
    [(0.5, 7), (0, 7), (1, 7)]
    """
    pools: list[list[tuple[float, int]]] = [[] for _ in conditions]
    most = LISTED // max(len(conditions), 1)
    for turn, added in enumerate(rounds):
        for pool, numbers in zip(pools, added, strict=True):
            pool += [(number, turn) for number in numbers]
        sizes = [len(pool) for pool in pools]
        found = _of_round(pools, combinations(sizes, conditions), turn)
        first = list(itertools.islice(found, most + 1))
        if len(first) <= most:
            yield from (first[index] for index in rng.permutation(len(first)))
            continue
        drawn = (_drawn(sizes, conditions, rng) for _ in range(most))
        yield from itertools.chain(_of_round(pools, drawn, turn), first, found)


def _of_round(
    pools: Sequence[Sequence[tuple[float, int]]],
    combined: Iterable[tuple[int | None, ...]],
    turn: int,
) -> Iterator[tuple[float | None, ...]]:
    """The combinations that have something of this round: the others were there in earlier ones."""
    for indices in combined:
        combination = [
            (None, None) if index is None else pool[index]
            for pool, index in zip(pools, indices, strict=True)
        ]
        if turn == 0 or any(when == turn for _, when in combination):
            yield tuple(number for number, _ in combination)


def _drawn(
    sizes: Sequence[int], conditions: Sequence[Condition | None], rng: np.random.Generator
) -> tuple[int | None, ...]:
    """A random one of `combinations`."""
    found: list[int | None] = []
    for size, condition in zip(sizes, conditions, strict=True):
        active = condition is None or found[condition[0]] == condition[1]
        found.append(int(rng.integers(size)) if active else None)
    return tuple(found)
