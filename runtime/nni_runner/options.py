"""The options of `nni-run` that are checked against more than themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nni_annotate.cli import count
from nni_runner.earlier import read_earlier
from nni_runner.errors import UsageError
from nni_runner.existing import find
from nni_runner.experiment import Plan
from nni_runner.learning import Lesson, learn
from nni_runner.own import registered
from nni_runner.target import Target
from nni_runner.watching import Assesses
from nni_tuners import (
    Tuner,
    TunerError,
    assessor_name,
    make_assessor,
    make_tuner,
    official_name,
)


def find_tuner(name: str) -> dict[str, Any]:
    """What a plan has of the tuner of that name. Raises UsageError, RunnerError."""
    try:
        return {"tuner": official_name(name), "tuner_directory": None}
    except TunerError as error:
        if found := registered.find("tuner", name):
            return {"tuner": found.class_name, "tuner_directory": found.directory}
        raise UsageError(str(error)) from None


def find_assessor(name: str) -> dict[str, Any]:
    """What a plan has of the assessor of that name. Raises UsageError, RunnerError."""
    try:
        return {"assessor": assessor_name(name), "assessor_directory": None}
    except TunerError as error:
        if found := registered.find("assessor", name):
            return {"assessor": found.class_name, "assessor_directory": found.directory}
        raise UsageError(f"--assessor: {error}") from None


def make(plan: Plan) -> Tuner:
    """The tuner of an experiment. Raises UsageError for wrong arguments, RunnerError."""
    if plan.tuner_directory is not None:
        from nni_runner.own.tuners import make_own_tuner

        return make_own_tuner(plan.tuner, Path(plan.tuner_directory), plan.tuner_arguments)
    try:
        return make_tuner(
            plan.tuner, plan.tuner_arguments, optimize_mode=plan.optimize_mode, seed=plan.seed
        )
    except TunerError as error:
        raise UsageError(f"--tuner {plan.tuner}: {error}") from None


def make_assessor_of(plan: Plan) -> Assesses:
    """The assessor of an experiment; raises as `make` does."""
    assert plan.assessor is not None
    if plan.assessor_directory is not None:
        from nni_runner.own.assessors import make_own_assessor

        directory = Path(plan.assessor_directory)
        return make_own_assessor(plan.assessor, directory, plan.assessor_arguments)
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
