"""The tuners with a Gaussian process: what they make of results, and how far they get."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import Choice, Uniform
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import AutoTuner, GPTuner, RandomTuner, Tuner, TunerError
from nni_tuners.encode import Code
from nni_tuners.features import Features
from nni_tuners.surrogate import CAP, Surrogate, standardised
from objectives import (
    BRANCHES,
    MODELS,
    TRAINING,
    Objective,
    best_of,
    branched,
    cube,
    models,
    rosenbrock,
    share_of_failures,
    share_of_random,
    sphere,
    training,
)

LOSSES = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=2, max_size=30).filter(
    lambda losses: not all(map(math.isnan, losses))
)
KINDS = pytest.mark.parametrize("kind", [GPTuner, AutoTuner])


@given(LOSSES)
def test_standardised_keeps_the_order(losses: list[float]) -> None:
    values = standardised(np.array(losses))
    assert np.isfinite(values).all()
    assert values.mean() == pytest.approx(0, abs=1e-9)
    assert values.std() == pytest.approx(1) or not values.any()
    worst = max(values)
    for loss, value in zip(losses, values, strict=True):
        assert value == worst or not math.isnan(loss)
    finite = sorted(
        (loss, value) for loss, value in zip(losses, values, strict=True) if not math.isnan(loss)
    )
    assert [value for _, value in finite] == sorted(value for _, value in finite)


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=30), st.integers(-50, 50))
def test_units_do_not_matter(losses: list[int], exponent: int) -> None:
    values = np.array(losses, dtype=float)
    scaled = standardised(values * 2.0**exponent)
    np.testing.assert_allclose(scaled, standardised(values), atol=1e-9)


def test_one_terrible_result_does_not_hide_the_others() -> None:
    values = standardised(np.array([1.0, 2, 3, 4, 5, 1e9]))
    gaps = np.diff(values)
    assert gaps[:4] == pytest.approx(np.full(4, gaps[0]))
    assert gaps[4] == pytest.approx(gaps[0] * (2.5 * CAP - 1.5))


def test_features_are_as_far_apart_as_options_differ() -> None:
    code = Code(SearchSpace({"x": Uniform(0, 1), "c": Choice(("a", "b", "c")), "y": Uniform(0, 1)}))
    points = Features(code).of(np.array([[0.0, 0, 0.5], [1, 0, 0.5], [0, 1, 0.5], [0, 2, 0.5]]))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    assert apart[0] == pytest.approx([0, 1, 1, 1])
    assert apart[2, 3] == pytest.approx(1)


@KINDS
@pytest.mark.parametrize(
    ("space", "objective", "batch", "share"),
    [
        (cube(5), sphere, 1, 0.005),
        (cube(2), rosenbrock, 4, 0.15),
        (TRAINING, training, 4, 0.01),
        (BRANCHES, branched, 1, 0.01),
        (MODELS, models, 1, 0.6),
    ],
    ids=["sphere", "rosenbrock", "training", "branches", "models"],
)
def test_beats_random(
    kind: type[Tuner], space: SearchSpace, objective: Objective, batch: int, share: float
) -> None:
    """The mean of the best values is at most that share of Random's."""
    found = share_of_random(lambda seed: kind(seed=seed), space, objective, batch, seeds=3)
    assert found < share


@KINDS
def test_learns_from_failed_trials(kind: type[Tuner]) -> None:
    told, untold = (
        share_of_failures(lambda seed: kind(seed=seed), 40, told=told) for told in (True, False)
    )
    assert told < 0.5 * untold


@KINDS
def test_noise_does_not_hold_it(kind: type[Tuner]) -> None:
    rng = np.random.default_rng(0)

    def noisy(parameters: Parameters) -> float:
        return sphere(parameters) + 3 * rng.normal()

    tuner = kind(seed=0)
    best_of(tuner, cube(3), noisy, 1)
    late = [sphere(tuner.code.decode(row)) for row in tuner.history.rows[40:]]
    assert float(np.median(late)) < 8  # random points: 36


@KINDS
def test_goes_on_from_imported_results(kind: type[Tuner]) -> None:
    """Among its first trials are better ones than all of them, and than its own from nothing."""
    space, random = cube(3), RandomTuner(seed=1)
    best_of(random, space, sphere, 1, 20)
    rows, losses = random.history.rows, random.history.losses
    data = [
        {"parameter": random.code.decode(row), "value": loss}
        for row, loss in zip(rows, losses.tolist(), strict=True)
    ]
    knowing, ignorant = kind(seed=2), kind(seed=2)
    ignorant.update_search_space(space)
    knowing.update_search_space(space)
    knowing.import_data(data)
    found = best_of(knowing, space, sphere, 1, 5)  # the space is no other: what is known stays
    assert len(knowing.history) == 25
    assert found < 0.2 * losses.min()
    assert found < 0.2 * best_of(ignorant, space, sphere, 1, 5)


@pytest.mark.parametrize("number", [0, -1, 2.5, True])
def test_refuses_a_start_that_is_none(number: int) -> None:
    with pytest.raises(TunerError) as caught:
        GPTuner(cold_start_num=number)
    assert str(caught.value).startswith("cold_start_num: expected an int from 1 on, found ")


@pytest.mark.parametrize("utility", ["poi", "ucb"])
def test_beats_random_by_other_utilities(utility: str) -> None:
    found = share_of_random(
        lambda seed: GPTuner(seed=seed, utility=utility, kappa=2), cube(2), sphere, seeds=2
    )
    assert found < 0.05


KNOWN = (0.1, 0.2, 0.3, 0.4, 0.5, 1.0)


def after_a_parabola(**keywords: Any) -> GPTuner:
    """A tuner to which KNOWN is known of a parabola that is least between two of them."""
    tuner = GPTuner(seed=0, cold_start_num=5, **keywords)
    tuner.update_search_space(SearchSpace({"x": Uniform(0, 1)}))
    for trial, x in enumerate(KNOWN):
        tuner.receive_trial_result(trial, {"x": x}, (x - 0.35) ** 2)
    return tuner


def gap(**keywords: Any) -> float:
    """How far from what is known it tries."""
    found = float(after_a_parabola(**keywords).generate_parameters(10)["x"])
    return min(abs(found - x) for x in KNOWN)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"utility": "ucb", "kappa": 0}, {"utility": "ucb", "kappa": 1e3}),
        ({"utility": "ei"}, {"utility": "ei", "xi": 5.0}),
        ({"utility": "poi"}, {"utility": "poi", "xi": 5.0}),
    ],
)
def test_kappa_and_xi_explore(less: dict[str, Any], more: dict[str, Any]) -> None:
    assert gap(**less) < 0.1
    assert gap(**more) > 0.2


def test_alpha_is_noise_at_least() -> None:
    """The more of it there may be, the less a result is taken at its word."""
    tuners = [GPTuner(alpha=alpha, cold_start_num=5) for alpha in (1e-6, 1.0)]
    for tuner in tuners:
        tuner.update_search_space(SearchSpace({"x": Uniform(0, 1)}))
        for trial, x in enumerate([0.0, 0.25, 0.5, 0.75, 1.0]):
            tuner.receive_trial_result(trial, {"x": x}, 2 * x)
    errors = []
    for tuner in tuners:
        expected = Surrogate(tuner, tuner.alpha).learn()
        errors.append(np.abs(expected.predict(expected.rows)[0] - expected.values).max())
    assert errors[0] < 0.1 < errors[1]


def test_chooses_what_is_most_worth_trying_and_untried() -> None:
    tuner = after_a_parabola()
    assert tuner.choose(np.array([[0.45], [0.35], [0.01]])) == [0.35]
    assert tuner.choose(np.array([[0.3], [0.4], [0.05]])) == [0.05]


def test_auto_meets_every_option_before_it_learns() -> None:
    tuner = AutoTuner(seed=0)
    tuner.update_search_space(SearchSpace({"c": Choice(tuple(range(5))), "x": Uniform(0, 1)}))
    rng = np.random.default_rng(0)
    met = set()
    for trial in range(10):
        parameters = tuner.generate_parameters(trial)
        met.add(parameters["c"])
        tuner.receive_trial_result(trial, parameters, float(rng.normal()))
    assert met == set(range(5))


def test_takes_what_nni_takes() -> None:
    tuner = GPTuner(
        optimize_mode="maximize",
        utility="ucb",
        kappa=5.0,
        xi=0.0,
        nu=1.5,
        alpha=1e-6,
        cold_start_num=10,
        selection_num_warm_up=100000,
        selection_num_starting_points=250,
    )
    tuner.update_search_space(cube(2))
    assert cube(2).contains(tuner.generate_parameters(0))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"utility": "pi"}, 'utility: expected ei, ucb or poi, found "pi"'),
        ({"kappa": -1}, "kappa: expected a number from 0 on, found -1"),
        ({"xi": "0"}, 'xi: expected a number from 0 on, found "0"'),
        ({"nu": True}, "nu: expected a number from 0 on, found true"),
        ({"alpha": math.nan}, "alpha: expected a number from 0 on, found NaN"),
        ({"alpha": math.inf}, "alpha: expected a number from 0 on, found Infinity"),
        ({"selection_num_warm_up": 0}, "selection_num_warm_up: expected an int from 1 on, found 0"),
    ],
)
def test_refuses_arguments_of_another_kind(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        GPTuner(**keywords)
    assert str(caught.value) == message


def test_members_of_a_tuner_see_all_its_trials_also_in_a_changed_space() -> None:
    leader, member = RandomTuner(seed=1), GPTuner(seed=2)
    leader.update_search_space(cube(2))
    member.follow(leader)
    parameters = leader.generate_parameters(0)
    assert member.pending is leader.pending
    leader.receive_trial_result(0, parameters, 1.0)
    assert len(member.history) == 1
    tuner = AutoTuner(seed=3)
    tuner.update_search_space(cube(2))
    best_of(tuner, cube(3), sphere, 1, 20)
    assert all(cube(3).contains(tuner.generate_parameters(trial)) for trial in range(100, 104))
