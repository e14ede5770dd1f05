"""QMC: that it fills the space, whatever comes back."""

from __future__ import annotations

import math

import pytest

from nni_annotate.domains import Branch, Choice, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import QMCTuner
from objectives import cube


@pytest.mark.parametrize("batch", [1, 4])
def test_any_number_of_trials_is_spread(batch: int) -> None:
    """16 in the sixteenths of the first parameter, 9 in the ninths of the second, and again."""
    tuner, found = QMCTuner(seed=1), []
    tuner.update_search_space(cube(2))
    for first in range(0, 144, batch):
        found += tuner.generate_multiple_parameters(range(first, first + batch))
    for key, cells in (("x0", 16), ("x1", 9)):
        for first in range(0, 144, cells):
            values = [parameters[key] for parameters in found[first : first + cells]]
            assert sorted(math.floor((x + 5) / 10 * cells) for x in values) == list(range(cells))


def test_branches_are_spread_too() -> None:
    branches = tuple(Branch(name, (("x", Uniform(0, 1)),)) for name in "abcd")
    tuner = QMCTuner(seed=0)
    tuner.update_search_space(SearchSpace({"c": Choice(branches)}))
    many = [tuner.generate_parameters(trial)["c"]["_name"] for trial in range(40)]
    assert {name: many.count(name) for name in "abcd"} == dict.fromkeys("abcd", 10)


def test_results_change_nothing() -> None:
    one, other = QMCTuner(seed=1), QMCTuner(seed=1)
    one.update_search_space(cube(2))
    other.update_search_space(cube(2))
    for trial in range(20):
        parameters = one.generate_parameters(trial)
        assert other.generate_parameters(trial) == parameters
        one.receive_trial_result(trial, parameters, parameters["x0"])
