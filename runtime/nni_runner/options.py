"""The options of `nni-run` that are checked against more than themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nni_annotate.cli import count
from nni_runner.earlier import read_earlier
from nni_runner.errors import UsageError
from nni_runner.existing import find
from nni_runner.experiment import Plan
from nni_runner.learning import Lesson, learn
from nni_runner.target import Target
from nni_tuners import (
    Assessor,
    Tuner,
    TunerError,
    assessor_name,
    make_assessor,
    make_tuner,
    official_name,
)


def find_name(name: str) -> str:
    """How a tuner's name is written. Raises UsageError."""
    try:
        return official_name(name)
    except TunerError as error:
        raise UsageError(str(error)) from None


def make(plan: Plan) -> Tuner:
    """The tuner of an experiment. Raises UsageError where its arguments make no sense."""
    try:
        return make_tuner(
            plan.tuner, plan.tuner_arguments, optimize_mode=plan.optimize_mode, seed=plan.seed
        )
    except TunerError as error:
        raise UsageError(f"--tuner {plan.tuner}: {error}") from None


def find_assessor(name: str) -> str:
    """How an assessor's name is written. Raises UsageError."""
    try:
        return assessor_name(name)
    except TunerError as error:
        raise UsageError(f"--assessor: {error}") from None


def make_assessor_of(plan: Plan) -> Assessor:
    """The assessor of an experiment. Raises UsageError where its arguments make no sense."""
    assert plan.assessor is not None
    try:
        arguments = {"optimize_mode": plan.optimize_mode, **plan.assessor_arguments}
        return make_assessor(plan.assessor, arguments)
    except TunerError as error:
        raise UsageError(f"--assessor {plan.assessor}: {error}") from None


def check_assessor(plan: Plan) -> None:
    """Raises UsageError where its arguments make no sense, or are those of none."""
    if plan.assessor is not None:
        make_assessor_of(plan)
    elif plan.assessor_arguments:
        raise UsageError("--assessor-arg: expected --assessor beside it")


def read_indices(text: str) -> tuple[int, ...]:
    """The GPUs that `--gpu-indices` names, each once. Raises UsageError.

    >>> read_indices("2, 0")
    (2, 0)
    """
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch("[0-9]{1,9}", word) for word in words):
        raise UsageError(f"--gpu-indices: expected numbers such as 0,2, found {text!r}")
    return tuple(dict.fromkeys(map(int, words)))


def check_limit(plan: Plan) -> None:
    """Raises UsageError where what was given is more than the trials that are to be run."""
    least = plan.baseline + len(plan.tried)
    if plan.tried and plan.trials is not None and plan.trials < least:
        baseline = "the baseline and " if plan.baseline else ""
        given = count(len(plan.tried), "set")
        raise UsageError(
            f"--trials {plan.trials}: expected {least} at least, for {baseline}{given} of "
            "parameters by --try"
        )


def learn_from(
    names: Iterable[str], experiments: Path, target: Target, maximize: bool
) -> list[Lesson]:
    """What these experiments teach, each of them once.

    Raises UsageError for one that isn't there or went in the other direction, RunnerError.
    """
    mode = "maximize" if maximize else "minimize"
    lessons = []
    for folder, name in {_found(name, experiments): name for name in names}.items():
        earlier = read_earlier(folder)
        if earlier.optimize_mode != mode:
            raise UsageError(
                f"--learn-from {name}: that experiment was to {earlier.optimize_mode}, "
                f"this one is to {mode}"
            )
        lessons.append(learn(earlier, target.space, target.defaults or {}))
    return lessons


def _found(name: str, experiments: Path) -> Path:
    try:
        return find(name, experiments).folder.resolve()
    except UsageError as error:
        raise UsageError(f"--learn-from {error}") from None
