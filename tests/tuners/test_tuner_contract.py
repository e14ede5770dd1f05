"""What every tuner keeps to, in every domain."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    Layer,
    LogNormal,
    LogUniform,
    MutableLayer,
    Normal,
    QLogNormal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import TUNERS, Tuner, TunerError, find_tuner, make_tuner
from objectives import cube, sphere

DOMAINS: dict[str, Domain] = {
    "choice": Choice(("a", "b", 1, 1.0, True, None)),
    "choice_of_numbers": Choice((16, 0.5, 10**400, 2, -1e300)),
    "choice_of_one": Choice(("only",)),
    "choice_of_lists": Choice(([1, 2], [1, 2, 3], {"deep": {"er": 1}})),
    "randint": RandInt(-3, 4),
    "randint_of_one": RandInt(5, 6),
    "randint_wide": RandInt(-(2**62), 2**62),
    "randint_wider": RandInt(-(10**308), 10**308),
    "uniform": Uniform(-1, 2.5),
    "uniform_of_one": Uniform(2, 2),
    "uniform_wide": Uniform(-1e308, 1e308),
    "uniform_narrow": Uniform(0, 5e-324),
    "loguniform": LogUniform(1e-5, 10),
    "loguniform_wide": LogUniform(1e-300, 1e300),
    "quniform": QUniform(0, 1, 0.1),
    "quniform_of_ints": QUniform(16, 250, 16),
    "quniform_of_one": QUniform(0.2, 0.3, 5),
    "qloguniform": QLogUniform(0.5, 1000, 0.5),
    "qloguniform_of_ints": QLogUniform(1, 10**9, 1),
    "normal": Normal(0, 2),
    "normal_wide": Normal(0, 1e308),
    "lognormal": LogNormal(-7, 2),
    "lognormal_wide": LogNormal(0, 1e6),
    "qnormal": QNormal(0, 10, 0.3),
    "qnormal_of_ints": QNormal(0, 10, 2),
    "qlognormal": QLogNormal(1, 2, 0.1),
    "qlognormal_of_ints": QLogNormal(1, 2, 1),
}
INTS = {name for name in DOMAINS if name.startswith("randint") or name.endswith("_of_ints")}

NESTED: dict[str, Domain] = {
    "nested": Choice(
        (
            "plain",
            Branch("conv", (("filters", RandInt(1, 9)), ("rate", LogUniform(1e-5, 10)))),
            Branch("empty", ()),
            Branch("dense", (("filters", RandInt(1, 5)), ("activation", Choice(("relu", None))))),
            [1, 2],
        )
    ),
    "two_levels": Choice(
        (
            Branch(
                "outer",
                (
                    ("inner", Choice((Branch("deep", (("q", QNormal(0, 10, 0.3)),)), 1, 1.0))),
                    ("outer", QUniform(16, 250, 16)),
                ),
            ),
            Branch("other", (("inner", Choice((Branch("deep", (("q", Normal(0, 2)),)),))),)),
        )
    ),
    "branches": Choice(
        (Branch("a", (("x", RandInt(0, 3)),)), Branch("b", (("x", RandInt(3, 5)),)))
    ),
    "empty_branches": Choice((Branch("a", ()), Branch("b", ()), "a")),
    "mutable_layer": MutableLayer(
        (
            Layer("mutable_layer_0", ("add_one()", "add_two()"), ("images", "x"), 1),
            Layer("mutable_layer_1", ("one()",), ("a", "b", "c"), (0, 2)),
            Layer("mutable_layer_2", ("f()", "g()"), (), 0),
        )
    ),
    "mutable_layer_in_a_branch": Choice(
        (None, Branch("net", (("cell", MutableLayer((Layer("l", ("f()",), ("a", "b"), 1),))),)))
    ),
}

SPACES = {
    **{name: SearchSpace({name: domain}) for name, domain in DOMAINS.items()},
    "all": SearchSpace(DOMAINS),
    "discrete": SearchSpace(
        {name: DOMAINS[name] for name in ("choice", "randint", "quniform", "choice_of_lists")}
    ),
    "none": SearchSpace({}),
    **{name: SearchSpace({name: domain}) for name, domain in NESTED.items()},
    "nested_all": SearchSpace({**NESTED, "uniform": DOMAINS["uniform"]}),
    "nested_discrete": SearchSpace({name: NESTED[name] for name in ("branches", "mutable_layer")}),
}


ONE_CHOICE = {"BatchTuner"}  # what takes a single choice of plain options only: see test_batch.py

# These learn nothing, PBTTuner at least nothing of what left no checkpoint, Hyperband and BOHB of
# what had no budget.
DEAF = {"Random", "GridSearch", "QMC", "PBTTuner", "Hyperband", "BOHB", "optuna:RandomSampler"}

CHECKPOINTS = Path("checkpoints")  # nothing is written there: tuners only name folders


def takes(name: str, space: SearchSpace) -> bool:
    plain = [
        isinstance(domain, Choice)
        and not any(isinstance(option, Branch) and option.parameters for option in domain.options)
        for domain in space.values()
    ]
    return name not in ONE_CHOICE or plain == [True]


OPTUNA = ["optuna:RandomSampler", "optuna:TPESampler"] if find_spec("optuna") else []
NAMES = [*TUNERS, *OPTUNA]
FEW = ["all", "discrete", "none", "nested_all", "nested_discrete"]  # of Optuna's, which take longer
CASES = {
    f"{name}-{key}": (name, key) for name in NAMES for key in (FEW if name in OPTUNA else SPACES)
}
TAKEN = {case: names for case, names in CASES.items() if takes(names[0], SPACES[names[1]])}
REFUSED = {case: names for case, names in CASES.items() if case not in TAKEN}


@pytest.fixture(params=[name for name in NAMES if name not in ONE_CHOICE])
def tuner_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=NAMES)
def any_tuner_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def start(name: str, space: SearchSpace, **keywords: Any) -> Tuner:
    tuner = find_tuner(name)(**{"seed": 3, **keywords})
    tuner.update_search_space(space.to_json())
    tuner.checkpoints = CHECKPOINTS
    return tuner


def ask(tuner: Tuner, trial: int) -> Parameters:
    return own(tuner, tuner.generate_parameters(trial))


def own(tuner: Tuner, parameters: Parameters) -> Parameters:
    """Those of the search space."""
    assert set(tuner.extra_keys) <= parameters.keys()
    return {key: value for key, value in parameters.items() if key not in tuner.extra_keys}


def objective(parameters: Parameters) -> float:
    """Some number between -1 and 1 that depends on every parameter, whatever they are."""
    return random.Random(json.dumps(parameters)).uniform(-1, 1)


def play(tuner: Tuner, trials: int, sign: int = 1) -> list[Parameters]:
    """Parameters of that many trials, or less where the tuner has no more; every fifth fails."""
    played: list[Parameters] = []
    for trial in range(trials):
        found = tuner.generate_multiple_parameters([trial])
        if not found:
            break
        parameters = own(tuner, found[0])
        played.append(parameters)
        if trial % 5 != 4:
            tuner.receive_trial_result(trial, parameters, sign * objective(parameters))
        tuner.trial_end(trial, success=trial % 5 != 4)
    return played


@pytest.mark.parametrize(("tuner_name", "key"), REFUSED.values(), ids=REFUSED)
def test_refuses_a_space_that_is_not_for_it(tuner_name: str, key: str) -> None:
    with pytest.raises(TunerError, match="takes one choice"):
        start(tuner_name, SPACES[key])


@pytest.mark.parametrize(("tuner_name", "key"), TAKEN.values(), ids=TAKEN)
def test_stays_in_the_space_with_plain_values(tuner_name: str, key: str) -> None:
    space = SPACES[key]
    played = play(start(tuner_name, space), 40)
    assert played
    for parameters in played:
        assert list(parameters) == list(space)
        assert space.contains(parameters)
        text = json.dumps(parameters, allow_nan=False)
        assert json.dumps(space.canonical(json.loads(text))) == text
        for key, value in parameters.items():
            domain = space[key]
            if key in NESTED:
                continue  # of one type and order, or its canonical text above would be another
            if isinstance(domain, Choice):
                assert json.dumps(value) in [json.dumps(option) for option in domain.options]
            else:
                assert type(value) is (int if key in INTS else float)


@pytest.mark.parametrize(("tuner_name", "key"), TAKEN.values(), ids=TAKEN)
def test_the_same_seed_and_calls_give_the_same(tuner_name: str, key: str) -> None:
    space = SPACES[key]
    played = play(start(tuner_name, space), 30)
    assert play(start(tuner_name, space), 30) == played


@pytest.mark.parametrize(("tuner_name", "key"), TAKEN.values(), ids=TAKEN)
def test_maximizing_is_minimizing_the_negative(tuner_name: str, key: str) -> None:
    space = SPACES[key]
    minimizing = start(tuner_name, space, optimize_mode="minimize")
    maximizing = start(tuner_name, space, optimize_mode="maximize")
    assert play(minimizing, 30) == play(maximizing, 30, sign=-1)


def test_another_seed_gives_something_else(tuner_name: str) -> None:
    one, other = (play(start(tuner_name, SPACES["all"], seed=seed), 3) for seed in (1, 2))
    assert one != other


def test_hash_seeds_do_not_matter(tuner_name: str) -> None:
    code = (
        f"import pathlib, sys; sys.path[:] = {sys.path!r}\n"
        "from nni_tuners import find_tuner\n"
        f"tuner = find_tuner({tuner_name!r})(seed=1)\n"
        f"tuner.update_search_space({SPACES['discrete'].to_json()!r})\n"
        "tuner.checkpoints = pathlib.Path('checkpoints')\n"
        "for trial in range(30):\n"
        "    parameters = tuner.generate_parameters(trial)\n"
        "    print(parameters)\n"
        "    tuner.receive_trial_result(trial, parameters, len(str(parameters)))\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0].count("\n") == 30
    assert printed[0] == printed[1]


def test_results_may_come_in_any_order(tuner_name: str) -> None:
    tuner, space = start(tuner_name, SPACES["all"]), SPACES["all"]
    order = random.Random(0)
    running: dict[int, Parameters] = {}
    for trial in range(60):
        running[trial] = ask(tuner, trial)
        assert space.contains(running[trial])
        while len(running) > 7:
            done = order.choice(list(running))
            parameters = running.pop(done)
            if order.random() < 0.3:
                tuner.trial_end(done, success=False)
            else:
                tuner.receive_trial_result(done, parameters, objective(parameters))
                tuner.trial_end(done, success=True)
    assert set(tuner.pending) == set(running)


@pytest.mark.parametrize("known", [0, 30])
def test_64_asks_at_once(tuner_name: str, known: int) -> None:
    tuner = start(tuner_name, SPACES["all"])
    play(tuner, known)
    many = tuner.generate_multiple_parameters(range(1000, 1064))
    assert all(SPACES["all"].contains(own(tuner, parameters)) for parameters in many)
    assert len({json.dumps(own(tuner, parameters)) for parameters in many}) == 64


def test_500_parameters(tuner_name: str) -> None:
    kinds = list(DOMAINS.values())
    space = SearchSpace({f"key{index}": kinds[index % len(kinds)] for index in range(500)})
    assert all(space.contains(parameters) for parameters in play(start(tuner_name, space), 12))


def test_all_trials_may_fail(tuner_name: str) -> None:
    tuner, space = start(tuner_name, SPACES["all"]), SPACES["all"]
    for trial in range(40):
        assert space.contains(ask(tuner, trial))
        tuner.trial_end(trial, success=False)
    assert not tuner.pending


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"default": math.nan}, 10**400])
def test_a_result_that_is_no_finite_number_is_a_failed_trial(tuner_name: str, value: Any) -> None:
    one, other = start(tuner_name, SPACES["all"]), start(tuner_name, SPACES["all"])
    for trial in range(30):
        parameters = ask(one, trial)
        assert ask(other, trial) == parameters
        if trial % 2:
            one.receive_trial_result(trial, parameters, value)
            other.trial_end(trial, success=False)
        else:
            one.receive_trial_result(trial, parameters, objective(parameters))
            other.receive_trial_result(trial, parameters, {"default": objective(parameters)})


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 40,
        [1e300 * (-1) ** step for step in range(40)],
        [1.7976931348623157e308 * (-1) ** step for step in range(40)],
        [5e-324 * step for step in range(40)],
        [1e300, *[float(step) for step in range(39)]],
        [-1e300, *[float(step) for step in range(39)]],
        [np.float32(0.25), np.float64(0.5), np.int64(3), *range(37)],
    ],
    ids=["ties", "huge", "largest", "smallest", "one huge", "one best", "numpy"],
)
def test_values_of_any_size(tuner_name: str, values: list[Any]) -> None:
    tuner, space = start(tuner_name, SPACES["all"]), SPACES["all"]
    for trial, value in enumerate(values):
        parameters = ask(tuner, trial)
        assert space.contains(parameters)
        tuner.receive_trial_result(trial, parameters, value)


def test_parameters_of_someone_else_are_learned(tuner_name: str) -> None:
    tuner = start(tuner_name, SPACES["discrete"])
    baseline = {"choice": None, "randint": 3, "quniform": 0.3, "choice_of_lists": [1, 2]}
    tuner.receive_trial_result(-1, baseline, 0.5)
    tuner.trial_end(-1, success=True)
    tuner.trial_end(-2, success=False)
    tuner.import_data([{"parameter": baseline, "value": {"default": 1}}] * 3)
    assert len(tuner.history) == 4
    assert len(play(tuner, 30)) == 30


def test_trials_of_someone_else_are_expected(tuner_name: str) -> None:
    tuner = start(tuner_name, SPACES["discrete"])
    known = {"choice": None, "randint": 3, "quniform": 0.3, "choice_of_lists": [1, 2]}
    for trial in (100, 101, 102):
        tuner.expect_trial(trial, known)
    tuner.trial_end(100, success=False)
    tuner.receive_trial_result(101, known, 0.5)
    assert np.isnan(tuner.history.losses).tolist() == [True, False]
    assert set(tuner.pending) == {102}
    assert len(play(tuner, 30)) == 30
    with pytest.raises(TunerError) as caught:
        tuner.expect_trial(103, {**known, "randint": 9})
    assert str(caught.value) == "randint: expected an int from -3 to 3, found 9"


def test_many_imported_results_are_learned(tuner_name: str) -> None:
    space = SPACES["all"]
    data = [
        {"parameter": parameters, "value": objective(parameters)}
        for parameters in play(start("Random", space), 200)
    ]
    tuner = start(tuner_name, space)
    tuner.import_data(json.loads(json.dumps(data)))
    assert len(tuner.history) == 200
    assert all(space.contains(parameters) for parameters in play(tuner, 20))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ONE_CHOICE | DEAF])
def test_suggestions_are_better_for_what_was_imported(name: str) -> None:
    """From the first on: no start of its own is left. The best is far from the middle."""

    def far(parameters: Parameters) -> float:
        return sphere({key: value - 2.5 for key, value in parameters.items()})

    space = cube(3)
    known = play(start("Random", space), 100)
    knowing, ignorant = start(name, space), start(name, space)
    knowing.import_data([{"parameter": found, "value": far(found)} for found in known])
    better, worse = (
        [far(found) for found in tuner.generate_multiple_parameters(range(9))]
        for tuner in (knowing, ignorant)
    )
    assert np.median(better) < 0.5 * np.median(worse)


def test_a_changed_space_keeps_what_lies_in_it(tuner_name: str) -> None:
    wide = SearchSpace({"x": Uniform(0, 1), "c": Choice(("a", "b"))})
    narrow = SearchSpace({"c": Choice(("b", "a", "new")), "x": Uniform(0, 0.5)})
    tuner = start(tuner_name, wide)
    for trial, x in enumerate([0.1, 0.9, 0.4]):
        tuner.receive_trial_result(trial, {"x": x, "c": "a"}, x)
    ask(tuner, 7)
    tuner.update_search_space(narrow)
    assert tuner.history.losses.tolist() == [0.1, 0.4]
    assert tuner.code.decode(tuner.history.rows[1]) == {"x": 0.4, "c": "a"}
    assert all(narrow.contains(parameters) for parameters in play(tuner, 15))


def test_a_changed_branch_keeps_what_lies_in_it(tuner_name: str) -> None:
    conv = Branch("conv", (("size", RandInt(1, 9)),))
    wide = SearchSpace({"c": Choice((Branch("empty", ()), conv))})
    narrow = SearchSpace({"c": Choice((Branch("conv", (("size", RandInt(1, 4)),)), 5))})
    tuner = start(tuner_name, wide)
    conv_of_3 = {"c": {"_name": "conv", "size": 3}}
    tuner.receive_trial_result(0, conv_of_3, 0.1)
    tuner.receive_trial_result(1, {"c": {"_name": "conv", "size": 8}}, 0.2)
    tuner.receive_trial_result(2, {"c": {"_name": "empty"}}, 0.3)
    tuner.update_search_space(narrow)
    assert tuner.history.losses.tolist() == [0.1]
    assert tuner.code.decode(tuner.history.rows[0]) == conv_of_3
    assert all(narrow.contains(parameters) for parameters in play(tuner, 15))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"c": {"_name": "a"}}, "c: a/x: expected a value, found none"),
        ({"c": {"_name": "a", "x": 5}}, "c: a/x: expected an int from 0 to 2, found 5"),
        ({"c": {"_name": "a", "x": 1, "y": 1}}, "c: a/y: no such key; expected _name, x"),
        (
            {"c": {"_name": "z"}},
            'c: expected one of {"_name": "a", ...}, {"_name": "b"}; found {"_name": "z"}',
        ),
    ],
)
def test_refuses_parameters_outside_a_branch(
    tuner_name: str, parameters: Parameters, message: str
) -> None:
    branches = (Branch("a", (("x", RandInt(0, 3)),)), Branch("b", ()))
    tuner = start(tuner_name, SearchSpace({"c": Choice(branches)}))
    with pytest.raises(TunerError) as caught:
        tuner.receive_trial_result(0, parameters, 1.0)
    assert str(caught.value) == message
    assert len(tuner.history) == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"x": 2.0, "c": "a"}, "x: expected a number from 0 to 1, found 2.0"),
        ({"x": 0.5, "c": "z"}, 'c: expected one of "a", "b"; found "z"'),
        ({"x": 0.5, "c": "a", "y": 1}, "y: no such parameter in the search space"),
        ({"x": 0.5}, "c: expected a value, found none"),
    ],
)
def test_refuses_parameters_outside_the_space(
    tuner_name: str, parameters: Parameters, message: str
) -> None:
    tuner = start(tuner_name, SearchSpace({"x": Uniform(0, 1), "c": Choice(("a", "b"))}))
    with pytest.raises(TunerError) as caught:
        tuner.receive_trial_result(0, parameters, 1.0)
    assert str(caught.value) == message
    good = {"parameter": {"x": 0.5, "c": "a"}, "value": 1}
    with pytest.raises(TunerError) as caught:
        tuner.import_data([good, {"parameter": parameters, "value": 1.0}])
    assert str(caught.value) == f"data[1]: {message}"
    assert len(tuner.history) == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.5", '"0.5"'),
        (None, "null"),
        (True, "true"),
        ({"accuracy": 1}, '{"accuracy": 1}'),
        ([0.5], "[0.5]"),
    ],
)
def test_refuses_a_result_that_is_no_number(tuner_name: str, value: object, shown: str) -> None:
    tuner = start(tuner_name, SearchSpace({"x": Uniform(0, 1)}))
    with pytest.raises(TunerError) as caught:
        tuner.receive_trial_result(0, {"x": 0.5}, value)
    assert (
        str(caught.value)
        == f'expected a number, or a dict with a number as "default"; found {shown}'
    )


def test_refuses_data_without_its_keys(tuner_name: str) -> None:
    tuner = start(tuner_name, SearchSpace({"x": Uniform(0, 1)}))
    with pytest.raises(TunerError) as caught:
        tuner.import_data([{"parameter": {"x": 0.5}}])
    assert str(caught.value) == "data[0]: expected a key 'value', found none"


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"optimize_mode": "max"},
            'optimize_mode: expected minimize or maximize, found "max"',
        ),
        ({"seed": -1}, "seed: expected an int from 0 on, or None; found -1"),
        ({"seed": "x"}, 'seed: expected an int from 0 on, or None; found "x"'),
    ],
)
def test_refuses_arguments_that_make_no_sense(
    any_tuner_name: str, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(TunerError) as caught:
        find_tuner(any_tuner_name)(**keywords)
    assert str(caught.value) == message


def test_its_own_arguments_are_taken_by_name(any_tuner_name: str) -> None:
    """And by no other name; what none of them can be, no tuner takes for one."""
    keywords: dict[str, Any] = {"optimize_mode": "maximize", "seed": 3}
    space = SPACES["choice" if any_tuner_name in ONE_CHOICE else "all"]
    defaults = find_tuner(any_tuner_name).arguments()
    made = make_tuner(any_tuner_name, defaults, **keywords)
    made.update_search_space(space)
    made.checkpoints = CHECKPOINTS
    assert play(made, 15) == play(start(any_tuner_name, space, optimize_mode="maximize"), 15)
    for name in defaults:
        with pytest.raises(TunerError, match=f"^{name}: expected .*, found {{}}$"):
            make_tuner(any_tuner_name, {name: {}}, **keywords)
    for name in ("seed", "optimize_mode", "nothing_like_it"):
        with pytest.raises(TunerError, match=f"^{name}: no such argument; expected "):
            make_tuner(any_tuner_name, {name: 1}, **keywords)


def test_asks_for_a_search_space_first(any_tuner_name: str) -> None:
    with pytest.raises(TunerError) as caught:
        find_tuner(any_tuner_name)().generate_parameters(0)
    assert str(caught.value) == "no search space yet: call update_search_space first"


def test_passes_on_what_is_wrong_with_a_search_space(any_tuner_name: str) -> None:
    with pytest.raises(SpaceError) as caught:
        find_tuner(any_tuner_name)().update_search_space(
            {"x": {"_type": "uniform", "_value": [1, 0]}}
        )
    assert str(caught.value) == "x: uniform needs low <= high, found 1 and 0"
