"""The grid: which values, in which order, each combination once, finer ones, and an end."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    Layer,
    LogUniform,
    MutableLayer,
    Normal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import GridSearchTuner, NoMoreTrialError, TunerError, grid_search
from nni_tuners.grid_search import bisection, coarse_to_fine

EPSILON = 2.0**-52
DISCRETE = SearchSpace(
    {"c": Choice(("a", None, 1, 1.0)), "i": RandInt(-1, 2), "q": QUniform(0.1, 0.5, 0.1)}
)


def started(space: SearchSpace, **keywords: int) -> GridSearchTuner:
    tuner = GridSearchTuner(**keywords)  # type: ignore[arg-type]
    tuner.update_search_space(space)
    return tuner


def all_of(tuner: GridSearchTuner) -> list[Parameters]:
    grid = tuner.generate_multiple_parameters(range(100_000))
    assert len(grid) < 100_000
    return grid


def first_of(tuner: GridSearchTuner, count: int) -> list[Parameters]:
    grid = tuner.generate_multiple_parameters(range(count))
    assert len(grid) == count
    return grid


def values(domain: Domain, count: int, **keywords: int) -> list[object]:
    """The first values, or all of them where there are no more."""
    tuner = started(SearchSpace({"x": domain}), **keywords)
    return [found["x"] for found in tuner.generate_multiple_parameters(range(count))]


def assert_rounds(found: list[Any], expected: list[list[float]]) -> None:
    """These values in rounds, in any order within one."""
    assert len(found) == sum(map(len, expected))
    for each in expected:
        assert sorted(found[: len(each)]) == pytest.approx(sorted(each))
        found = found[len(each) :]


def test_a_discrete_space_gives_each_combination_once_and_ends() -> None:
    tuner = started(DISCRETE)
    grid = [json.dumps(parameters) for parameters in all_of(tuner)]
    assert len(grid) == len(set(grid)) == 4 * 3 * 5
    assert all(DISCRETE.contains(json.loads(parameters)) for parameters in grid)
    for _ in range(2):
        with pytest.raises(NoMoreTrialError) as caught:
            tuner.generate_parameters(0)
        assert str(caught.value) == "every combination of the grid has been tried"


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (Uniform(0, 8), [[4], [0, 8], [2, 6]]),
        (LogUniform(1e-4, 1), [[1e-2], [1e-4, 1], [1e-3, 1e-1]]),
        (RandInt(0, 5), [[2], [0, 4], [1, 3]]),
        (RandInt(0, 1_000_000), [[500_000], [0, 999_999], [250_000, 750_000]]),
        (QUniform(0, 1, 0.25), [[0.5], [0, 1], [0.25, 0.75]]),
        (Normal(0, 1), [[0], [-1.2815515655, 1.2815515655], [-0.5244005127, 0.5244005127]]),
    ],
)
def test_the_values_of_one_parameter(domain: Domain, expected: list[list[float]]) -> None:
    assert_rounds(values(domain, 5), expected)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (QNormal(0, 1, 10), [[0]]),
        (Uniform(3, 3), [[3]]),
        (Choice((3, 1)), [[1, 3]]),
        (Choice((3, 0.1, 20)), [[3], [0.1, 20]]),
        (Uniform(0, 5e-324), [[0], [5e-324]]),
        (
            Uniform(1, 1 + 4 * EPSILON),
            [[1 + step * EPSILON for step in steps] for steps in ((2,), (0, 4), (1, 3))],
        ),
    ],
)
def test_ends_when_a_parameter_has_no_more_values(
    domain: Domain, expected: list[list[float]]
) -> None:
    assert_rounds(values(domain, 10), expected)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (Uniform(0, 8), [[1, 3, 5, 7], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]]),
        (LogUniform(1e-4, 1), [[10**-3.5, 10**-2.5, 10**-1.5, 10**-0.5]]),
        (RandInt(0, 1_000_000), [[125_000, 375_000, 625_000, 875_000]]),
        # At 1/20, 1/5, 2/5, 3/5, 4/5 and 19/20.
        (Normal(0, 1), [[-1.6448536, -0.8416212, -0.2533471, 0.2533471, 0.8416212, 1.6448536]]),
    ],
)
def test_when_the_grid_is_done_gaps_are_halved(domain: Domain, expected: list[list[float]]) -> None:
    assert_rounds(values(domain, 5 + sum(map(len, expected)))[5:], expected)


@pytest.mark.parametrize("points", [1, 2, 5, 7])
@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (RandInt(-3, 300), list(range(-3, 300))),
        (QUniform(0, 1000, 4), list(range(0, 1001, 4))),
        # Half of all draws round to 1, and few to the largest.
        (QLogUniform(1, 500, 1), list(range(1, 501))),
    ],
)
def test_finer_grids_have_every_value_in_the_end(
    domain: Domain, expected: list[int], points: int
) -> None:
    found = values(domain, 1000, points=points)
    assert sorted(found) == expected  # type: ignore[type-var]


def test_a_finer_grid_comes_when_all_of_the_coarser_one_was_there() -> None:
    space = SearchSpace({"x": Uniform(0, 4), "i": RandInt(0, 60), "c": Choice(("a", "b"))})
    grid = first_of(started(space), 1200)
    assert {found["x"] for found in grid[:600]} == {0, 1, 2, 3, 4}
    assert {found["x"] for found in grid[600:1080]} == {0.5, 1.5, 2.5, 3.5}
    assert {found["x"] for found in grid[1080:]} <= {0.25 + 0.5 * step for step in range(8)}
    assert len({json.dumps(found) for found in grid}) == 1200


def test_only_the_branches_with_values_in_between_get_finer() -> None:
    space = SearchSpace({"c": Choice((Branch("x", (("x", Uniform(0, 4)),)), "plain"))})
    grid = first_of(started(space), 1000)
    assert sum(found["c"] == "plain" for found in grid) == 1


def test_the_number_of_values_can_be_chosen() -> None:
    assert_rounds(values(Uniform(0, 8), 5, points=1), [[4], [0, 8], [2, 6]])
    assert_rounds(values(Uniform(0, 8), 5, points=3), [[4], [0, 8], [2, 6]])
    assert_rounds(values(Uniform(0, 8), 4, points=4), [[8 / 3], [0, 8], [16 / 3]])
    # Bisected by number, or five of them first.
    assert_rounds(values(RandInt(0, 50), 5), [[24], [0, 49], [12, 36]])
    assert_rounds(values(RandInt(0, 50), 5, max_values=49), [[25], [0, 49], [12, 37]])


def test_coarse_steps_come_before_fine_ones() -> None:
    grid = first_of(started(SearchSpace({"x": Uniform(0, 4), "c": Choice(("a", "b"))})), 10)
    assert_rounds([found["x"] for found in grid], [[2, 2], [0, 0, 4, 4], [1, 1, 3, 3]])
    assert len({json.dumps(found) for found in grid}) == 10


def test_the_order_within_a_round_is_random() -> None:
    """After a few trials of many combinations no parameter still has its first value only."""
    space = SearchSpace({f"x{index}": Choice(tuple(range(5))) for index in range(12)})
    for size in (4, 12):
        few = SearchSpace(dict(list(space.items())[:size]))
        grid = first_of(started(few, seed=1), 40)
        assert all(len({found[key] for found in grid}) > 2 for key in few)
        assert grid == first_of(started(few, seed=1), 40)


def test_rounds_of_many_combinations_are_whole_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_search, "LISTED", 30)  # of three parameters: some come at random
    grid = [json.dumps(found) for found in all_of(started(DISCRETE, seed=3))]
    assert len(grid) == len(set(grid)) == 4 * 3 * 5


def test_what_is_known_is_not_generated_again() -> None:
    tuner = started(DISCRETE)
    tuner.receive_trial_result(77, {"c": 1.0, "i": 0, "q": 0.3}, 0.5)
    tuner.import_data([{"parameter": {"c": "a", "i": 1, "q": 0.5}, "value": 1}])
    grid = all_of(tuner)
    assert len(grid) == 4 * 3 * 5 - 2
    assert {"c": "a", "i": 1, "q": 0.5} not in grid
    assert not any(
        p["i"] == 0 and p["q"] == 0.30000000000000004 and type(p["c"]) is float for p in grid
    )


def test_a_baseline_of_floats_on_the_grid_is_not_generated_again() -> None:
    space = SearchSpace({"x": Uniform(0.1, 0.7), "y": LogUniform(1e-5, 0.3)})
    grid = first_of(started(space, seed=1), 60)
    tuner = started(space, seed=1)
    for parameters in grid[:40]:
        tuner.receive_trial_result(-1, json.loads(json.dumps(parameters)), 0)
    assert first_of(tuner, 20) == grid[40:]


def test_no_parameters_are_one_combination() -> None:
    assert all_of(started(SearchSpace({}))) == [{}]


def test_500_parameters_are_begun_without_listing_them() -> None:
    space = SearchSpace({f"x{index}": Uniform(0, 1) for index in range(500)})
    grid = started(space).generate_multiple_parameters(range(20))
    assert grid[0] == {f"x{index}": 0.5 for index in range(500)}
    assert len({json.dumps(parameters) for parameters in grid}) == 20


def test_the_parameters_of_a_branch_are_combined_where_it_is_chosen() -> None:
    inner = Choice((Branch("p", (("x", RandInt(0, 2)),)), "q"))
    outer = Choice((Branch("one", (("x", RandInt(0, 3)), ("inner", inner))), Branch("none", ()), 7))
    grid = all_of(started(SearchSpace({"outer": outer, "c": Choice(("a", "b"))})))
    ones = [
        {"_name": "one", "x": x, "inner": chosen}
        for x in range(3)
        for chosen in ({"_name": "p", "x": 0}, {"_name": "p", "x": 1}, "q")
    ]
    expected = [{"outer": chosen, "c": c} for chosen in [*ones, {"_name": "none"}, 7] for c in "ab"]
    assert Counter(map(json.dumps, grid)) == Counter(map(json.dumps, expected))
    # Coarse steps first: of ints from 0 to 2 that is 1, of 0 and 1 that is 0.
    coarse = {"_name": "one", "x": 1, "inner": {"_name": "p", "x": 0}}
    assert {"outer": coarse, "c": "a"} in grid[: 2 * 4]


def test_a_mutable_layer_has_every_layer_with_every_subset() -> None:
    layers = MutableLayer(
        (Layer("l0", ("f()", "g()"), ("x", "y"), (0, 2)), Layer("l1", ("h()",), ("x", "y"), 1))
    )
    grid = [json.dumps(found["block"]) for found in all_of(started(SearchSpace({"block": layers})))]
    expected = [
        {
            "l0": {"chosen_layer": layer, "chosen_inputs": inputs},
            "l1": {"chosen_layer": "h()", "chosen_inputs": [name]},
        }
        for layer in ("f()", "g()")
        for inputs in ([], ["x"], ["y"], ["x", "y"])
        for name in "xy"
    ]
    assert sorted(grid) == sorted(map(json.dumps, expected))


def test_branches_do_not_multiply_each_other() -> None:
    """200 combinations, and 40 * 5 ** 40 of all columns."""
    branches = tuple(Branch(f"b{index}", (("x", RandInt(0, 5)),)) for index in range(40))
    grid = [json.dumps(found) for found in all_of(started(SearchSpace({"c": Choice(branches)})))]
    assert len(grid) == len(set(grid)) == 200


def test_a_known_branch_is_not_generated_again() -> None:
    branch = Branch("deep", (("x", RandInt(0, 3)), ("y", QUniform(0, 1, 0.5))))
    tuner = started(SearchSpace({"c": Choice((branch, Branch("empty", ())))}))
    tuner.receive_trial_result(-1, {"c": {"_name": "empty"}}, 1.0)
    tuner.receive_trial_result(-2, {"c": {"y": 0.5, "x": 1.0, "_name": "deep"}}, 1.0)
    grid = [found["c"] for found in all_of(tuner)]
    assert len(grid) == 8
    assert {"_name": "empty"} not in grid
    assert {"_name": "deep", "x": 1, "y": 0.5} not in grid


@pytest.mark.parametrize("name", ["points", "max_values"])
def test_refuses_a_grid_of_nothing(name: str) -> None:
    with pytest.raises(TunerError) as caught:
        started(SearchSpace({}), **{name: 0})
    assert str(caught.value) == f"{name}: expected an int from 1 on, found 0"


@given(st.integers(1, 200))
def test_bisection_has_every_index_once(count: int) -> None:
    rounds = bisection(count)
    assert sorted(itertools.chain(*rounds)) == list(range(count))
    assert len(rounds) <= math.log2(count) + 2


@given(
    st.lists(
        st.lists(st.integers(1, 3), min_size=1, max_size=3),  # values a round
        max_size=4,
    )
)
def test_coarse_to_fine_has_every_combination_once(shape: list[list[int]]) -> None:
    axes = [
        [[10.0 * turn + step for step in range(size)] for turn, size in enumerate(axis)]
        for axis in shape
    ]
    rounds = [list(added) for added in itertools.zip_longest(*axes, fillvalue=[])] or [[]]
    found = list(coarse_to_fine(rounds, [None] * len(axes), np.random.default_rng(0)))
    everything = itertools.product(*(itertools.chain(*axis) for axis in axes))
    assert Counter(found) == Counter(everything)
    # A combination's round is that of its finest value.
    turns = [
        max((int(number // 10) for number in combination if number is not None), default=0)
        for combination in found
    ]
    assert turns == sorted(turns)
