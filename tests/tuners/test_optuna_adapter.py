"""Optuna's samplers as tuners: what the contract doesn't say of them."""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import pytest

from nni_annotate.domains import Branch, Choice, LogUniform, Normal, QUniform, RandInt, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import Tuner, TunerError, find_tuner, make_tuner, official_name

optuna = pytest.importorskip("optuna")

SPACE = SearchSpace(
    {
        "c": Choice(("a", Branch("b", (("depth", RandInt(1, 4)),)))),
        "q": QUniform(0, 1, 0.25),
        "lr": LogUniform(1e-4, 1),
        "n": Normal(0, 1),
        "wide": RandInt(0, 10**9),
    }
)
A = {"c": "a", "q": 0.5, "lr": 0.01, "n": 0.0, "wide": 7}
B = {**A, "c": {"_name": "b", "depth": 3}}


def started(name: str = "optuna:RandomSampler", **keywords: Any) -> Tuner:
    tuner = find_tuner(name)(**{"seed": 1, **keywords})
    tuner.update_search_space(SPACE)
    return tuner


def trials(tuner: Tuner) -> list[Any]:
    """Those of the study, once the tuner has been asked again."""
    tuner.generate_parameters(999)
    found: list[Any] = tuner._study.trials  # type: ignore[attr-defined]
    return found[:-1]


def states(tuner: Tuner) -> list[tuple[str, float | None]]:
    return [(trial.state.name, trial.value) for trial in trials(tuner)]


def test_the_study_has_every_trial() -> None:
    """In the order in which it came to know them; losses are always minimised."""
    tuner = started(optimize_mode="maximize")
    given = tuner.generate_multiple_parameters(range(4))
    tuner.receive_trial_result(1, given[1], 0.75)
    tuner.trial_end(1, success=True)
    tuner.trial_end(2, success=False)
    tuner.receive_trial_result(3, given[3], float("nan"))
    tuner.receive_trial_result(-1, A, 2)
    tuner.import_data([{"parameter": B, "value": -0.5}])
    assert states(tuner) == [
        ("RUNNING", None), ("COMPLETE", -0.75), ("FAIL", None), ("FAIL", None),
        ("COMPLETE", -2.0), ("COMPLETE", 0.5),
    ]  # fmt: skip


def test_a_failed_trial_of_someone_else_is_one_of_the_study() -> None:
    tuner = started()
    tuner.expect_trial(7, A)
    tuner.trial_end(7, success=False)
    assert states(tuner) == [("FAIL", None)]


def test_two_trials_of_the_same_parameters_are_two() -> None:
    """Each is told of its own result."""
    tuner = find_tuner("optuna:RandomSampler")(seed=1)
    tuner.update_search_space(SearchSpace({"c": Choice(("only",))}))
    one, two = tuner.generate_multiple_parameters([1, 2])
    assert one == two
    tuner.receive_trial_result(2, two, 2.0)
    tuner.receive_trial_result(1, one, 1.0)
    assert sorted(states(tuner)) == [("COMPLETE", 1.0), ("COMPLETE", 2.0)]


def test_what_optuna_sees() -> None:
    """Indices of options and values, quantiles; parameters of the chosen branch only."""
    tuner = started()
    tuner.import_data([{"parameter": A, "value": 1}, {"parameter": B, "value": 1}])
    of_a, of_b = trials(tuner)
    assert of_a.params == {
        "0: c": 0, "2: q": 2, "3: lr": pytest.approx(0.5), "4: n": pytest.approx(0.5),
        "5: wide": pytest.approx(7.5e-9),
    }  # fmt: skip
    assert of_b.params == {**of_a.params, "0: c": 1, "1: depth": 2}
    assert [type(kind).__name__ for kind in of_b.distributions.values()] == [
        "CategoricalDistribution", "IntDistribution", "IntDistribution", "FloatDistribution",
        "FloatDistribution", "FloatDistribution",
    ]  # fmt: skip


def test_a_sampler_learns_from_results() -> None:
    """After some results TPESampler stays near to the good ones."""
    tuner = find_tuner("optuna:tpe")(seed=1)
    tuner.update_search_space(SearchSpace({"x": Uniform(0, 1), "y": Uniform(0, 1)}))
    results = [
        {
            "parameter": {"x": x / 10, "y": y / 10},
            "value": (x / 10 - 0.3) ** 2 + (y / 10 - 0.3) ** 2,
        }
        for x in range(11)
        for y in range(11)
    ]
    tuner.import_data(results)
    suggested = tuner.generate_multiple_parameters(range(20))
    assert sum(abs(found["x"] - 0.3) < 0.2 for found in suggested) > 15


@pytest.mark.parametrize("name", ["NSGAII", "NSGAIII", "QMC", "CmaEs", "GP"])
def test_other_samplers(name: str) -> None:
    """Those whose needs are met here stay in the space; the others say what they need."""
    try:
        tuner = started(f"optuna:{name}")
    except TunerError as error:
        assert str(error).startswith("needs what is not installed: pip install ")  # noqa: PT017
        return
    for trial in range(14):
        parameters = tuner.generate_parameters(trial)
        assert SPACE.contains(parameters)
        tuner.receive_trial_result(trial, parameters, parameters["n"])


def test_it_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """And leaves alone how Optuna talks to others."""
    level = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        started("optuna:TPESampler", constant_liar=True).generate_parameters(0)
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "official"),
    [
        ("optuna:TPESampler", "optuna:TPESampler"),
        ("Optuna:tpesampler", "optuna:TPESampler"),
        ("optuna:random", "optuna:RandomSampler"),
        ("optuna:gp", "optuna:GPSampler"),
    ],
)
def test_names(name: str, official: str) -> None:
    assert official_name(name) == official
    assert find_tuner(name) is find_tuner(official)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optuna:TPESampla", "; found optuna:TPESampla; did you mean optuna:TPESampler?"),
        ("optuna:GridSampler", "; found optuna:GridSampler; did you mean optuna:"),
        ("optuna:", "; found optuna:"),
    ],
)
def test_says_which_samplers_there_are(name: str, message: str) -> None:
    """Those that need an argument which only Python can give are none of them."""
    with pytest.raises(TunerError) as caught:
        find_tuner(name)
    text = str(caught.value)
    assert text.startswith("expected a tuner out of auto, ")
    assert "optuna:TPESampler" in text
    assert message in text


def test_arguments_are_those_of_the_sampler() -> None:
    keywords: dict[str, Any] = {"optimize_mode": "minimize", "seed": 1}
    tuner = make_tuner("optuna:TPE", {"n_startup_trials": 3, "multivariate": False}, **keywords)
    assert "n_startup_trials" in tuner.arguments()
    with pytest.raises(TunerError, match="n_startup: no such argument; expected one of "):
        make_tuner("optuna:TPE", {"n_startup": 3}, **keywords)
    with pytest.raises(TunerError, match="option can only be enabled"):
        make_tuner("optuna:TPE", {"group": True, "multivariate": False}, **keywords)
    with pytest.raises(TunerError, match="seed: no such argument; expected none"):
        make_tuner("optuna:Random", {"seed": 3}, **keywords)


@pytest.mark.parametrize(
    ("name", "argument", "value", "expected"),
    [
        ("TPE", "n_startup_trials", "x", "an int"),
        ("TPE", "n_startup_trials", True, "an int"),
        ("TPE", "n_startup_trials", 1.5, "an int"),
        ("TPE", "constant_liar", 1, "true or false"),
        ("NSGAII", "population_size", None, "an int"),
        ("NSGAII", "crossover_prob", "x", "a number"),
        ("NSGAII", "mutation_prob", "x", "a number or null"),
    ],
)
def test_an_argument_is_of_its_type(name: str, argument: str, value: Any, expected: str) -> None:
    """Said at once: the sampler itself may find out after many trials."""
    with pytest.raises(TunerError) as caught:
        find_tuner(f"optuna:{name}")(**{argument: value})
    assert str(caught.value) == f"{argument}: expected {expected}, found {json.dumps(value)}"


def test_arguments_that_are_no_plain_values_are_not_taken() -> None:
    known = find_tuner("optuna:NSGAII").arguments()
    assert known["mutation_prob"] is None
    assert "mutation" not in known
    assert "constraints_func" not in known


def test_a_whole_number_is_a_number() -> None:
    started("optuna:NSGAII", crossover_prob=1).generate_parameters(0)


def test_parameters_are_plain_values() -> None:
    """No numpy types: they become JSON."""
    for trial in range(9):
        json.dumps(started(seed=trial).generate_parameters(trial))


def test_without_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "nni_tuners.optuna_adapter", raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TunerError) as caught:
        find_tuner("optuna:TPESampler")
    assert str(caught.value).endswith(": pip install optuna")
    assert find_tuner("TPE")
