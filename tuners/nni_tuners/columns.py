"""A search space laid out flat: a column for every number that a trial's parameters may need.

A choice with branches has a column for its option and further ones for the parameters of all its
branches, of which those of the chosen branch are active. A mutable layer has two columns a layer:
the chosen layer, and the chosen inputs as one of their subsets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nni_annotate.domains import Branch, Choice, Domain, MutableLayer, Plain, Value
from nni_tuners.quantiles import count_values

Condition: TypeAlias = tuple[int, int]  # active where that earlier column has that option


@dataclass(frozen=True)
class Column:
    """A plain domain; `keys` lead to its value, from the parameters or from its branch's value."""

    keys: tuple[str, ...]
    domain: Plain
    condition: Condition | None = None  # None: always active

    def holder(
        self, parameters: Value, numbers: Sequence[float | None], values: Sequence[Value]
    ) -> Value:
        """What `keys` start from, None where the column is inactive.

        `numbers` and `values` are those of the columns before, an inactive one's value being None.
        """
        if self.condition is None:
            return parameters
        column, option = self.condition
        return values[column] if numbers[column] == option else None

    def take(self, holder: Mapping[str, Value]) -> Value:
        """The column's value in there."""
        value: Value = holder
        for key in self.keys:
            value = value[key]
        return value

    def put(self, holder: dict[str, Value], value: Value) -> None:
        """Sets the column's value in there."""
        for key in self.keys[:-1]:
            holder = holder.setdefault(key, {})
        holder[self.keys[-1]] = value


def columns_of(space: Mapping[str, Domain]) -> tuple[Column, ...]:
    """The columns in the order of the space; those of a branch come after its choice's."""
    columns: list[Column] = []
    _add_columns(columns, space.items(), None)
    return tuple(columns)


def _add_columns(
    columns: list[Column], entries: Iterable[tuple[str, Domain]], condition: Condition | None
) -> None:
    for key, domain in entries:
        if isinstance(domain, MutableLayer):
            for layer in domain.layers:
                subsets = tuple(map(list, layer.subsets()))
                for entry, options in (
                    ("chosen_layer", layer.layer_choice),
                    ("chosen_inputs", subsets),
                ):
                    columns.append(Column((key, layer.name, entry), Choice(options), condition))
            continue
        columns.append(Column((key,), domain, condition))
        if isinstance(domain, Choice):
            column = len(columns) - 1
            for index, option in enumerate(domain.options):
                if isinstance(option, Branch):
                    _add_columns(columns, option.parameters, (column, index))


def count_combinations(columns: Sequence[Column]) -> int | None:
    """How many different values the columns have together; None where there is no end to them."""
    counts: dict[Condition | None, int] = defaultdict(lambda: 1)  # under each condition
    for index, column in reversed(list(enumerate(columns))):
        size = count_values(column.domain)
        if size is None:
            return None
        if isinstance(column.domain, Choice):
            size = sum(counts[index, option] for option in range(size))
        counts[column.condition] *= size
    return counts[None]


def combinations(
    sizes: Sequence[int], conditions: Sequence[Condition | None]
) -> Iterator[tuple[int | None, ...]]:
    """Every combination of `range(size)`, the last column's changing first, in `product`'s order.

    An inactive column has None and so takes no part. Lazy, and as deep as there are columns.

    >>> list(combinations([2, 3], [None, (0, 1)]))
    [(0, None), (1, 0), (1, 1), (1, 2)]
    """
    found: list[int | None] = []
    while True:
        for condition in conditions[len(found) :]:
            active = condition is None or found[condition[0]] == condition[1]
            found.append(0 if active else None)
        yield tuple(found)
        while found:
            last = found.pop()
            if last is not None and last + 1 < sizes[len(found)]:
                found.append(last + 1)
                break
        else:
            return
