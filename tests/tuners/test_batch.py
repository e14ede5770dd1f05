"""Batch: every parameter set once, in order, and no other search space."""

from __future__ import annotations

import pytest

from nni_annotate.domains import Branch, Choice, Domain, RandInt
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import BatchTuner, NoMoreTrialError, TunerError

SETS = [{"optimizer": "adam", "lr": 0.1 / 10**at} for at in range(4)]
SPACE = SearchSpace({"combine_params": Choice(tuple(SETS))})


def started() -> BatchTuner:
    tuner = BatchTuner()
    tuner.update_search_space(SPACE)
    return tuner


def the(at: int) -> Parameters:
    return {"combine_params": SETS[at]}


def test_runs_the_sets_in_order_and_each_once() -> None:
    tuner = started()
    first = tuner.generate_parameters(0)
    assert first == the(0)
    tuner.trial_end(0, success=False)  # and so not again either
    assert tuner.generate_multiple_parameters(range(1, 9)) == [the(1), the(2), the(3)]
    tuner.receive_trial_result(2, the(2), 0.5)
    with pytest.raises(NoMoreTrialError) as caught:
        tuner.generate_parameters(9)
    assert str(caught.value) == "every option has been tried"


def test_what_is_known_is_not_run() -> None:
    tuner = started()
    tuner.receive_trial_result(-1, the(0), 0.5)
    tuner.import_data([{"parameter": the(2), "value": 0.5}])
    assert tuner.generate_multiple_parameters(range(9)) == [the(1), the(3)]


def test_a_changed_space_adds_sets() -> None:
    tuner = started()
    for trial in range(3):
        tuner.receive_trial_result(trial, tuner.generate_parameters(trial), trial)
    tuner.update_search_space(SearchSpace({"combine_params": Choice(("new", *SETS))}))
    many = tuner.generate_multiple_parameters(range(3, 9))
    assert many == [{"combine_params": "new"}, the(3)]


def test_a_trial_gets_the_set_itself_and_any_other_option_by_its_key() -> None:
    """As from NNI: the key is never there where the option is a set of parameters."""
    tuner = started()
    assert tuner.given(the(1), {}) == SETS[1]
    assert tuner.given({"combine_params": "new"}, {}) == {"combine_params": "new"}


EXPECTED = "BatchTuner takes one choice, whose options are sets of parameters"


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({}, f"{EXPECTED}; found 0 parameters"),
        ({"a": Choice((1, 2)), "b": Choice((1, 2))}, f"{EXPECTED}; found 2 parameters"),
        ({"i": RandInt(0, 3)}, f"i: {EXPECTED}; found randint"),
        (
            {"c": Choice((1, Branch("b", (("x", RandInt(0, 3)),))))},
            f"c: {EXPECTED}; found an option with a search space of its own",
        ),
    ],
)
def test_refuses_other_spaces(domains: dict[str, Domain], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        BatchTuner().update_search_space(SearchSpace(domains))
    assert str(caught.value) == message
