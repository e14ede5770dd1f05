"""The problems whose models are fitted for every trial."""

from __future__ import annotations

import pytest

from known import draws
from problem import Problem

fitted = pytest.importorskip("fitted", reason="needs scikit-learn")
PROBLEMS: list[Problem] = fitted.FITTED


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_random_trials_differ_are_repeatable_and_no_better_than_the_best_known(
    problem: Problem,
) -> None:
    drawn = list(draws(problem.space, 20))
    losses = [problem.value(problem.space.canonical(parameters)) for parameters in drawn]
    assert len(set(losses)) > 3
    assert min(losses) >= problem.best > 0
    assert [problem.value(parameters) for parameters in drawn[:3]] == losses[:3]


def test_half_of_the_problems_are_held_out_and_share_no_data() -> None:
    held_out = {problem.name for problem in PROBLEMS if problem.held_out}
    others = {problem.name for problem in PROBLEMS} - held_out
    assert len(held_out) == len(others)
    data = [{name.rpartition("-")[2] for name in names} for names in (held_out, others)]
    assert not data[0] & data[1]


def test_weights_that_overflow_have_the_worst_loss() -> None:
    net = next(problem for problem in PROBLEMS if problem.name == "fitted/net-friedman3")
    settings = {
        "hidden": 40, "learning_rate_init": 1.0, "momentum": 0.99, "alpha": 1.0,
        "batch_size": 8, "max_iter": 10, "activation": "relu",
    }  # fmt: skip
    assert net.value(settings) == 3


def test_a_setting_that_scikit_learn_refuses_is_an_error() -> None:
    tree = next(problem for problem in PROBLEMS if problem.name == "fitted/tree-friedman2")
    with pytest.raises(ValueError, match="max_depth"):
        tree.value({"max_depth": -1})
