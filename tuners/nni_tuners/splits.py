"""The splits of many nodes at once that leave the least squares.

Fisher, On Grouping for Maximum Homogeneity, JASA 53, 1958: of all subsets of options, the best is
among those that hold the options of the least means, so that options need an order only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nni_tuners.encode import Floats

Indices = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

NONE = -1  # stands for the slot of a node that has no split
LEAST_GAIN = 1e-12  # as a share of a node's squares: below it there is rounding only


@dataclass(frozen=True)
class Entries:
    """Rows in nodes: which row, in which node, of what weight, and its target."""

    rows: Indices
    nodes: Indices
    weights: Floats
    targets: Floats

    def where(self, which: Bools | Indices) -> Entries:
        """Some of them."""
        return Entries(
            self.rows[which], self.nodes[which], self.weights[which], self.targets[which]
        )


@dataclass(frozen=True)
class Splits:
    """A split a node: entries of rank `last` or less in that slot go to the left.

    `first` is the least rank on the right. A node without a split has NONE in all of them.
    """

    slots: Indices
    last: Indices
    first: Indices


def best_splits(ranks: Indices, entries: Entries, size: int, min_leaf: int) -> Splits:
    """The best split of each of `size` nodes by any slot.

    `ranks`, of shape (slots, entries), order the entries; those of one rank stay together. The
    targets of a node's entries have a mean of 0.
    """
    slots, last, first = (np.full(size, NONE, dtype=np.intp) for _ in range(3))
    if not ranks.size:
        return Splits(slots, last, first)
    # The entries of a node stand in the same places for every slot, there by their ranks.
    order = np.argsort(entries.nodes * (int(ranks.max()) + 1) + ranks, axis=1)
    nodes = entries.nodes[order[0]]
    starts = np.flatnonzero(np.diff(nodes, prepend=-1))
    number = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(nodes)))
    ranks = np.take_along_axis(ranks, order, axis=1)
    weights, targets = entries.weights[order], entries.targets[order]
    gains = _gains(weights, weights * targets, ranks, starts, number, min_leaf)
    largest = np.maximum.reduceat(gains, starts, axis=1)
    slot = largest.argmax(axis=0)
    gain = largest.max(axis=0)
    # Where it is reached first.
    reached = np.flatnonzero(gains[slot[number], np.arange(len(nodes))] == gain[number])
    place = reached[np.unique(number[reached], return_index=True)[1]]
    squares = np.bincount(number, weights[0] * targets[0] ** 2)
    found = gain > LEAST_GAIN * squares
    node, slot, place = nodes[starts[found]], slot[found], place[found]
    slots[node] = slot
    last[node], first[node] = ranks[slot, place], ranks[slot, place + 1]
    return Splits(slots, last, first)


def _gains(
    weights: Floats,
    moments: Floats,
    ranks: Indices,
    starts: Indices,
    number: Indices,
    min_leaf: int,
) -> Floats:
    """What the squares lose by a split after each entry, 0 where there can be none.

    Nodes begin at `starts`; `number` says for each place which of them it belongs to.
    """
    ends = np.append(starts[1:], len(number)) - 1
    left = _sums_within(weights, starts, number)
    right = left[:, ends][:, number] - left
    sums = _sums_within(moments, starts, number)
    allowed = (left >= min_leaf) & (right >= min_leaf)
    allowed[:, ends] = False
    allowed[:, :-1] &= ranks[:, :-1] != ranks[:, 1:]
    # With a sum of 0 the mean on the one side tells that on the other.
    right = np.where(allowed, right, 1)
    return np.where(allowed, sums**2 * (1 / left + 1 / right), 0)


def _sums_within(numbers: Floats, starts: Indices, number: Indices) -> Floats:
    """Cumulative sums that begin again with every node."""
    sums = np.cumsum(numbers, axis=1)
    before = sums[:, starts] - numbers[:, starts]
    found: Floats = sums - before[:, number]
    return found


def ranks_by_mean(groups: Indices, options: Indices, entries: Entries) -> Indices:
    """A rank for each entry, by the mean target of its option among the entries of its group."""
    most = int(options.max()) + 1
    pairs, place = np.unique(groups * most + options, return_inverse=True)
    sums = np.bincount(place, entries.weights * entries.targets)
    means = sums / np.bincount(place, entries.weights)
    ranks = np.empty(len(pairs), dtype=np.intp)
    ranks[np.lexsort((means, pairs // most))] = np.arange(len(pairs))
    return ranks[place]
