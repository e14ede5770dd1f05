"""Metis: that it learns, what it weighs, and what it tries again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import MetisTuner, TunerError
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

OUTLIER = 11  # of the trials of `known`: the one next to the best


def known(**keywords: Any) -> MetisTuner:
    """A tuner that knows a parabola, and one terrible result beside its lowest point."""
    tuner = MetisTuner(seed=0, exploration_probability=1, **keywords)
    tuner.update_search_space(cube(1))
    for trial, x in enumerate(np.linspace(-5, 5, 21).tolist()):
        loss = 30 if trial == OUTLIER else (x - 0.3) ** 2
        tuner.receive_trial_result(trial, {"x0": x}, loss)
    return tuner


def is_outlier(tuner: MetisTuner, parameters: Parameters) -> bool:
    return bool((tuner.code.encode(parameters) == tuner.history.rows[OUTLIER]).all())


@pytest.mark.parametrize(
    ("space", "objective", "batch", "share"),
    [
        (cube(5), sphere, 1, 0.01),
        (cube(5), sphere, 4, 0.02),
        (cube(2), rosenbrock, 1, 0.4),
        (TRAINING, training, 1, 0.1),
        (BRANCHES, branched, 1, 0.05),
    ],
    ids=["sphere", "sphere by 4", "rosenbrock", "training", "branches"],
)
def test_beats_random(space: SearchSpace, objective: Objective, batch: int, share: float) -> None:
    """The mean of the best values is at most that share of Random's."""
    found = share_of_random(lambda seed: MetisTuner(seed=seed), space, objective, batch, seeds=3)
    assert found < share


def test_learns_from_failed_trials() -> None:
    told, untold = (
        share_of_failures(lambda seed: MetisTuner(seed=seed), 40, told=told)
        for told in (True, False)
    )
    assert told < 0.5 * untold


@pytest.mark.parametrize(
    ("keywords", "is_near"),
    [
        ({"exploration_probability": 1}, False),
        ({"exploration_probability": 0}, True),
        ({"exploration_probability": 1, "no_candidates": True}, True),
    ],
)
def test_explores_what_is_known_least(keywords: dict[str, Any], is_near: bool) -> None:
    """Less than half of the axis has results, and they rise and fall."""
    tuner = MetisTuner(seed=0, **keywords)
    tuner.update_search_space(cube(1))
    for trial, x in enumerate(np.linspace(-5, -1.5, 12).tolist()):
        tuner.receive_trial_result(trial, {"x0": x}, np.sin(3 * x))
    found = tuner.generate_parameters(20)["x0"]
    assert (np.sin(3 * found) < -0.9 and found < -1.5) if is_near else found > 0


def test_what_does_not_fit_is_tried_again_up_to_three_times() -> None:
    """Here it never fits, not while the second trial runs either."""
    tuner = known(no_resampling=False)
    for trial in (30, 31):
        parameters = tuner.generate_parameters(trial)
        assert is_outlier(tuner, parameters)
        tuner.receive_trial_result(trial, parameters, 0.05)
    tried = [tuner.generate_parameters(trial) for trial in range(40, 60)]
    assert not any(is_outlier(tuner, parameters) for parameters in tried)


def test_nothing_is_tried_again_unless_that_is_asked_for() -> None:
    tuner = known()
    tried = [tuner.generate_parameters(trial) for trial in range(30, 50)]
    assert not any(is_outlier(tuner, parameters) for parameters in tried)


def test_a_failed_trial_is_not_tried_again() -> None:
    tuner = MetisTuner(seed=0, exploration_probability=1, no_resampling=False)
    tuner.update_search_space(cube(1))
    for trial, x in enumerate(np.linspace(-5, 5, 21).tolist()):
        loss = np.nan if trial == OUTLIER else (x - 0.3) ** 2
        tuner.receive_trial_result(trial, {"x0": x}, loss)
    tried = [tuner.generate_parameters(trial) for trial in range(30, 50)]
    assert not any(is_outlier(tuner, parameters) for parameters in tried)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"no_resampling": 1}, "no_resampling: expected true or false, found 1"),
        ({"no_candidates": "no"}, 'no_candidates: expected true or false, found "no"'),
        ({"cold_start_num": 0}, "cold_start_num: expected an int from 1 on, found 0"),
        (
            {"selection_num_starting_points": 0.5},
            "selection_num_starting_points: expected an int from 1 on, found 0.5",
        ),
        (
            {"exploration_probability": 1.5},
            "exploration_probability: expected a number from 0 to 1, found 1.5",
        ),
    ],
)
def test_refuses_arguments_that_make_no_sense(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        MetisTuner(**keywords)
    assert str(caught.value) == message
