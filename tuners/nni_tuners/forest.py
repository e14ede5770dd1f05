"""A random forest that regresses a number on rows, and says how sure it is.

Breiman, Random Forests, Machine Learning 45, 2001: bootstrap samples, random columns a node.
Hutter, Xu, Hoos, Leyton-Brown, Algorithm Runtime Prediction: Methods and Evaluation, Artificial
Intelligence 206, 2014, section 4.3: thresholds drawn between the values on either side, so that
the mean is smooth and the variance grows where no rows are; the law of total variance.

Rows are those of `encode.Code` with NaN where a column is inactive: there a row goes to the right,
as if it had the largest number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from nni_tuners.encode import Floats
from nni_tuners.splits import NONE, Bools, Entries, Indices, Splits, best_splits, ranks_by_mean


@dataclass(frozen=True)
class Nodes:
    """Nodes of all trees; first come the roots.

    A number up to the threshold goes to the left child, and so does an option that `lefts` has, of
    shape (nodes, most options). `children` has the left child's place; the right one follows.
    Leaves have NONE for a column.
    """

    columns: Indices
    thresholds: Floats
    lefts: Bools
    children: Indices
    means: Floats
    variances: Floats


class RandomForest:
    """Trees fitted to rows and targets.

    options: of each column, as `Code` has them
    trees: each is fitted to a bootstrap sample, or to all rows where `bootstrap` is off
    min_leaf: how many rows a leaf has at least
    features: the share of the columns that a node looks at
    smooth: thresholds are drawn; else they are in the middle between two values
    """

    def __init__(
        self,
        rows: Floats,
        targets: Floats,
        options: Indices,
        rng: np.random.Generator,
        *,
        trees: int = 10,
        min_leaf: int = 1,
        features: float = 1.0,
        bootstrap: bool = True,
        smooth: bool = True,
    ) -> None:
        self._options = options
        self._rng = rng
        self._trees = trees
        self._min_leaf = min_leaf
        self._features = math.ceil(features * len(options))
        self._smooth = smooth
        self._rows = np.where(np.isnan(rows), np.inf, rows)
        self._values = np.sort(self._rows, axis=0).T
        # A number's rank is its place among the sorted ones, the first of equals.
        ranks = [
            np.searchsorted(values, numbers)
            for values, numbers in zip(self._values, self._rows.T, strict=True)
        ]
        self._ranks = np.array(ranks, dtype=np.intp).reshape(self._values.shape)
        self.nodes = self._grow(targets, bootstrap)

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """The mean and the variance at each of these rows."""
        leaves = self.leaves(rows)
        means, variances = self.nodes.means[leaves], self.nodes.variances[leaves]
        return means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)

    def leaves(self, rows: Floats) -> Indices:
        """Each row's leaf in each tree, shape (trees, rows)."""
        nodes, (count, width) = self.nodes, rows.shape
        found = np.repeat(np.arange(self._trees), count)
        numbers, starts = rows.ravel(), np.tile(np.arange(count) * width, self._trees)
        inner = np.flatnonzero(nodes.columns[found] != NONE)
        while inner.size:
            at = found[inner]
            columns = nodes.columns[at]
            values = numbers[starts[inner] + columns]
            is_left = values <= nodes.thresholds[at]
            chosen = np.flatnonzero((self._options[columns] > 0) & ~np.isnan(values))
            is_left[chosen] = nodes.lefts[at[chosen], values[chosen].astype(np.intp)]
            found[inner] = nodes.children[at] + ~is_left
            inner = inner[nodes.columns[found[inner]] != NONE]
        return found.reshape(self._trees, count)

    def _grow(self, targets: Floats, bootstrap: bool) -> Nodes:
        """All trees, a level at a time."""
        count = len(targets)
        weights = np.ones((self._trees, count))
        if bootstrap:
            chances = np.full(count, 1 / count)
            weights = self._rng.multinomial(count, chances, self._trees).astype(float)
        roots, rows = np.nonzero(weights)
        entries = Entries(rows, roots, weights[roots, rows], targets[rows])
        levels: list[Nodes] = []
        size, known = self._trees, self._trees
        while size:
            level, is_left = self._level(entries, size, known)
            levels.append(level)
            children = level.children[entries.nodes]
            following = children - known + ~is_left
            entries = Entries(entries.rows, following, entries.weights, entries.targets)
            entries = entries.where(children != NONE)
            size = 2 * int((level.columns != NONE).sum())
            known += size
        names = [field.name for field in fields(Nodes)]
        joined = (np.concatenate([getattr(level, name) for level in levels]) for name in names)
        return Nodes(*joined)

    def _level(self, entries: Entries, size: int, known: int) -> tuple[Nodes, Bools]:
        """The nodes that these entries are in, and which of the entries go to the left.

        `known` is the place of the first child.
        """
        at, weights = entries.nodes, entries.weights
        totals = np.bincount(at, weights, size)
        means = np.bincount(at, weights * entries.targets, size) / totals
        centred = Entries(entries.rows, at, weights, entries.targets - means[at])
        offered = self._offered(size)
        ranks = self._ranks_in(offered, centred)
        splits = best_splits(ranks, centred, size, self._min_leaf)
        columns = np.full(size, NONE, dtype=np.intp)
        split = np.flatnonzero(splits.slots != NONE)
        columns[split] = offered[split, splits.slots[split]]
        is_left = np.zeros(len(at), dtype=bool)
        moving = np.flatnonzero(columns[at] != NONE)
        parents = at[moving]
        is_left[moving] = ranks[splits.slots[parents], moving] <= splits.last[parents]
        children = np.full(size, NONE, dtype=np.intp)
        children[split] = known + 2 * np.arange(len(split))
        level = Nodes(
            columns=columns,
            thresholds=self._thresholds(columns, splits),
            lefts=self._lefts(columns, entries, is_left),
            children=children,
            means=means,
            variances=np.bincount(at, weights * centred.targets**2, size) / totals,
        )
        return level, is_left

    def _offered(self, size: int) -> Indices:
        """The columns that each node looks at, shape (size, features)."""
        columns = np.tile(np.arange(len(self._options)), (size, 1))
        if self._features < len(self._options):
            columns = self._rng.permuted(columns, axis=1)
        return columns[:, : self._features]

    def _ranks_in(self, offered: Indices, entries: Entries) -> Indices:
        """The ranks of entries in what their nodes are offered, shape (features, entries)."""
        columns = offered[entries.nodes].T
        ranks = self._ranks[columns, entries.rows]
        slot, entry = np.nonzero(self._options[columns] > 0)
        if slot.size:
            chosen = entries.where(entry)
            groups = slot * len(offered) + chosen.nodes
            ranks[slot, entry] = ranks_by_mean(groups, ranks[slot, entry], chosen)
        return ranks

    def _thresholds(self, columns: Indices, splits: Splits) -> Floats:
        """Between the numbers of either side; only nodes that split by numbers need theirs."""
        found = np.full(len(columns), -np.inf)
        split = np.flatnonzero(columns != NONE)
        at = split[self._options[columns[split]] == 0]
        low = self._values[columns[at], splits.last[at]]
        high = self._values[columns[at], splits.first[at]]
        shares = self._rng.random(len(at)) if self._smooth else np.full(len(at), 0.5)
        # An infinite one tells the inactive rows from all others.
        found[at] = np.where(np.isinf(high), high, low + (np.minimum(high, 1) - low) * shares)
        return found

    def _lefts(self, columns: Indices, entries: Entries, is_left: Bools) -> Bools:
        """Which options go to the left; those that a node has not seen, at random."""
        found = np.zeros((len(columns), int(self._options.max(initial=0))), dtype=bool)
        split = np.flatnonzero(columns != NONE)
        at = split[self._options[columns[split]] > 0]
        if at.size:
            found[at] = self._rng.random((len(at), found.shape[1])) < 0.5
            seen = np.isin(entries.nodes, at)
            node = entries.nodes[seen]
            numbers = self._rows[entries.rows[seen], columns[node]]
            known = np.isfinite(numbers)
            found[node[known], numbers[known].astype(np.intp)] = is_left[seen][known]
        return found
