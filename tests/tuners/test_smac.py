"""SMAC: that it learns, what it does with ranks and failures, and where it ends."""

from __future__ import annotations

import json
import math
from statistics import NormalDist

import numpy as np
import pytest

from nni_annotate.domains import Branch, Choice, RandInt, Uniform
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import NoMoreTrialError, SMACTuner, TunerError
from nni_tuners.smac import normal_scores
from objectives import TRAINING, Objective, cube, rosenbrock, share_of_random, sphere, training

SEEDS = 8
OPTIONS = SearchSpace({f"c{index}": Choice(tuple("abcdef")) for index in range(6)})


def hamming(parameters: dict[str, str]) -> float:
    return sum(value != "d" for value in parameters.values())


@pytest.mark.parametrize(
    ("space", "objective", "batch", "share"),
    [
        (cube(2), sphere, 1, 0.3),
        (cube(6), sphere, 1, 0.5),
        (cube(4), rosenbrock, 1, 0.6),
        (cube(4), sphere, 4, 0.5),
        (TRAINING, training, 1, 0.7),
        (OPTIONS, hamming, 1, 0.4),
    ],
    ids=["sphere2", "sphere6", "rosenbrock4", "sphere4 by 4", "training", "options"],
)
def test_beats_random(space: SearchSpace, objective: Objective, batch: int, share: float) -> None:
    """The mean of the best values is at most that share of Random's."""
    found = share_of_random(lambda seed: SMACTuner(seed=seed), space, objective, batch, SEEDS)
    assert found < share


def test_beats_random_in_branches() -> None:
    branches = [Branch(f"b{i}", (("x", Uniform(-5, 5)), ("y", Uniform(-5, 5)))) for i in range(4)]
    space = SearchSpace({"c": Choice(tuple(branches))})

    def nested(parameters: Parameters) -> float:
        chosen = parameters["c"]
        return float(
            (chosen["x"] - 1.5) ** 2 + (chosen["y"] + 2) ** 2 + 3 * (chosen["_name"] != "b2")
        )

    found = share_of_random(lambda seed: SMACTuner(seed=seed), space, nested, seeds=SEEDS)
    assert found < 0.8


def test_only_the_order_of_results_matters() -> None:
    tuners = [SMACTuner(seed=0), SMACTuner(seed=0)]
    for tuner in tuners:
        tuner.update_search_space(cube(3))
    for trial in range(30):
        one, other = (tuner.generate_parameters(trial) for tuner in tuners)
        assert one == other
        tuners[0].receive_trial_result(trial, one, sphere(one))
        tuners[1].receive_trial_result(trial, one, math.exp(sphere(one)) - 1e6)


def test_leaves_what_fails() -> None:
    tuner, failed = SMACTuner(seed=0), []
    tuner.update_search_space(cube(2))
    for trial in range(60):
        parameters = tuner.generate_parameters(trial)
        failed.append(parameters["x0"] > 0)
        if failed[-1]:
            tuner.trial_end(trial, success=False)
        else:
            tuner.receive_trial_result(trial, parameters, -parameters["x1"])
    assert sum(failed[20:]) < 0.3 * 40


@pytest.mark.parametrize("is_dedup", [False, True])
def test_ends_where_all_has_been_tried_only_with_config_dedup(is_dedup: bool) -> None:
    tuner = SMACTuner(seed=0, config_dedup=is_dedup)
    tuner.update_search_space(SearchSpace({"c": Choice(("a", "b", "c")), "i": RandInt(0, 7)}))
    found = []
    for trial in range(21):
        found.append(tuner.generate_parameters(trial))
        tuner.receive_trial_result(trial, found[-1], found[-1]["i"])
    assert len({json.dumps(parameters) for parameters in found}) == 21
    if is_dedup:
        with pytest.raises(NoMoreTrialError) as caught:
            tuner.generate_parameters(21)
        assert str(caught.value) == "everything in the search space has been tried"
    else:
        assert tuner.generate_parameters(21) in found


def test_refuses_a_config_dedup_that_is_no_flag() -> None:
    with pytest.raises(TunerError) as caught:
        SMACTuner(config_dedup="yes")  # type: ignore[arg-type]
    assert str(caught.value) == 'config_dedup: expected true or false, found "yes"'


def test_scores_are_those_of_ranks_and_the_failed_ones_are_last() -> None:
    scores = normal_scores(np.array([3.0, np.nan, -7.0, 3.0, np.nan]))
    low, high = NormalDist().inv_cdf(1 / 6), NormalDist().inv_cdf(5 / 6)
    assert scores == pytest.approx([0, high, low, 0, high])
