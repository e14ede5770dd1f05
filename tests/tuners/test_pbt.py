"""PBTTuner: whose turn it is, who goes on from whom, and how parameters change on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    LogNormal,
    LogUniform,
    Normal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import PBTTuner, TunerError
from nni_tuners.encode import Code
from nni_tuners.exploration import explored

SPACE = SearchSpace({"x": Uniform(0, 1)})


def started(space: SearchSpace = SPACE, **arguments: Any) -> PBTTuner:
    tuner = PBTTuner(**{"seed": 0, "all_checkpoint_dir": "/c", **arguments})
    tuner.update_search_space(space)
    return tuner


def ask(tuner: PBTTuner, count: int, first: int = 0) -> list[Parameters]:
    return tuner.generate_multiple_parameters(range(first, first + count))


def moves(suggested: list[Parameters]) -> list[tuple[str, str]]:
    """From which checkpoint to which, MEMBER/STEP."""
    keys = ("load_checkpoint_dir", "save_checkpoint_dir")
    load, save = ([found[key].removeprefix("/c/") for found in suggested] for key in keys)
    return list(zip(load, save, strict=True))


def test_each_step_goes_on_where_the_last_one_ended() -> None:
    """The first one finds nothing to load; the parameters stay."""
    tuner = started(population_size=1)
    found = []
    for trial in range(3):
        found += ask(tuner, 1, trial)
        tuner.receive_trial_result(trial, found[-1], 1.0)
    assert moves(found) == [("0/0", "0/1"), ("0/1", "0/2"), ("0/2", "0/3")]
    assert found[0]["x"] == found[1]["x"] == found[2]["x"]


def test_the_next_is_who_waits_with_the_fewest_steps() -> None:
    tuner = started(population_size=3)
    found = ask(tuner, 3)
    for trial in (2, 0):
        tuner.receive_trial_result(trial, found[trial], 1.0)
    assert [save for _, save in moves(ask(tuner, 2, 3))] == ["0/2", "2/2"]
    tuner.receive_trial_result(4, found[2], 1.0)
    tuner.receive_trial_result(1, found[1], 1.0)
    assert [save for _, save in moves(ask(tuner, 2, 5))] == ["1/2", "2/3"]


def test_the_population_grows_where_all_members_run() -> None:
    assert [save for _, save in moves(ask(started(population_size=2), 4))] == [
        "0/1", "1/1", "2/1", "3/1",
    ]  # fmt: skip


@given(st.permutations(range(10)), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, 99))
def test_the_worst_go_on_from_the_best(losses: list[int], fraction: float, seed: int) -> None:
    """And no other does; never are there more of the worst than there are others."""
    tuner = started(fraction=fraction, seed=seed, factor=0.001, resample_probability=0)
    first = ask(tuner, 10)
    for trial, loss in enumerate(losses):
        tuner.receive_trial_result(trial, first[trial], float(loss))
    cut = min(round(fraction * 10), 5)
    second = ask(tuner, 10, 10)
    for member, (load, save) in enumerate(moves(second)):
        source = int(load.removesuffix("/1"))
        assert save == f"{member}/2"
        if losses[member] < 10 - cut:
            assert source == member
            assert second[member]["x"] == first[member]["x"]
        else:
            assert losses[source] < cut
            assert second[member]["x"] == pytest.approx(first[source]["x"], rel=0.0011)
            assert second[member]["x"] != first[source]["x"]


def test_the_worst_go_on_from_any_of_the_best() -> None:
    sources = set()
    for seed in range(20):
        tuner = started(seed=seed)
        for trial, found in enumerate(ask(tuner, 10)):
            tuner.receive_trial_result(trial, found, float(trial))
        sources |= {load for load, _ in moves(ask(tuner, 10, 10))[8:]}
    assert sources == {"0/1", "1/1"}


def test_a_failed_step_is_tried_again_from_the_best_checkpoint() -> None:
    """Which may be its own; where there is none it begins once more, with other parameters."""
    tuner = started(population_size=2)
    one, other = ask(tuner, 2)
    tuner.trial_end(0, success=False)
    tuner.receive_trial_result(1, other, float("nan"))
    again = ask(tuner, 2, 2)
    assert moves(again) == [("0/0", "0/2"), ("1/0", "1/2")]
    assert {found["x"] for found in again}.isdisjoint({one["x"], other["x"]})
    tuner.receive_trial_result(2, again[0], 1.0)
    tuner.trial_end(3, success=False)
    third = ask(tuner, 2, 4)
    assert moves(third) == [("0/2", "0/3"), ("0/2", "1/3")]
    assert third[0]["x"] == again[0]["x"] != third[1]["x"]
    tuner.trial_end(4, success=False)
    [fourth] = ask(tuner, 1, 6)
    assert moves([fourth]) == [("0/2", "0/4")]
    assert fourth["x"] != again[0]["x"]


def test_results_bear_the_folders_or_not() -> None:
    one, other = started(), started()
    for trial in range(40):
        [found], [same] = ask(one, 1, trial), ask(other, 1, trial)
        assert found == same
        one.receive_trial_result(trial, found, found["x"])
        other.receive_trial_result(trial, {"x": found["x"]}, found["x"])
    one.import_data([{"parameter": found, "value": 1}])
    one.expect_trial(99, found)
    assert len(one.history) == 41


def test_another_search_space_begins_with_other_members() -> None:
    tuner = started(population_size=2)
    ask(tuner, 2)
    tuner.update_search_space({"x": {"_type": "uniform", "_value": [0, 2]}})
    assert moves(ask(tuner, 1, 2)) == [("2/0", "2/1")]
    tuner.receive_trial_result(0, {"x": 0.5}, 1.0)
    assert moves(ask(tuner, 1, 3)) == [("3/0", "3/1")]


def test_a_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials run elsewhere."""
    monkeypatch.setenv("HOME", "/home/me")
    for written, meant in (("some", Path.cwd() / "some"), ("~/some", Path("/home/me/some"))):
        [found] = ask(started(all_checkpoint_dir=written), 1)
        assert found["save_checkpoint_dir"] == str(meant / "0" / "1")


NUMBERS: dict[str, tuple[Domain, float, set[float]]] = {
    "uniform": (Uniform(-10, 10), 5.0, {4.0, 6.0}),
    "uniform_negative": (Uniform(-10, 10), -5.0, {-4.0, -6.0}),
    "uniform_at_its_end": (Uniform(0, 5), 4.5, {3.6, 5.0}),
    "loguniform": (LogUniform(1e-5, 1), 1e-3, {0.8e-3, 1.2e-3}),
    "loguniform_at_its_end": (LogUniform(1e-3, 1), 1.1e-3, {1e-3, 1.32e-3}),
    "normal": (Normal(0, 1), 3.0, {2.4, 3.6}),
    "lognormal": (LogNormal(0, 1), 0.5, {0.4, 0.6}),
    "randint": (RandInt(0, 1000), 100, {80, 120}),
    "randint_small": (RandInt(0, 9), 2, {1, 3}),
    "randint_zero": (RandInt(-5, 5), 0, {-1, 1}),
    "randint_at_its_end": (RandInt(0, 3), 0, {0, 1}),
    "quniform": (QUniform(0, 1, 0.25), 0.5, {0.25, 0.75}),
    "quniform_at_its_end": (QUniform(0, 1, 0.25), 1.0, {0.75, 1.0}),
    "quniform_fine": (QUniform(0, 100, 1), 50, {40, 60}),
    "qloguniform": (QLogUniform(1, 1000, 1), 100, {80, 120}),
    "qnormal": (QNormal(0, 10, 2), 4, {2, 6}),
    "choice": (Choice((1, 2)), 2, {2}),
    "ordered_choice": (Choice((1, 64, 8)), 8, {1, 64}),
    "ordered_choice_of_many": (
        Choice(tuple(2**power for power in range(20))),
        2**10,
        {2**8, 2**12},
    ),
}


@pytest.mark.parametrize(("domain", "value", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_multiplied_or_moves_to_its_neighbour(
    domain: Domain, value: float, expected: set[float]
) -> None:
    code, rng = Code(SearchSpace({"x": domain})), np.random.default_rng(0)
    row = code.encode({"x": value})
    found = {code.decode(explored(code, rng, row, 0.2, 0))["x"] for _ in range(30)}
    assert sorted(found) == pytest.approx(sorted(expected))


BRANCHES = SearchSpace(
    {
        "c": Choice((Branch("a", (("x", Uniform(0, 1)),)), Branch("b", (("y", RandInt(0, 99)),)))),
        "z": Uniform(0, 1),
    }
)


@given(st.integers(0, 10**6))
def test_a_branch_that_comes_in_is_drawn(seed: int) -> None:
    code, rng = Code(BRANCHES), np.random.default_rng(seed)
    row = code.encode({"c": {"_name": "a", "x": 0.5}, "z": 0.5})
    kept = code.decode(explored(code, rng, row, 0.2, 0))
    assert kept["c"] == {"_name": "a", "x": pytest.approx(0.4 if kept["c"]["x"] < 0.5 else 0.6)}
    assert BRANCHES.contains(code.decode(explored(code, rng, row, 0.2, 0.5)))


def test_resampling_draws_from_the_prior() -> None:
    code, rng = Code(BRANCHES), np.random.default_rng(0)
    row = code.encode({"c": {"_name": "a", "x": 0.5}, "z": 0.5})
    found = [code.decode(explored(code, rng, row, 0.2, 1)) for _ in range(400)]
    quantiles = np.quantile([parameters["z"] for parameters in found], [0.1, 0.5, 0.9])
    assert quantiles == pytest.approx([0.1, 0.5, 0.9], abs=0.08)
    assert np.mean([parameters["c"]["_name"] == "b" for parameters in found]) == pytest.approx(
        0.5, abs=0.08
    )


STEPS, RATE = 40, 0.1
TOY = SearchSpace({"h": Choice(([1, 0], [0, 1]))})


def toy_step(theta: tuple[float, float], h: list[int]) -> tuple[float, float]:
    """Goes up the surrogate 1.2 - (h0 theta0^2 + h1 theta1^2)."""
    one, other = (value - RATE * weight * value for value, weight in zip(theta, h, strict=True))
    return one, other


def toy_value(theta: tuple[float, float]) -> float:
    return 1.2 - theta[0] ** 2 - theta[1] ** 2


def test_it_reaches_what_no_fixed_parameters_do() -> None:
    """The paper's figure 2: each h moves one of the two parameters of the model only."""
    fixed = []
    for h in ([1, 0], [0, 1]):
        theta = (0.9, 0.9)
        for _ in range(STEPS):
            theta = toy_step(theta, h)
        fixed.append(toy_value(theta))
    assert max(fixed) < 0.4
    for seed in range(10):
        tuner = started(TOY, seed=seed, optimize_mode="maximize")
        saved: dict[str, tuple[float, float]] = {}
        for step in range(STEPS):
            trials = range(10 * step, 10 * step + 10)
            for trial, found in zip(trials, ask(tuner, 10, trials[0]), strict=True):
                theta = toy_step(saved.get(found["load_checkpoint_dir"], (0.9, 0.9)), found["h"])
                saved[found["save_checkpoint_dir"]] = theta
                tuner.receive_trial_result(trial, found, toy_value(theta))
        assert max(map(toy_value, saved.values())) > 1.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"all_checkpoint_dir": 5}, "all_checkpoint_dir: expected a folder, found 5"),
        ({"all_checkpoint_dir": ""}, 'all_checkpoint_dir: expected a folder, found ""'),
        (
            {"all_checkpoint_dir": "~nobody-there/c"},
            'all_checkpoint_dir: expected a folder, found "~nobody-there/c"',
        ),
        ({"population_size": 0}, "population_size: expected an int from 1 on, found 0"),
        ({"factor": 1}, "factor: expected a number between 0 and 1, found 1"),
        (
            {"resample_probability": 1.5},
            "resample_probability: expected a number from 0 to 1, found 1.5",
        ),
        (
            {"resample_probability": True},
            "resample_probability: expected a number from 0 to 1, found true",
        ),
        ({"fraction": 0}, "fraction: expected a number between 0 and 1, found 0"),
    ],
)
def test_refuses_arguments_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        PBTTuner(**arguments)
    assert str(caught.value) == message


def test_asks_for_a_folder() -> None:
    tuner = started(all_checkpoint_dir=None)
    for _ in range(2):
        with pytest.raises(TunerError) as caught:
            tuner.generate_parameters(0)
        message = "all_checkpoint_dir: expected a folder for checkpoints, found none"
        assert str(caught.value) == message
    assert not tuner.pending


def test_refuses_a_parameter_of_the_name_of_a_folder() -> None:
    with pytest.raises(TunerError) as caught:
        started(SearchSpace({"save_checkpoint_dir": Uniform(0, 1)}))
    message = "save_checkpoint_dir: PBTTuner adds this; expected another name"
    assert str(caught.value) == message
