"""A configuration as a file of NNI's second format, with everything resolved."""

from __future__ import annotations

import json
from typing import Any

import yaml

from nni_annotate.space import OwnSpace, SearchSpace
from nni_runner.config.model import Builtin, Config, Custom
from nni_runner.config.scalars import resolve

_UNITS = {"d": 86400, "h": 3600, "m": 60}


def to_json(config: Config) -> dict[str, Any]:
    """The fields of the second format; reading them gives the same configuration."""
    service = {
        "platform": "local",
        "useActiveGpu": config.use_active_gpus,
        "maxTrialNumberPerGpu": config.trials_per_gpu,
        "gpuIndices": list(config.gpu_indices) if config.gpu_indices is not None else None,
    }
    fields = {
        "experimentName": config.name,
        "useAnnotation": config.use_annotation,
        "searchSpace": _space(config.space),
        "trialCommand": config.command,
        "trialCodeDirectory": str(config.code_directory),
        "trialConcurrency": config.concurrency,
        "trialGpuNumber": config.gpus_per_trial,
        "maxExperimentDuration": duration(config.seconds),
        "maxTrialNumber": config.trials,
        "maxTrialDuration": duration(config.trial_seconds),
        "tuner": _algorithm(config.tuner, config),
        "assessor": _algorithm(config.assessor, None),
        "advisor": _algorithm(config.advisor, config),
        "trainingService": _without_none(service),
        "experimentWorkingDirectory": str(config.experiments),
    }
    return _without_none(fields)


def to_yaml(config: Config) -> str:
    """The same as a file."""
    return yaml.dump(
        to_json(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000,
        default_flow_style=None,
    )  # fmt: skip


def to_text(config: Config) -> str:
    """The same as JSON."""
    return json.dumps(to_json(config), indent=2) + "\n"


def duration(seconds: float | None) -> str | None:
    """A duration in the largest unit that says it in a whole number.

    >>> duration(5400.0), duration(7200.0), duration(0.5), duration(None)
    ('90m', '2h', '0.5s', None)
    """
    if seconds is None:
        return None
    for unit, length in _UNITS.items():
        if seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    text = f"{seconds:.6f}".rstrip("0").rstrip(".")
    return f"{text}s"


def _algorithm(algorithm: Builtin | Custom | None, chooser: Config | None) -> dict[str, Any] | None:
    """Its name and arguments; what chooses has the direction among them."""
    if algorithm is None:
        return None
    arguments = dict(algorithm.arguments)
    if isinstance(algorithm, Custom):
        return _without_none(
            {
                "className": f"{algorithm.module}.{algorithm.class_name}",
                "codeDirectory": str(algorithm.code_directory),
                "classArgs": arguments or None,
            }
        )
    if chooser is not None:
        arguments |= {"optimize_mode": chooser.optimize_mode}
        arguments |= {"seed": chooser.seed} if chooser.seed is not None else {}
    return _without_none({"name": algorithm.name, "classArgs": arguments or None})


def _space(space: SearchSpace | None) -> dict[str, Any] | None:
    """As a file has it; one that is all its tuner's own may be none."""
    if isinstance(space, OwnSpace):
        return dict(space.data) or None
    return space.to_json() if space is not None else None


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class _Dumper(yaml.SafeDumper):
    """Quotes what a reader of YAML 1.2 would take for a number too; writes nothing as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """A value that is there twice is written twice."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        is_plain = isinstance(resolve(text), str)
    except ValueError:
        is_plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _text)
