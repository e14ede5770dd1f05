"""TPE: that it learns, and how it deals with failed, pending, repeated and few trials."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import Branch, Choice, Layer, MutableLayer, QUniform, RandInt, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import TPETuner, TunerError
from nni_tuners.tpe import improvement_weights
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


def tpe(seed: int) -> TPETuner:
    return TPETuner(seed=seed)


@pytest.mark.parametrize("multivariate", [True, False])
@pytest.mark.parametrize(
    ("space", "objective", "batch", "share"),
    [
        (cube(2), sphere, 1, 0.1),
        (cube(6), sphere, 1, 0.25),
        (cube(4), rosenbrock, 1, 0.3),
        (cube(4), sphere, 4, 0.2),
        (TRAINING, training, 1, 0.5),
        (TRAINING, training, 4, 0.6),
    ],
    ids=["sphere2", "sphere6", "rosenbrock4", "sphere4 by 4", "training", "training by 4"],
)
def test_beats_random(
    space: SearchSpace, objective: Objective, batch: int, share: float, multivariate: bool
) -> None:
    """The mean of the best values is at most that share of Random's."""

    def make(seed: int) -> TPETuner:
        return TPETuner(seed=seed, multivariate=multivariate)

    assert share_of_random(make, space, objective, batch) < share


def test_the_start_takes_one_value_out_of_every_tenth() -> None:
    tuner = TPETuner(seed=0)
    tuner.update_search_space(cube(3))
    many = tuner.generate_multiple_parameters(range(10))
    for key in cube(3):
        assert sorted(math.floor(found[key] + 5) for found in many) == list(range(10))


def test_imported_results_stand_for_the_start() -> None:
    tuner = TPETuner(seed=0)
    tuner.update_search_space(cube(1))
    at = [10 * (step + 0.5) / 200 - 5 for step in range(200)]
    tuner.import_data([{"parameter": {"x0": x}, "value": (x - 1.5) ** 2} for x in at])
    many = [tuner.generate_parameters(trial)["x0"] for trial in range(10)]
    assert np.median(np.abs(np.array(many) - 1.5)) < 0.5


def test_every_combination_of_a_discrete_space_comes_before_any_repeat() -> None:
    space = SearchSpace(
        {"c": Choice(("a", "b", 1)), "i": RandInt(0, 5), "q": QUniform(0.5, 3.5, 1)}
    )
    tuner = TPETuner(seed=0)
    tuner.update_search_space(space)
    seen = []
    size = 3 * 5 * 5
    for trial in range(size):
        parameters = tuner.generate_parameters(trial)
        seen.append(json.dumps(parameters))
        if trial % 3:
            tuner.receive_trial_result(trial, parameters, parameters["i"])
    assert len(set(seen)) == size
    assert json.dumps(tuner.generate_parameters(size)) in seen


@pytest.mark.parametrize("multivariate", [True, False])
def test_every_combination_of_a_nested_space_comes_before_any_repeat(multivariate: bool) -> None:
    inner = Choice((Branch("p", (("x", RandInt(0, 4)),)), "q"))
    branches = tuple(Branch(f"b{index}", (("x", RandInt(0, 5)),)) for index in range(9))
    space = SearchSpace(
        {
            "c": Choice((Branch("deep", (("inner", inner),)), Branch("empty", ()), *branches)),
            "layer": MutableLayer((Layer("l", ("f()",), ("a", "b"), (0, 1)),)),
        }
    )
    tuner = TPETuner(seed=0, multivariate=multivariate)
    tuner.update_search_space(space)
    seen = []
    size = (5 + 1 + 9 * 5) * 3
    for trial in range(size):
        parameters = tuner.generate_parameters(trial)
        seen.append(json.dumps(parameters))
        if trial % 3:
            tuner.receive_trial_result(trial, parameters, len(str(parameters)))
    assert len(set(seen)) == size
    assert json.dumps(tuner.generate_parameters(size)) in seen


def test_a_branch_without_further_values_is_not_repeated() -> None:
    """Not even where it is the best, while other branches have no end of values."""
    space = SearchSpace(
        {"c": Choice((Branch("empty", ()), Branch("deep", (("x", Uniform(0, 1)),)), "plain"))}
    )
    tuner = TPETuner(seed=0)
    tuner.update_search_space(space)
    tuner.import_data([{"parameter": {"c": {"_name": "empty"}}, "value": -9}] * 20)
    for trial in range(40):
        parameters = tuner.generate_parameters(trial)
        assert parameters["c"] != {"_name": "empty"}
        tuner.receive_trial_result(trial, parameters, 1.0)


def test_learns_inside_of_branches() -> None:
    """Which branch, and its own best value: those of others say nothing about it."""
    assert share_of_random(tpe, BRANCHES, branched) < 0.3


def test_learns_from_failed_trials() -> None:
    told, untold = (share_of_failures(tpe, 100, told=told) for told in (True, False))
    assert told < 0.6 * untold


def test_pending_trials_push_away_further_ones() -> None:
    data = [{"parameter": {"x0": x / 2}, "value": (x / 2 - 1) ** 2} for x in range(-10, 11)]
    close = []
    for told in (True, False):
        tuner = TPETuner(seed=0)
        tuner.update_search_space(cube(1))
        tuner.import_data(data)
        many = []
        for trial in range(30):
            many.append(tuner.generate_parameters(trial)["x0"])
            if not told:
                tuner.pending.clear()
        close.append(np.mean(np.abs(np.array(many) - 1) < 0.5))
    assert close[0] < close[1] - 0.2


def test_weights_follow_the_improvement() -> None:
    weights = improvement_weights(np.array([-3.0, 0.0, 1.0]), 1.0)
    # Improvements 4, 1, 0 and, for the prior, their mean.
    assert weights == pytest.approx(np.array([4, 1, 0, 5 / 3]) / (5 + 5 / 3), abs=1e-9)


@pytest.mark.parametrize("loss", [0.0, 1e300, -1e300, 5e-324])
def test_weights_of_ties_are_alike(loss: float) -> None:
    assert improvement_weights(np.full(3, loss), loss) == pytest.approx(np.full(4, 1 / 4))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_weights_are_probabilities(losses: list[float]) -> None:
    *good, split = sorted(losses)
    weights = improvement_weights(np.array(good), split)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1)
    assert (np.diff(weights[:-1]) <= 1e-15).all()


def test_the_split_is_linear_and_bounded() -> None:
    tuner = TPETuner(gamma=0.15)
    tuner.update_search_space(cube(1))
    for count, expected in [(1, 1), (10, 2), (100, 15), (1000, 25)]:
        tuner.import_data([{"parameter": {"x0": 0.0}, "value": 1.0}] * (count - len(tuner.history)))
        good, others = tuner._densities()
        assert (len(good.rows), len(others.rows)) == (expected, count - expected)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"gamma": 0.0}, "gamma: expected a number between 0 and 1, found 0.0"),
        ({"gamma": 1.0}, "gamma: expected a number between 0 and 1, found 1.0"),
        ({"n_startup_jobs": 0}, "n_startup_jobs: expected an int from 1 on, found 0"),
        ({"n_ei_candidates": 1.5}, "n_ei_candidates: expected an int from 1 on, found 1.5"),
    ],
)
def test_refuses_arguments_that_make_no_sense(keywords: dict[str, float], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        TPETuner(**keywords)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_proposals_are_the_best_of_more_candidates() -> None:
    """They are nearer to the good trials than the candidates are that they come from."""
    tuner = TPETuner(seed=0)
    tuner.update_search_space(cube(1))
    for trial, x in enumerate(np.linspace(-5, 5, 31).tolist()):
        tuner.receive_trial_result(trial, {"x0": x}, (x - 4) ** 2)
    best, all_of_them = tuner.proposals(100, 0.25), tuner.proposals(100, 1.0)
    assert (len(best), len(all_of_them)) == (25, 100)
    assert len(tuner.proposals(10, 0.01)) == 1

    def distance(rows: np.ndarray) -> float:
        return float(np.mean([abs(tuner.code.decode(row)["x0"] - 4) for row in rows]))

    assert distance(best) < 0.7 * distance(all_of_them)
