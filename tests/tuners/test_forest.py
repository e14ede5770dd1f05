"""The random forest, against searches through everything, and another one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_friedman1
from sklearn.ensemble import RandomForestRegressor

from nni_tuners.encode import Floats
from nni_tuners.forest import RandomForest
from nni_tuners.splits import NONE, Bools, Entries, Indices, best_splits


def numbers(columns: int) -> Indices:
    return np.zeros(columns, dtype=np.intp)


def tree(rows: Floats, targets: Floats, options: list[int], min_leaf: int = 1) -> RandomForest:
    """A single tree of all rows."""
    return RandomForest(
        rows,
        targets,
        np.array(options, dtype=np.intp),
        np.random.default_rng(0),
        trees=1,
        min_leaf=min_leaf,
        bootstrap=False,
        smooth=False,
    )


def squares(targets: Floats) -> float:
    return float(((targets - targets.mean()) ** 2).sum())


def left_after(is_left: Bools, targets: Floats, min_leaf: int = 1) -> float:
    """The squares that a split leaves; infinite where it is none."""
    if min(is_left.sum(), (~is_left).sum()) < min_leaf:
        return np.inf
    return squares(targets[is_left]) + squares(targets[~is_left])


@given(
    seed=st.integers(0, 10**6),
    count=st.integers(2, 30),
    columns=st.integers(1, 4),
    min_leaf=st.integers(1, 5),
)
def test_a_stump_has_the_best_threshold(seed: int, count: int, columns: int, min_leaf: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 8, (count, columns)) / 8
    targets = rng.normal(size=count)
    stump = tree(rows, targets, [0] * columns, min_leaf)
    everything = [
        left_after(rows[:, column] <= threshold, targets, min_leaf)
        for column in range(columns)
        for threshold in np.arange(8) / 8
    ]
    column = stump.nodes.columns[0]
    if column == NONE:
        assert not np.isfinite(everything).any()
        return
    is_left = rows[:, column] <= stump.nodes.thresholds[0]
    assert left_after(is_left, targets, min_leaf) == pytest.approx(min(everything))


@given(seed=st.integers(0, 10**6), count=st.integers(2, 40), options=st.integers(2, 6))
def test_a_stump_has_the_best_subset_of_options(seed: int, count: int, options: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, options, (count, 1)).astype(float)
    targets = rng.normal(size=count)
    stump = tree(rows, targets, [options])
    everything = [
        left_after(np.isin(rows[:, 0], subset), targets)
        for size in range(1, options)
        for subset in itertools.combinations(range(options), size)
    ]
    if stump.nodes.columns[0] == NONE:
        assert not np.isfinite(everything).any()
        return
    is_left = stump.nodes.lefts[0, rows[:, 0].astype(int)]
    assert left_after(is_left, targets) == pytest.approx(min(everything))


def test_entries_weigh_as_often_as_they_were_drawn() -> None:
    """0 is farther from 2 than 3 is, but where many are 2 and 3 that is what to tell apart."""
    ranks = np.array([[0, 1, 2]])
    for weights, last in (([1.0, 1.0, 1.0], 0), ([1.0, 9.0, 9.0], 1)):
        targets = np.array([0.0, 2.0, 3.0])
        targets -= np.average(targets, weights=weights)
        entries = Entries(np.arange(3), np.zeros(3, dtype=np.intp), np.array(weights), targets)
        assert best_splits(ranks, entries, 1, 1).last.tolist() == [last]


@given(seed=st.integers(0, 10**6))
def test_a_step_function_is_learned_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.random((300, 2)), rng.integers(0, 4, 300)])
    levels = rng.normal(size=(2, 2, 4))

    def steps(at: Floats) -> Floats:
        found: Floats = levels[
            (at[:, 0] > 0.4).astype(int), (at[:, 1] > 0.7).astype(int), at[:, 2].astype(int)
        ]
        return found

    means, variances = tree(rows, steps(rows), [0, 0, 4]).predict(rows)
    assert means == pytest.approx(steps(rows))
    assert variances == pytest.approx(np.zeros(300))


def test_inactive_columns_are_told_from_active_ones() -> None:
    rows = np.array([[0.1], [0.5], [0.9], [np.nan], [np.nan]])
    targets = np.array([1.0, 1.0, 1.0, 5.0, 5.0])
    means, _ = tree(rows, targets, [0]).predict(np.array([[0.0], [1.0], [np.nan]]))
    assert means.tolist() == [1, 1, 5]
    options = np.array([[0.0], [1.0], [np.nan]])
    means, _ = tree(options, np.array([1.0, 2.0, 5.0]), [3]).predict(options)
    assert means.tolist() == [1, 2, 5]


@pytest.mark.parametrize("targets", [[3.0] * 6, [3.0, 4.0] * 3])
def test_nothing_to_split_by_is_one_leaf(targets: list[float]) -> None:
    rows = np.full((6, 2), 0.5) if targets[0] != targets[1] else np.arange(12.0).reshape(6, 2)
    forest = tree(rows, np.array(targets), [0, 0])
    means, variances = forest.predict(np.array([[0.0, 1.0]]))
    assert len(forest.nodes.columns) == 1
    assert (means[0], variances[0]) == (np.mean(targets), np.var(targets))


def test_no_columns_are_one_leaf() -> None:
    means, _ = tree(np.empty((3, 0)), np.arange(3.0), []).predict(np.empty((2, 0)))
    assert means.tolist() == [1, 1]


def test_the_variance_is_that_of_a_mixture_of_the_leaves() -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.random((50, 2)), rng.normal(size=50)
    forest = RandomForest(rows, targets, numbers(2), rng, trees=7, min_leaf=5)
    means, variances = forest.predict(rows[:3])
    leaves = forest.leaves(rows[:3])
    for row in range(3):
        leaf = forest.nodes.means[leaves[:, row]], forest.nodes.variances[leaves[:, row]]
        # Many draws of a leaf, and from a normal distribution of its mean and variance.
        drawn = rng.integers(0, 7, 200_000)
        mixture = rng.normal(leaf[0][drawn], np.sqrt(leaf[1][drawn]))
        assert means[row] == pytest.approx(mixture.mean(), abs=0.02)
        assert variances[row] == pytest.approx(mixture.var(), rel=0.02)


def test_it_is_less_sure_between_rows_than_at_them() -> None:
    rows = np.linspace(0, 1, 6)[:, None]
    rng = np.random.default_rng(0)
    forest = RandomForest(rows, np.arange(6.0), numbers(1), rng, trees=400)
    _, at = forest.predict(rows[1:5])
    means, between = forest.predict(rows[1:4] + 0.1)
    assert between.min() > at.max()
    # Halfway between 1 and 2, and so on.
    assert means == pytest.approx([1.5, 2.5, 3.5], abs=0.2)


@pytest.mark.parametrize("features", [1.0, 0.5])
def test_errs_no_more_than_scikit_learn(features: float) -> None:
    rows, targets = make_friedman1(300, n_features=10, noise=1, random_state=0)
    unseen, truth = make_friedman1(500, n_features=10, noise=0, random_state=1)
    mine, theirs = [], []
    for seed in range(3):
        forest = RandomForest(
            rows,
            targets,
            numbers(10),
            np.random.default_rng(seed),
            trees=20,
            features=features,
        )
        mine.append(np.mean((forest.predict(unseen)[0] - truth) ** 2))
        other = RandomForestRegressor(20, max_features=features, random_state=seed)
        theirs.append(np.mean((other.fit(rows, targets).predict(unseen) - truth) ** 2))
    assert np.mean(mine) == pytest.approx(np.mean(theirs), rel=0.1)
