"""The synthetic problems: their optima are attained and never undercut, their halves are alike."""

from __future__ import annotations

from collections import Counter

import pytest

from axes import Kind, bell, choice, integers, log, log_bell, steps, uniform
from known import Known, draws
from nni_annotate.space import SearchSpace
from synthetic import SOLVED, SYNTHETIC, known_problems

KINDS = {
    "uniform": uniform(0, 3),
    "log": log(1e-4, 10),
    "bell": bell(1, 2),
    "log_bell": log_bell(0, 1),
    "integers": integers(2, 7),
    "steps": steps(0.2, 1, 0.2),
    "choice": choice(None, "a", 1, True),
}


@pytest.mark.parametrize("known", SOLVED, ids=lambda known: known.problem.name)
def test_the_best_is_attained_and_never_undercut(known: Known) -> None:
    problem = known.problem
    assert problem.space.contains(known.optimum)
    assert problem.value(known.optimum) == pytest.approx(problem.best, abs=1e-9)
    values = [problem.value(parameters) for parameters in draws(problem.space, 2000)]
    assert min(values) >= problem.best - 1e-9
    assert max(values) > problem.best


def test_values_are_the_same_each_time() -> None:
    for one, other in zip(SOLVED, known_problems(), strict=True):
        assert (one.optimum, one.problem.noise) == (other.optimum, other.problem.noise)
        for parameters in draws(one.problem.space, 20):
            assert one.problem.value(parameters) == other.problem.value(parameters)


def test_names_differ_and_both_halves_have_as_many_of_each_family() -> None:
    assert len({problem.name for problem in SYNTHETIC}) == len(SYNTHETIC)
    halves = Counter((problem.family, problem.held_out) for problem in SYNTHETIC)
    for family in {problem.family for problem in SYNTHETIC}:
        assert halves[family, False] == halves[family, True]
    assert {problem.family for problem in SYNTHETIC if problem.noise} == {"noise"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("target", [-4.9, -0.7, 0.0, 2.5, 4.99])
def test_coordinates_stay_inside_and_one_value_has_the_target(kind: Kind, target: float) -> None:
    axis = kind(target)
    space = SearchSpace({"x": axis.domain})
    assert space.contains({"x": axis.best})
    assert axis.place(axis.best) == pytest.approx(target, abs=1e-9)
    for parameters in draws(space, 100):
        assert abs(axis.place(parameters["x"])) <= 5 + 1e-9


@pytest.mark.parametrize("name", ["uniform", "log", "bell", "log_bell", "integers", "steps"])
def test_coordinates_grow_with_the_values(name: str) -> None:
    axis = KINDS[name](1.0)
    values = sorted(parameters["x"] for parameters in draws(SearchSpace({"x": axis.domain}), 50))
    places = [axis.place(value) for value in values]
    assert places == sorted(places)
