"""What has been tried is not tried again, by any tuner that has a choice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import Branch, Choice, MutableLayer, QUniform, RandInt, Uniform
from nni_annotate.hierarchy import Layer
from nni_annotate.space import SearchSpace
from nni_tuners import TUNERS, RandomTuner, Tuner
from nni_tuners.encode import MAX_LISTED, Code
from nni_tuners.novelty import distances, untried

REPEATS = {"Random", "PBTTuner", "Hyperband", "BOHB", "BatchTuner", "GridSearch"}  # two have tests
SPACE = SearchSpace(
    {
        "c": Choice(("a", "b", Branch("deep", (("x", RandInt(0, 3)),)))),
        "i": RandInt(0, 2),
        "q": QUniform(0.5, 1.5, 1),
        "layer": MutableLayer((Layer("l", ("f()",), ("a",), (0, 1)),)),
    }
)
SIZE = 5 * 2 * 3 * 2


def started(name: str, space: SearchSpace) -> Tuner:
    tuner = TUNERS[name](seed=0)
    tuner.update_search_space(space)
    return tuner


@pytest.mark.parametrize("name", [name for name in TUNERS if name not in REPEATS])
def test_a_small_space_is_tried_whole_before_any_repeat(name: str) -> None:
    """With results, failures and trials that still run."""
    tuner = started(name, SPACE)
    seen = []
    for trial in range(SIZE):
        parameters = tuner.generate_parameters(trial)
        seen.append(json.dumps(parameters))
        if trial % 3:
            tuner.receive_trial_result(trial, parameters, parameters["i"])
        if trial % 5 == 0:
            tuner.trial_end(trial, success=False)
    assert len(set(seen)) == SIZE
    assert json.dumps(tuner.generate_parameters(SIZE)) in seen


@pytest.mark.parametrize("name", [name for name in TUNERS if name not in REPEATS])
def test_a_large_discrete_space_sees_no_repeats(name: str) -> None:
    space = SearchSpace({f"i{index}": RandInt(0, 9) for index in range(4)})
    assert Code(space).size == 9**4 > MAX_LISTED
    tuner = started(name, space)
    seen = set()
    for trial in range(80):
        parameters = tuner.generate_parameters(trial)
        seen.add(json.dumps(parameters))
        tuner.receive_trial_result(trial, parameters, sum(parameters.values()))
    assert len(seen) == 80


def test_the_untried_row_most_like_the_first_candidate_is_taken() -> None:
    tuner = RandomTuner(seed=0)
    tuner.update_search_space({"i": {"_type": "randint", "_value": [0, 10]}})
    for trial, i in enumerate([4, 5, 6]):
        tuner.receive_trial_result(trial, {"i": i}, 1.0)
    row = untried(tuner, tuner.code.encode({"i": 5})[None])
    assert tuner.code.decode(row)["i"] in (3, 7)
    best = untried(tuner, tuner.code.encode({"i": 5})[None], score=lambda rows: rows[:, 0])
    assert tuner.code.decode(best) == {"i": 9}
    fresh = np.array([tuner.code.encode({"i": i}) for i in (5, 0, 9)])
    assert tuner.code.decode(untried(tuner, fresh)) == {"i": 0}


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(0, 4),
)
def test_listed_rows_are_all_there_are_and_each_once(sizes: list[int], options: int) -> None:
    domains = {f"i{index}": RandInt(0, size) for index, size in enumerate(sizes)}
    branch = Branch("b", (("x", RandInt(0, 3)),))
    choice = {"c": Choice((branch, *range(options)))} if options else {}
    code = Code(SearchSpace({**choice, **domains}))
    assert code.listed is not None
    assert len(code.listed) == code.size == np.prod(sizes) * (3 + options if options else 1)
    assert len(np.unique(code.listed, axis=0)) == code.size
    assert all((code.canonical(row) == row).all() for row in code.listed)


def test_spaces_that_are_large_or_endless_are_not_listed() -> None:
    assert Code(SearchSpace({"x": Uniform(0, 1)})).listed is None
    assert Code(SearchSpace({"i": RandInt(0, MAX_LISTED + 1)})).listed is None
    listed = Code(SearchSpace({"i": RandInt(0, MAX_LISTED)})).listed
    assert listed is not None
    assert len(listed) == MAX_LISTED


def test_another_option_is_as_far_as_the_ends_of_a_number() -> None:
    code = Code(SearchSpace({"c": Choice(tuple("abcd")), "x": Uniform(0, 1)}))
    rows = np.array([[0, 0.25], [3, 0.25], [1, 1.0]])
    assert distances(code, rows, np.array([0, 0.0])).tolist() == [0.25, 1.25, 2.0]
