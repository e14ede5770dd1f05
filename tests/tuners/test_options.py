"""Options that are drawn: when, which, and that no branch is given up for its first trials."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nni_annotate.domains import Branch, Choice, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import AutoTuner, GPTuner, RandomTuner, TPETuner, Tuner
from nni_tuners.options import FIRST, SHARE, drawn_options, with_options

NUMBERS = SearchSpace({"x": Uniform(0, 1), "only": Choice(("one",))})
MIXED = SearchSpace({"a": Choice(("p", "q")), "x": Uniform(0, 1), "b": Choice(("r", "s", "t"))})
INNER = Choice((Branch("v", (("z", Uniform(0, 1)),)), Branch("w", ())))
NESTED = SearchSpace(
    {"plain": Choice((1, 2)), "m": Choice((Branch("p", (("n", INNER),)), Branch("q", ())))}
)


def after_trials(space: SearchSpace, count: int = FIRST) -> Tuner:
    """A tuner that has had so many trials, the last of which still runs."""
    tuner = RandomTuner(seed=0)
    tuner.update_search_space(space)
    for trial in range(count):
        parameters = tuner.generate_parameters(trial)
        if trial < count - 1:
            tuner.receive_trial_result(trial, parameters, 0)
    return tuner


def draws(space: SearchSpace, count: int) -> list[dict[int, float]]:
    tuner = after_trials(space)
    return [drawn_options(tuner) for _ in range(count)]


def test_the_first_trials_go_without() -> None:
    tuner = after_trials(MIXED, FIRST - 1)
    assert [drawn_options(tuner) for _ in range(20)] == [{}] * 20


def test_without_a_choice_nothing_is_drawn() -> None:
    tuner = after_trials(NUMBERS)
    before = tuner.rng.bit_generator.state
    assert drawn_options(tuner) == {}
    assert tuner.rng.bit_generator.state == before


def test_without_branches_it_is_one_option_of_one_choice() -> None:
    found = Counter(tuple(options.items()) for options in draws(MIXED, 6000))
    assert found.pop(()) / 6000 == pytest.approx(1 - SHARE, abs=0.03)
    assert set(found) == {((0, 0),), ((0, 1),), ((2, 0),), ((2, 1),), ((2, 2),)}
    assert found[((0, 0),)] == pytest.approx(6000 * SHARE / 4, rel=0.2)
    assert found[((2, 2),)] == pytest.approx(6000 * SHARE / 6, rel=0.2)


def test_branches_are_drawn_together() -> None:
    found = {tuple(sorted(options)) for options in draws(NESTED, 100)}
    assert found == {(), (1, 2)}


def test_rows_get_the_options() -> None:
    rows = np.array([[0, 0.5, 1], [1, 0.25, 2]])
    given = with_options(rows, {0: 1, 2: 0})
    assert given.tolist() == [[1, 0.5, 0], [1, 0.25, 0]]
    assert rows[0, 0] == 0
    assert (with_options(rows, {}) == rows).all()


@pytest.mark.parametrize("kind", [AutoTuner, GPTuner, TPETuner])
def test_no_branch_is_given_up_for_its_first_trials(kind: type[Tuner]) -> None:
    """One branch is far better from the start, the others are looked at again nevertheless."""
    branches = tuple(Branch(name, ((f"x{name}", Uniform(0, 1)),)) for name in "abc")
    later: Counter[str] = Counter()
    for seed in range(3):
        tuner = kind(seed=seed)
        tuner.update_search_space(SearchSpace({"m": Choice(branches)}))
        for trial in range(FIRST + 50):
            model = tuner.generate_parameters(trial)["m"]
            name = model["_name"]
            tuner.receive_trial_result(
                trial, {"m": model}, model[f"x{name}"] ** 2 + (0 if name == "a" else 5)
            )
            if trial >= FIRST:
                later[name] += 1
    assert min(later.values()) >= 3 * 3
    assert 3 * 12 <= later["b"] + later["c"] <= 3 * 30
