"""Evolution and RegularizedEvolution: who has children, who dies, and what children are."""

from __future__ import annotations

import json
from statistics import mode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    LogUniform,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import EvolutionTuner, RegularizedEvolutionTuner, Tuner, TunerError
from nni_tuners.encode import Code
from nni_tuners.mutation import mutants
from objectives import TRAINING, Maker, cube, share_of_random, sphere, training

FLAT: dict[str, Domain] = {
    "c": Choice(("a", "b", "c")),
    "two": Choice((1, 2)),
    "i": RandInt(0, 9),
    "bit": RandInt(0, 2),
    "q": QUniform(0, 1, 0.25),
    "coarse": QNormal(0, 1, 9),
    "steep": QLogUniform(0.5, 300, 0.5),
    "x": Uniform(0, 1),
    "lr": LogUniform(1e-5, 1),
    "one": Choice(("only",)),
    "five": RandInt(5, 6),
}
NESTED = SearchSpace(
    {
        "c": Choice(
            (
                Branch("a", (("x", Uniform(0, 1)), ("i", RandInt(0, 5)))),
                Branch("b", (("x", Uniform(0, 1)),)),
                "c",
            )
        ),
        "y": Uniform(0, 1),
    }
)


def children(space: SearchSpace, seed: int, count: int) -> tuple[Parameters, list[Parameters]]:
    code, rng = Code(space), np.random.default_rng(seed)
    row = code.canonical(code.draw(rng, 1)[0])
    return code.decode(row), [code.decode(child) for child in mutants(code, rng, row, count)]


def differing(one: Parameters, other: Parameters) -> list[str]:
    # What decoding an encoded number makes of it may differ in the last digit.
    return [
        key
        for key in one
        if (one[key] != pytest.approx(other[key]) if key in ("x", "lr") else one[key] != other[key])
    ]


@given(st.integers(0, 10**6))
def test_a_child_differs_in_one_parameter(seed: int) -> None:
    space = SearchSpace(FLAT)
    parent, many = children(space, seed, 20)
    for child in many:
        assert space.contains(child)
        assert len(differing(parent, child)) == 1


def test_every_parameter_with_a_second_value_is_changed_at_times() -> None:
    parent, many = children(SearchSpace(FLAT), 0, 200)
    changed = {key for child in many for key in differing(parent, child)}
    assert changed == FLAT.keys() - {"one", "five"}


@given(st.integers(0, 10**6))
def test_a_child_keeps_its_branch_or_gets_a_new_one_whole(seed: int) -> None:
    parent, many = children(NESTED, seed, 10)
    for child in many:
        assert NESTED.contains(child)
        if child["y"] == pytest.approx(parent["y"]):
            # The choice changed, or one parameter of its branch: never one that is not there.
            assert json.dumps(child["c"]) != json.dumps(parent["c"])
        else:
            assert child["c"] == pytest.approx(parent["c"])


def test_a_branch_that_comes_in_is_drawn() -> None:
    code, rng = Code(NESTED), np.random.default_rng(0)
    rows = mutants(code, rng, code.encode({"c": "c", "y": 0.5}), 400)
    values = [child["c"]["x"] for child in map(code.decode, rows) if isinstance(child["c"], dict)]
    assert len(values) > 100
    assert np.quantile(values, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.08)


def test_numbers_move_by_steps() -> None:
    code = Code(SearchSpace({"x": Uniform(0, 1)}))
    rows = mutants(code, np.random.default_rng(0), np.array([0.5]), 2000)
    assert np.std(rows) == pytest.approx(0.2, abs=0.02)


def test_a_space_without_second_values_has_no_other_children() -> None:
    space = SearchSpace({"one": FLAT["one"], "five": FLAT["five"]})
    parent, many = children(space, 0, 3)
    assert many == [parent] * 3


@pytest.mark.parametrize(
    ("make", "share"),
    [
        (lambda seed: EvolutionTuner(seed=seed), 0.9),
        (lambda seed: RegularizedEvolutionTuner(seed=seed, population_size=16, sample_size=4), 0.6),
    ],
    ids=["Evolution", "RegularizedEvolution"],
)
def test_beats_random(make: Maker, share: float) -> None:
    """The mean of the best values of 100 trials is at most that share of Random's."""
    for space, objective in ((cube(3), sphere), (TRAINING, training)):
        assert share_of_random(make, space, objective, 2, seeds=15, trials=100) < share


def import_line(tuner: Tuner, values: list[float]) -> None:
    """Results of these values, the first at x = 0, the second at x = 1 and so on."""
    tuner.update_search_space(SearchSpace({"x": RandInt(0, len(values)), "y": Uniform(0, 1)}))
    tuner.import_data(
        [{"parameter": {"x": x, "y": 0.5}, "value": value} for x, value in enumerate(values)]
    )


def parent_of_most(tuner: Tuner) -> int:
    """The x that most children have: half of them have that of their parent."""
    return mode(int(tuner.generate_parameters(trial)["x"]) for trial in range(60))


@given(st.permutations(range(30)), st.integers(2, 9), st.integers(0, 99))
def test_in_evolution_the_best_never_dies_and_the_worst_never_has_children(
    values: list[int], size: int, seed: int
) -> None:
    tuner = EvolutionTuner(seed=seed, population_size=size)
    import_line(tuner, list(map(float, values)))
    tuner.generate_parameters(0)
    assert len(tuner._population) == size
    assert values.index(0) in tuner._population
    worst = max(tuner._population, key=values.__getitem__)
    assert all(tuner._tournament()[0] != worst for _ in range(20))


def test_failed_trials_have_no_children_in_evolution() -> None:
    tuner = EvolutionTuner(seed=0, population_size=4)
    import_line(tuner, [float("nan")] * 20 + [1.0])
    tuner.generate_parameters(0)
    assert tuner._population == [20]


def test_in_regularized_evolution_the_oldest_die_however_good() -> None:
    """All of the population being in the sample, the parent is the best of the living."""
    tuner = RegularizedEvolutionTuner(seed=0, population_size=20, sample_size=1000)
    values = [0.0] * 5 + [50.0 - at for at in range(20)]
    values[14] = float("nan")
    import_line(tuner, values)
    # One of the last 20 failed, so the last of the good ones lives.
    assert parent_of_most(tuner) == 4
    tuner.receive_trial_result(-1, {"x": 7, "y": 0.5}, 60.0)
    assert parent_of_most(tuner) == 24


def test_regularized_evolution_is_random_until_it_has_a_population() -> None:
    tuner = RegularizedEvolutionTuner(seed=0, population_size=20)
    tuner.update_search_space({"x": {"_type": "uniform", "_value": [0, 20]}})
    found = []
    for trial in range(20):
        found.append(tuner.generate_parameters(trial)["x"])
        tuner.receive_trial_result(trial, {"x": found[-1]}, found[-1])
    assert sorted(map(int, found)) == list(range(20))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: EvolutionTuner(population_size=0),
            "population_size: expected an int from 1 on, found 0",
        ),
        (
            lambda: RegularizedEvolutionTuner(population_size=True),
            "population_size: expected an int from 1 on, found true",
        ),
        (
            lambda: RegularizedEvolutionTuner(sample_size=2.5),  # type: ignore[arg-type]
            "sample_size: expected an int from 1 on, found 2.5",
        ),
    ],
)
def test_refuses_arguments_that_make_no_sense(make: type[Tuner], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        make()
    assert str(caught.value) == message
