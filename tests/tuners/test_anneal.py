"""Anneal: that it learns, and how near to what it stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import Choice, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import AnnealTuner
from objectives import (
    BRANCHES,
    TRAINING,
    Objective,
    branched,
    cube,
    rosenbrock,
    share_of_failures,
    share_of_random,
    sphere,
    training,
)


def anneal(seed: int) -> AnnealTuner:
    return AnnealTuner(seed=seed)


@pytest.mark.parametrize(
    ("space", "objective", "batch", "share"),
    [
        (cube(2), sphere, 1, 0.2),
        (cube(6), sphere, 1, 0.3),
        (cube(4), rosenbrock, 1, 0.4),
        (cube(4), sphere, 4, 0.35),
        (TRAINING, training, 1, 0.6),
        (TRAINING, training, 4, 0.7),
    ],
    ids=["sphere2", "sphere6", "rosenbrock4", "sphere4 by 4", "training", "training by 4"],
)
def test_beats_random(space: SearchSpace, objective: Objective, batch: int, share: float) -> None:
    """The mean of the best values is at most that share of Random's."""
    assert share_of_random(anneal, space, objective, batch) < share


@given(st.integers(5, 400), st.integers(0, 99), st.floats(0, 1), st.floats(0, 1))
def test_stays_as_near_as_the_number_of_trials_says(
    count: int, seed: int, one: float, other: float
) -> None:
    tuner = AnnealTuner(seed=seed)
    tuner.update_search_space({"x": {"_type": "uniform", "_value": [0, 1]}})
    at = [one, other]
    tuner.import_data([{"parameter": {"x": at[i % 2]}, "value": i} for i in range(count)])
    many = [tuner.generate_parameters(trial)["x"] for trial in range(5)]
    width = 1 / (1 + 0.1 * count)
    assert all(min(abs(x - one), abs(x - other)) <= width + 1e-9 for x in many)


def test_better_trials_have_more_neighbours() -> None:
    """Half as likely from one to the next best and so on, at least: here, a third."""
    tuner = AnnealTuner(seed=0)
    tuner.update_search_space({"x": {"_type": "uniform", "_value": [0, 1]}})
    tuner.import_data(
        [{"parameter": {"x": (i % 4) / 4 + 0.125}, "value": i} for i in range(4)]
        + [{"parameter": {"x": 0.875}, "value": 100}] * 400
    )
    many = [int(tuner.generate_parameters(trial)["x"] * 4) for trial in range(300)]
    shares = [many.count(quarter) / 300 for quarter in range(4)]
    assert shares == pytest.approx([2 / 3, 2 / 9, 2 / 27, 1 / 27], abs=0.07)


def test_options_are_never_settled() -> None:
    tuner = AnnealTuner(seed=0)
    space = SearchSpace({"c": Choice(("a", "b", "c", "d")), "x": Uniform(0, 1)})
    tuner.update_search_space(space)
    tuner.import_data([{"parameter": {"c": "a", "x": 0.5}, "value": 0}] * 1000)
    many = [tuner.generate_parameters(trial)["c"] for trial in range(400)]
    assert 0.8 < many.count("a") / 400 < 1
    assert set(many) == set("abcd")


def test_learns_inside_of_branches() -> None:
    assert share_of_random(anneal, BRANCHES, branched) < 0.5


def test_learns_from_failed_trials() -> None:
    told, untold = (share_of_failures(anneal, 60, told=told) for told in (True, False))
    assert told < 0.6 * untold
