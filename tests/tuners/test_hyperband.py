"""Hyperband and BOHB: rounds as in the papers, and what becomes of those that fail."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from nni_tuners import BOHBTuner, HyperbandTuner, NoMoreTrialError, Tuner, TunerError
from nni_tuners.brackets import Round, rounds

SPACE = {f"x{n}": {"_type": "uniform", "_value": [0, 1]} for n in range(3)}
Value = Callable[[dict[str, Any]], float]


def start(tuner: Tuner, space: Any = SPACE) -> Tuner:
    """It knows the space."""
    tuner.update_search_space(space)
    return tuner


def distance(parameters: dict[str, Any]) -> float:
    """From a corner; a larger budget says it better."""
    own: float = sum(value for key, value in parameters.items() if key != "TRIAL_BUDGET")
    return own + 0.1 / int(parameters["TRIAL_BUDGET"])


def play(tuner: Tuner, trials: int, value: Value = distance) -> list[dict[str, Any]]:
    """One trial after the other; NaN fails."""
    played = []
    for number in range(trials):
        parameters = tuner.generate_parameters(number)
        played.append(parameters)
        found = value(parameters)
        if not math.isnan(found):
            tuner.receive_trial_result(number, parameters, found)
        tuner.trial_end(number, success=not math.isnan(found))
    return played


def test_the_brackets_of_the_paper() -> None:
    """Table 1 of Li et al., R = 81 and eta = 3."""
    found = [[(one.trials, one.budget) for one in rounds(81, 3, s, 4)] for s in range(4, -1, -1)]
    assert found == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    assert rounds(1, 3, 0, 0) == [Round(1, 1)]


def test_the_best_of_a_round_go_on() -> None:
    """With the same parameters and a larger budget."""
    played = play(start(HyperbandTuner(seed=1, R=9)), 9 + 3 + 1 + 5 + 1 + 3 + 9)
    budgets = [parameters["TRIAL_BUDGET"] for parameters in played]
    assert budgets == [1] * 9 + [3] * 3 + [9] + [3] * 5 + [9] + [9] * 3 + [1] * 9
    first = sorted(played[:9], key=distance)[:3]
    assert [{**one, "TRIAL_BUDGET": 3} for one in first] == played[9:12]
    assert played[12] == {**first[0], "TRIAL_BUDGET": 9}


def test_several_at_once() -> None:
    """Another bracket begins where a round waits for its last trials; none of these is lost."""
    tuner = start(HyperbandTuner(seed=1, R=9))
    running = {number: tuner.generate_parameters(number) for number in range(12)}
    assert [one["TRIAL_BUDGET"] for one in running.values()] == [1] * 9 + [3] * 3
    for number, parameters in reversed(running.items()):
        tuner.receive_trial_result(number, parameters, distance(parameters))
        tuner.trial_end(number, success=True)
    best = sorted(list(running.values())[:9], key=distance)[:3]
    following = [tuner.generate_parameters(100 + number) for number in range(5)]
    assert following[:3] == [{**one, "TRIAL_BUDGET": 3} for one in best]
    assert [one["TRIAL_BUDGET"] for one in following[3:]] == [3, 3]


def test_failed_trials_are_not_promoted() -> None:
    """Where too many fail fewer go on, and where all do another bracket begins."""
    tuner = start(HyperbandTuner(seed=1, R=9))
    count = iter(range(100))
    played = play(tuner, 12, lambda one: distance(one) if next(count) == 4 else math.nan)
    assert played[9] == {**played[4], "TRIAL_BUDGET": 3}
    assert [one["TRIAL_BUDGET"] for one in played[10:]] == [3, 3]
    assert played[10] != played[9]


def test_a_small_space_ends() -> None:
    """When all of it has been tried, and the good ones have been promoted."""
    tuner = start(HyperbandTuner(seed=1, R=9), {"x": {"_type": "choice", "_value": [1, 2, 3, 4]}})
    played = play(tuner, 6, lambda one: one["x"])
    assert sorted(one["x"] for one in played[:4]) == [1, 2, 3, 4]
    assert played[4:] == [{"x": 1, "TRIAL_BUDGET": 3}, {"x": 2, "TRIAL_BUDGET": 3}]
    assert play(tuner, 2, lambda one: one["x"]) == [
        {"x": 3, "TRIAL_BUDGET": 3}, {"x": 1, "TRIAL_BUDGET": 9}
    ]  # fmt: skip
    with pytest.raises(NoMoreTrialError):
        tuner.generate_parameters(9)


def test_bohb_learns() -> None:
    """Its later trials are better than Hyperband's."""

    def late(tuner: Tuner) -> float:
        played = play(start(tuner), 120)[60:]
        return sum(distance(one) for one in played) / len(played)

    ours = [late(BOHBTuner(seed=seed, max_budget=9)) for seed in range(3)]
    others = [late(HyperbandTuner(seed=seed, R=9)) for seed in range(3)]
    assert max(ours) < 0.8 * min(others)


def test_wrong_arguments() -> None:
    """And a parameter that is called like the budget."""
    with pytest.raises(TunerError, match="exec_mode: expected parallelism or serial, found"):
        HyperbandTuner(exec_mode="x")
    with pytest.raises(TunerError, match="max_budget: expected an int from 9 on, found 3"):
        BOHBTuner(min_budget=9)
    with pytest.raises(TunerError, match="TRIAL_BUDGET: this tuner adds it"):
        start(HyperbandTuner(), {"TRIAL_BUDGET": SPACE["x0"]})
