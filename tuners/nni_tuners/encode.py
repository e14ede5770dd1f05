"""Search space <-> arrays: parameters as rows of numbers.

A number is the prior quantile of its value (see `quantiles`), so that every parameter is uniform
between 0 and 1. Options of a choice have no order: they are known by their index. But options that
are numbers, three or more, have the order of these: who writes 16, 32, 64, 128 leaves out what is
between them, not that 32 is more like 16 than like 128. They are known as a `randint`'s ints are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nni_annotate.domains import Choice, Plain, RandInt, Value, identity, label_of
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners.columns import columns_of, combinations, count_combinations
from nni_tuners.quantiles import count_values, numbers_of, quantile_of, table_of, value_at

Floats: TypeAlias = npt.NDArray[np.float64]

MAX_LISTED = 4096  # rows of a space that are listed
FEWEST_ORDERED = 3  # options of a choice that have an order


class Code:
    """Parameters of one search space <-> rows of numbers, by its `columns`.

    A column holds the prior quantile of its value, and for a choice the index of its option;
    `options` says which is which: the number of options, 0 for all other domains. So it is for a
    choice whose options are ordered; in its place `domains` has the `randint` of their ranks.
    `branching` has the choices on which other columns depend, and `shares` how many of the rows a
    column is active in, each branch being as likely as the others. Columns of branches that are not
    chosen hold the number that `neutral` has for them, so that equal parameters are equal rows.
    `size` is the number of different rows, None where there is no end to them.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.columns = columns_of(space)
        self._orders = [_order(column.domain) for column in self.columns]
        self.domains = domains = [
            RandInt(0, len(order)) if order else column.domain
            for order, column in zip(self._orders, self.columns, strict=True)
        ]
        self._labels = [_labels(domain) for domain in domains]
        self.options = np.array([len(labels) for labels in self._labels], dtype=np.intp)
        self.sizes = [count_values(domain) for domain in domains]
        self.size = count_combinations(self.columns)
        self.neutral = np.array([_neutral(domain) for domain in domains], dtype=float)
        parents = {column.condition[0] for column in self.columns if column.condition}
        self.branching = np.array([index in parents for index in range(len(domains))], dtype=bool)
        self.shares = np.ones(len(domains))
        for index, column in enumerate(self.columns):
            if column.condition:
                parent, _ = column.condition
                self.shares[index] = self.shares[parent] / self.options[parent]
        self._indices = [
            {identity(label): index for index, label in enumerate(labels or order)}
            for labels, order in zip(self._labels, self._orders, strict=True)
        ]
        self._tables = {
            column: table
            for column, domain in enumerate(domains)
            if (table := table_of(domain)) is not None
        }

    @cached_property
    def listed(self) -> Floats | None:
        """Every row once, None where there are more than MAX_LISTED."""
        if self.size is None or self.size > MAX_LISTED:
            return None
        return np.array(list(self.every_row()), dtype=float)

    def every_row(self) -> Iterator[Floats]:
        """Every row once, of a space of a finite size."""
        axes = [
            range(options) if options else numbers_of(domain)
            for options, domain in zip(self.options.tolist(), self.domains, strict=True)
        ]
        found = combinations(
            [len(axis) for axis in axes], [column.condition for column in self.columns]
        )
        for indices in found:
            row = [
                neutral if index is None else axis[index]
                for axis, index, neutral in zip(axes, indices, self.neutral, strict=True)
            ]
            yield np.array(row, dtype=float)

    def encode(self, parameters: Mapping[str, Value]) -> Floats:
        """The row of canonical parameters."""
        numbers = self.neutral.tolist()
        values: list[Value] = []
        for index, column in enumerate(self.columns):
            holder = column.holder(parameters, numbers, values)
            values.append(None if holder is None else column.take(holder))
            if holder is not None:
                numbers[index] = self._number(index, values[index])
        return np.array(numbers, dtype=float)

    def decode(self, row: Floats) -> Parameters:
        """The parameters of a row: plain Python values, each inside its domain."""
        parameters: Parameters = {}
        numbers = row.tolist()
        values: list[Value] = []
        for index, column in enumerate(self.columns):
            holder = column.holder(parameters, numbers, values)
            values.append(None if holder is None else self._value(index, numbers[index]))
            if holder is not None:
                column.put(holder, values[index])
        return parameters

    def canonical(self, row: Floats) -> Floats:
        """The row that a trial of these parameters is known by."""
        return self.encode(self.decode(row))

    def rows_at(self, quantiles: Floats) -> Floats:
        """The rows of the values at these prior quantiles; both of shape (rows, columns)."""
        indices = np.minimum(np.floor(quantiles * self.options), np.maximum(self.options - 1, 0))
        return self.snap(np.where(self.options > 0, indices, quantiles))

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """That many independent draws from the prior."""
        return self.rows_at(rng.random((count, len(self.columns))))

    def snap(self, rows: Floats) -> Floats:
        """These rows with every number moved to the one that its value has.

        Domains of more than MAX_TABLE values are left alone.
        """
        snapped = rows.copy()
        for column, (edges, middles) in self._tables.items():
            snapped[:, column] = middles[np.searchsorted(edges, rows[:, column], side="right")]
        return snapped

    def edges(self, column: int) -> Floats | None:
        """The quantiles at which one value of that column ends and the next begins.

        None for choices, continuous domains and those of more than MAX_TABLE values.
        """
        return self._tables[column][0] if column in self._tables else None

    def values(self, column: int) -> Floats | None:
        """The numbers of that column's values, the indices of its options where it is a choice.

        None for continuous domains and those of more than MAX_TABLE values.
        """
        if options := int(self.options[column]):
            return np.arange(options, dtype=float)
        return self._tables[column][1] if column in self._tables else None

    def settled(self, rows: Floats) -> Floats:
        """These rows with the neutral number for every one that has no part in their parameters."""
        if not self.branching.any():
            return rows
        found = self.without_inactive(rows)
        settled: Floats = np.where(np.isnan(found), self.neutral, found)
        return settled

    def without_inactive(self, rows: Floats) -> Floats:
        """These rows with NaN for every number that has no part in their parameters."""
        if not self.branching.any():
            return rows
        found = rows.copy()
        for index, column in enumerate(self.columns):
            if column.condition is not None:
                parent, option = column.condition
                found[found[:, parent] != option, index] = np.nan
        return found

    def _number(self, index: int, value: Value) -> float:
        if self._labels[index]:
            return self._indices[index][identity(label_of(value))]
        if self._orders[index]:
            value = self._indices[index][identity(value)]
        return quantile_of(self.domains[index], value)

    def _value(self, index: int, number: float) -> Value:
        if labels := self._labels[index]:
            label = labels[int(number)]
            return dict(label) if isinstance(label, dict) else label  # a branch's is added to
        value = value_at(self.domains[index], number)
        return self._orders[index][value] if self._orders[index] else value


def _order(domain: Plain) -> tuple[Value, ...]:
    """The options from the least to the largest, where all are different numbers; () elsewhere.

    Of two there is no order to speak of.
    """
    options = domain.labels if isinstance(domain, Choice) else ()
    are_numbers = all(type(one) in (int, float) and one == one for one in options)
    if len(options) < FEWEST_ORDERED or not are_numbers or len(set(options)) < len(options):
        return ()
    return tuple(sorted(options))


def _labels(domain: Plain) -> tuple[Value, ...]:
    return domain.labels if isinstance(domain, Choice) else ()


def _neutral(domain: Plain) -> float:
    return 0 if isinstance(domain, Choice) else quantile_of(domain, value_at(domain, 0.5))
