"""What every assessor keeps to."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pytest

from made_up_curves import curves
from nni_tuners import ASSESSORS, Assessor, AssessResult, TunerError, assessor_name, make_assessor

STEPS = 30
NEEDED: dict[str, dict[str, Any]] = {"Curvefitting": {"epoch_num": STEPS}}
DEFAULTS = {name: {**NEEDED.get(name, {})} for name in ASSESSORS}


@pytest.fixture(params=ASSESSORS)
def name(request: pytest.FixtureRequest) -> str:
    """Each of them."""
    found: str = request.param
    return found


def make(name: str, mode: str = "maximize", **arguments: Any) -> Assessor:
    """One with the arguments that it has to have."""
    return make_assessor(name, {**DEFAULTS[name], "optimize_mode": mode, **arguments})


def play(assessor: Assessor, histories: list[list[Any]], stops: bool = True) -> list[int | None]:
    """The step at which each trial was first found to be Bad, one trial after the other."""
    found: list[int | None] = []
    for trial, history in enumerate(histories):
        bad = None
        for step in range(1, len(history) + 1):
            answer = assessor.assess_trial(trial, history[:step])
            assert isinstance(answer, AssessResult)
            assert bool(assessor.reason) == (answer is AssessResult.Bad)
            if answer is AssessResult.Bad:
                bad = bad or step
                if stops:
                    break
        assessor.trial_end(trial, bad is None or not stops)
        found.append(bad)
    return found


GOOD, POOR = curves("clean", seed=0, trials=30), [0.01 * math.sqrt(step) for step in range(STEPS)]


def test_a_poor_trial_is_bad_and_the_best_is_good(name: str) -> None:
    """In either direction."""
    best = max(GOOD, key=lambda curve: curve[-1])
    for mode, sign in (("maximize", 1), ("minimize", -1)):
        assessor = make(name, mode)
        play(assessor, [[sign * value for value in curve] for curve in GOOD], stops=False)
        poor, good = ([sign * value for value in curve] for curve in (POOR, best))
        assert play(assessor, [poor])[0] is not None
        assert play(assessor, [good]) == [None]


def test_maximizing_is_minimizing_the_negative(name: str) -> None:
    """To the step."""
    negative = [[-value for value in curve] for curve in GOOD]
    assert play(make(name, "maximize"), GOOD) == play(make(name, "minimize"), negative)


def test_nothing_is_stopped_without_something_to_compare_with(name: str) -> None:
    """Neither the first trials at the same time, nor any before the first results."""
    assessor = make(name)
    assert assessor.assess_trial("a", []) is AssessResult.Good
    for step in range(1, STEPS + 1):
        for trial, curve in enumerate([POOR, *GOOD]):
            assert assessor.assess_trial(trial, curve[:step]) is AssessResult.Good


def test_the_same_calls_give_the_same_answers(name: str) -> None:
    """Reasons included."""
    one, other = make(name), make(name)
    assert play(one, GOOD) == play(other, GOOD)
    assert one.reason == other.reason


def test_trials_may_be_mixed_up(name: str) -> None:
    """What counts is which have ended; a trial is judged by its own results."""
    one, other = make(name), make(name)
    play(one, GOOD[:8], stops=False)
    for step in range(1, STEPS + 1):
        for trial in reversed(range(8)):
            other.assess_trial(trial, GOOD[trial][:step])
    for trial in reversed(range(8)):
        other.trial_end(trial, True)
    assert play(one, GOOD[8:]) == play(other, GOOD[8:])


def test_a_dict_counts_by_its_default(name: str) -> None:
    """As does whatever else is a number."""
    kinds: list[Callable[[float], Any]] = [
        float, np.float64, lambda value: {"default": value, "loss": "low"}
    ]  # fmt: skip
    played = [play(make(name), [[kind(v) for v in curve] for curve in GOOD]) for kind in kinds]
    assert played[0] == played[1] == played[2]


NONE: list[Any] = [
    None,
    math.nan,
    math.inf,
    -math.inf,
    "nan",
    "0.5",
    True,
    {},
    [0.5],
    {"default": None},
]


@pytest.mark.parametrize("nothing", [*NONE, 10**400], ids=lambda nothing: str(nothing)[:10])
def test_what_is_no_finite_number_stands_for_the_one_before(name: str, nothing: Any) -> None:
    """At the beginning for the first one; with nothing else it is Good, and teaches nothing."""
    holes = [
        [nothing if step % 4 in (0, 3) else value for step, value in enumerate(curve)]
        for curve in GOOD
    ]
    filled = [list(_filled(curve)) for curve in holes]
    assert play(make(name), holes) == play(make(name), filled)
    assessor, other = make(name), make(name)
    assert set(play(assessor, [[nothing] * STEPS] * 9)) == {None}
    assert play(assessor, GOOD) == play(other, GOOD)


def _filled(curve: list[Any]) -> list[float]:
    numbers = [
        value if isinstance(value, float) and math.isfinite(value) else None for value in curve
    ]
    known = next(value for value in numbers if value is not None)
    found = []
    for value in numbers:
        known = known if value is None else value
        found.append(known)
    return found


def test_failed_trials_teach_nothing(name: str) -> None:
    """Those that were neither stopped nor successful."""
    assessor, other = make(name), make(name)
    for trial in range(10):
        assessor.assess_trial(trial, [1.0] * STEPS)
        assessor.trial_end(trial, False)
    assessor.trial_end("unknown", True)
    assert play(assessor, GOOD) == play(other, GOOD)


def test_a_trial_may_begin_anew(name: str) -> None:
    """Another attempt counts from its own first result."""
    one, other = make(name), make(name)
    for assessor in (one, other):
        play(assessor, GOOD, stops=False)
    one.assess_trial("again", [1.0, 1.0, 1.0])
    one.trial_end("again", False)
    steps = range(1, STEPS + 1)
    answers = [[each.assess_trial("again", POOR[:step]) for step in steps] for each in (one, other)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "values",
    [[0.0], [1e300, -1e300], [1.7e308, -1.7e308], [5e-324, 0.0], [1], [0.5, 0.5 + 1e-16]],
    ids=str,
)
def test_values_of_any_size(name: str, values: list[float]) -> None:
    """Warnings of numpy are errors here."""
    histories = [
        [values[(step + trial) % len(values)] for step in range(40)] for trial in range(12)
    ]
    for mode in ("maximize", "minimize"):
        play(make(name, mode), histories)
        play(make(name, mode), histories, stops=False)


def test_trials_that_are_all_alike_are_not_stopped(name: str) -> None:
    """Nothing is worse than the others."""
    for curve in ([0.1] * STEPS, [0.7 + 0.01 * step for step in range(STEPS)]):
        assert set(play(make(name), [curve] * 20)) == {None}


def test_very_long_trials(name: str) -> None:
    """Many results cost little each, and trials may be of any length."""
    steps = 20_000
    arguments: dict[str, Any] = {"epoch_num": steps, "gap": 50} if name == "Curvefitting" else {}
    assessor = make(name, **arguments)
    for trial in range(6):
        end = 0.1 if trial == 5 else 0.5
        history: list[float] = []
        answers = []
        for step in range(steps):
            history.append(end - end / (1 + step))
            answers.append(assessor.assess_trial(trial, history))
        assert (AssessResult.Bad in answers) == (trial == 5)
        assessor.trial_end(trial, True)
    play(assessor, [*GOOD, [0.5], []])


def test_names(name: str) -> None:
    """Whatever the case, and as NNI's class is called."""
    for written in (name, name.lower(), f"{name}Assessor", f"{name[:6]}-{name[6:].upper()}"):
        assert assessor_name(written) == name


def test_an_unknown_name() -> None:
    """Names those that there are."""
    with pytest.raises(TunerError) as caught:
        assessor_name("medianstopp")
    known = ", ".join(ASSESSORS)
    assert str(caught.value) == (
        f"expected an assessor out of {known}; found medianstopp; did you mean Medianstop?"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Medianstop", {"start_step": -1}, "start_step: expected an int from 0 on, found -1"),
        ("Medianstop", {"start": 1}, "start: no such argument; expected one of optimize_mode, "
         "start_step; did you mean start_step?"),
        ("Medianstop", {"optimize_mode": "max"}, "optimize_mode: expected minimize or maximize, "
         'found "max"'),
        ("Curvefitting", {}, "epoch_num: expected a value, found none"),
        ("Curvefitting", {"epoch_num": 0}, "epoch_num: expected an int from 1 on, found 0"),
        ("Curvefitting", {"epoch_num": 9, "gap": 0}, "gap: expected an int from 1 on, found 0"),
        ("Curvefitting", {"epoch_num": 9, "threshold": -1}, "threshold: expected a number from 0 "
         "on, found -1"),
    ],
)  # fmt: skip
def test_wrong_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    """Say which, and what was expected."""
    with pytest.raises(TunerError) as caught:
        make_assessor(name, arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "kind", "most_steps", "most_lost"),
    [
        ("Medianstop", "clean", 0.65, 1),
        ("Medianstop", "noisy", 0.65, 1),
        ("Curvefitting", "clean", 0.45, 0),
        ("Curvefitting", "noisy", 0.45, 0),
        ("Curvefitting", "alike", 0.75, 1),
    ],
)
def test_the_best_is_found_with_fewer_steps(
    name: str, kind: str, most_steps: float, most_lost: int
) -> None:
    """Of 40 trials in each of 10 experiments; how many lose their best one."""
    made = lost = 0
    for seed in range(10):
        tried = curves(kind, seed, trials=40)
        stopped = play(make(name), tried)
        made += sum(step or STEPS for step in stopped)
        finals = [curve[-1] for curve in tried]
        whole = [final for final, step in zip(finals, stopped, strict=True) if step is None]
        lost += max(whole) < max(finals)
    assert made / (10 * 40 * STEPS) < most_steps
    assert lost <= most_lost


def test_the_curves_are_of_the_length_that_is_meant() -> None:
    """So that the shares above are of all steps."""
    assert {len(curve) for curve in chain(GOOD, [POOR])} == {STEPS}
