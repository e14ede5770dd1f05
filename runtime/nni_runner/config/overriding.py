"""What the options of `nni-run` change in the plan of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nni_runner.errors import UsageError
from nni_runner.experiment import Plan, seconds
from nni_runner.given import read_arguments, read_sets
from nni_runner.options import (
    check_assessor,
    check_limit,
    find_assessor,
    find_tuner,
    learn_from,
    make,
    read_indices,
)
from nni_runner.target import Target

# The parameters of the command by the fields of a plan that they give.
_PLAIN = (
    "trials", "concurrency", "seed", "goal", "retries", "max_failures", "launcher", "duplicates",
    "on_tuner_error",
    "gpus_per_trial", "trials_per_gpu", "use_active_gpus",
)  # fmt: skip
_DURATIONS = {
    "duration": "seconds",
    "trial_duration": "trial_seconds",
    "tuner_duration": "tuner_seconds",
}
_OTHERS = (
    "minimize", "maximize", "tuner", "tuner_arguments", "assessor", "assessor_arguments",
    "baseline", "tried", "earlier", "gpu_indices",
)  # fmt: skip
_NOT_OF_PLANS = ("file", "experiments_dir", "as_json")


def overridden(plan: Plan, options: Mapping[str, Any], target: Target, experiments: Path) -> Plan:
    """The plan, changed by the options that were given, and told of earlier experiments.

    Raises UsageError where the options don't fit together, or one means nothing to a file.
    """
    known = (*_PLAIN, *_DURATIONS, *_OTHERS, *_NOT_OF_PLANS)
    if unknown := [name for name in options if name not in known]:
        raise UsageError(f"--config doesn't go with --{unknown[0].replace('_', '-')}")
    changed = {name: options[name] for name in _PLAIN if name in options}
    changed |= {_DURATIONS[o]: seconds(options[o]) for o in _DURATIONS if o in options}
    changed |= _direction(options) | _tuner(options, plan) | _assessor(options, plan)
    if "gpu_indices" in options:
        changed["gpu_indices"] = read_indices(options["gpu_indices"])
    if "baseline" in options:
        changed["baseline"] = options["baseline"] and target.is_annotated
    tried = (values for path in options.get("tried", ()) for values in read_sets(path, target))
    plan = replace(plan, **changed, tried=tuple(tried))
    plan = replace(plan, learned=_learned(options, target, experiments, plan.maximize))
    if target.space.is_own and plan.tuner_directory is None:
        raise UsageError(f"--tuner {plan.tuner} needs a search space, which the file has none of")
    check_limit(plan)
    make(plan)
    check_assessor(plan)
    return plan


def _direction(options: Mapping[str, Any]) -> dict[str, Any]:
    given = [name for name in ("minimize", "maximize") if name in options]
    if len(given) == 2:
        raise UsageError("say --maximize or --minimize: is a higher result better or a lower?")
    return {"maximize": given == ["maximize"]} if given else {}


def _tuner(options: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Another tuner begins with no arguments; those that are given are added."""
    changed: dict[str, Any] = {}
    if "tuner" in options:
        changed = {**find_tuner(options["tuner"]), "tuner_arguments": {}}
    if "tuner_arguments" in options:
        before = changed.get("tuner_arguments", plan.tuner_arguments)
        changed["tuner_arguments"] = before | read_arguments(options["tuner_arguments"])
    return changed


def _assessor(options: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """As with the tuner."""
    changed: dict[str, Any] = {}
    if "assessor" in options:
        changed = {**find_assessor(options["assessor"]), "assessor_arguments": {}}
    if "assessor_arguments" in options:
        before = changed.get("assessor_arguments", plan.assessor_arguments)
        given = read_arguments(options["assessor_arguments"], "--assessor-arg")
        changed["assessor_arguments"] = before | given
    return changed


def _learned(
    options: Mapping[str, Any], target: Target, experiments: Path, maximize: bool
) -> tuple[dict[str, Any], ...]:
    lessons = learn_from(options.get("earlier", ()), experiments, target, maximize)
    for lesson in lessons:
        click.echo(lesson.to_text(), err=True)
    return tuple(result for lesson in lessons for result in lesson.results)
