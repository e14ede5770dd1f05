"""CMA-ES: that it learns, whatever the order of results, and when it starts again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nni_annotate.domains import Choice, RandInt, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import CMAESTuner, TunerError
from nni_tuners.cma_es import default_population
from objectives import (
    TRAINING,
    Objective,
    best_of,
    cube,
    rosenbrock,
    share_of_random,
    sphere,
    training,
)

OPTIONS = SearchSpace({f"c{index}": Choice(tuple("abcdef")) for index in range(6)})
INTS = SearchSpace({f"x{index}": RandInt(-20, 21) for index in range(4)})


def hamming(parameters: dict[str, str]) -> float:
    return sum(value != "d" for value in parameters.values())


@pytest.mark.parametrize(
    ("space", "objective", "batch", "share"),
    [
        (cube(2), sphere, 1, 0.4),
        (cube(6), sphere, 1, 0.35),
        (cube(4), rosenbrock, 1, 0.5),
        (cube(4), sphere, 4, 0.4),
        (TRAINING, training, 1, 0.8),
        (OPTIONS, hamming, 1, 0.6),
        (INTS, sphere, 1, 0.3),
    ],
    ids=["sphere2", "sphere6", "rosenbrock4", "sphere4 by 4", "training", "options", "ints"],
)
def test_beats_random(space: SearchSpace, objective: Objective, batch: int, share: float) -> None:
    """The mean of the best values is at most that share of Random's."""
    assert share_of_random(lambda seed: CMAESTuner(seed=seed), space, objective, batch) < share


def test_converges() -> None:
    for seed in range(3):
        assert best_of(CMAESTuner(seed=seed), cube(3), sphere, 1, trials=500) < 1e-8


def test_ints_and_options_are_never_settled() -> None:
    """Those other than the best keep a chance, however long they have been worse."""
    space = SearchSpace({"i": RandInt(0, 9), "c": Choice(("a", "b", "c")), "x": Uniform(0, 1)})
    tuner = CMAESTuner(seed=0, population_size=4)
    best = best_of(
        tuner, space, lambda p: p["i"] + 5 * (p["c"] != "b") + (p["x"] - 0.3) ** 2, 1, trials=240
    )
    assert best < 0.01
    many = tuner.generate_multiple_parameters(range(1000, 2000))
    assert np.mean([parameters["i"] != 0 for parameters in many]) > 0.1
    # The margin of a single choice is 27 % for all but the best option.
    assert np.mean([parameters["c"] == "b" for parameters in many]) == pytest.approx(0.73, abs=0.04)


def test_begins_at_the_best_known_trial() -> None:
    tuner = CMAESTuner(seed=0, sigma0=0.05)
    tuner.update_search_space(cube(3))
    at = {"x0": -3.0, "x1": 2.0, "x2": 4.0}
    tuner.receive_trial_result(0, at, 1.0)
    tuner.receive_trial_result(1, dict.fromkeys(at, 0.0), 2.0)
    tuner.receive_trial_result(2, dict.fromkeys(at, 0.0), math.nan)
    many = tuner.generate_multiple_parameters(range(3, 60))
    for key, value in at.items():
        assert np.median([parameters[key] for parameters in many]) == pytest.approx(value, abs=0.3)


def test_begins_in_the_middle_where_nothing_is_known() -> None:
    tuner = CMAESTuner(seed=0)
    tuner.update_search_space(cube(1))
    many = [p["x0"] for p in tuner.generate_multiple_parameters(range(400))]
    assert np.mean(many) == pytest.approx(0, abs=0.3)
    assert np.std(many) == pytest.approx(1.8, abs=0.2)


def test_the_order_of_results_does_not_matter() -> None:
    nexts = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        tuner = CMAESTuner(seed=0, population_size=4)
        tuner.update_search_space(cube(3))
        many = tuner.generate_multiple_parameters(range(4))
        for trial in order:
            tuner.receive_trial_result(trial, many[trial], sphere(many[trial]))
        nexts.append(list(tuner.generate_parameters(4).values()))
    assert nexts[0] == pytest.approx(nexts[1])


def test_failed_trials_are_the_worst() -> None:
    """A half-space that fails is left, though nothing else tells it from the other."""
    tuner = CMAESTuner(seed=0)
    tuner.update_search_space(cube(2))
    for trial in range(80):
        parameters = tuner.generate_parameters(trial)
        if parameters["x0"] > -2:
            tuner.trial_end(trial, success=False)
        else:
            tuner.receive_trial_result(trial, parameters, 0.0)
    many = tuner.generate_multiple_parameters(range(100, 150))
    assert np.mean([parameters["x0"] < -2 for parameters in many]) > 0.8


def test_starts_again_with_twice_the_population_where_nothing_gets_better() -> None:
    tuner = CMAESTuner(seed=0, population_size=4)
    tuner.update_search_space(cube(2))
    populations = []
    for trial in range(400):
        parameters = tuner.generate_parameters(trial)
        tuner.receive_trial_result(trial, parameters, 1.0)
        assert tuner._run is not None
        populations.append(tuner._run.population)
    # A first generation that is the best so far, then 10 + 30 * 2 / 4 without a better one.
    assert populations.index(8) == 4 * 26
    assert set(populations) == {4, 8, 16}


def test_starts_again_when_it_has_converged() -> None:
    tuner = CMAESTuner(seed=0, population_size=4)
    tuner.update_search_space(cube(1))
    for trial in range(600):
        parameters = tuner.generate_parameters(trial)
        tuner.receive_trial_result(trial, parameters, abs(parameters["x0"] - 1))
    assert tuner._run is not None
    assert tuner._run.population > 4


def test_the_population_grows_with_the_parameters() -> None:
    """Seven tenths of the tutorial's 4 + 3 ln n: of 4, 8, 10 and 17."""
    assert [default_population(n) for n in (0, 1, 5, 10, 100)] == [4, 4, 5, 7, 11]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"population_size": 3}, "population_size: expected an int from 4 on, found 3"),
        ({"sigma0": 0}, "sigma0: expected a number between 0 and 1, found 0"),
        ({"sigma0": "big"}, 'sigma0: expected a number between 0 and 1, found "big"'),
    ],
)
def test_refuses_arguments_that_make_no_sense(keywords: dict[str, float], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        CMAESTuner(**keywords)  # type: ignore[arg-type]
    assert str(caught.value) == message
