"""A configuration -> what the runner takes: a target, the words of a command, a plan."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nni_annotate.diagnostics import Diagnostic, Where
from nni_runner import compiling
from nni_runner.config.model import Builtin, Config, Custom
from nni_runner.config.problems import ConfigError
from nni_runner.config.spaces import as_shown
from nni_runner.config.tuners import try_tuner
from nni_runner.errors import RunnerError
from nni_runner.experiment import LONGEST, MAX_FAILURES, Plan
from nni_runner.target import Target, read_target

_SCRIPT = re.compile(r"\s*(?:\S*/)?python[\d.]*\s+([\w./-]+\.py)\b")


def read_code(config: Config) -> Target:
    """The code with its search space. Raises ConfigError; CompileError with what is wrong in it."""
    if not config.use_annotation:
        assert config.space is not None
        compiling.stop()  # there is nothing for it to do
        return Target(config.code_directory, config.space, None, (), None, (), space_is_given=True)
    where = config.reading.values["use_annotation"].where
    shown = as_shown(config.reading, config.code_directory)
    try:
        target = read_target(shown, config.experiments)
    except RunnerError as error:
        raise _at(config, where, f"useAnnotation: {error}") from None
    if not target.is_annotated:
        message = f"useAnnotation: there are no annotations in {shown}, so nothing is to be tuned"
        raise _at(config, where, message)
    if isinstance(config.tuner, Builtin):
        try_tuner(config.reading, config.tuner, config.optimize_mode, config.seed, target.space)
        if config.reading.problems:
            raise ConfigError(config.reading.problems)
    return target


def shell(command: str) -> tuple[str, ...]:
    """The words that have a shell run a line, bash where there is one, as NNI does."""
    return ("bash" if shutil.which("bash") else "sh", "-c", command)


def plan_of(config: Config, target: Target) -> Plan:
    """The limits and ways of the experiment."""
    return Plan(
        maximize=config.optimize_mode == "maximize",
        trials=config.trials,
        seconds=_limit(config.seconds),
        concurrency=config.concurrency,
        **_algorithm("tuner", config.tuner or config.advisor),
        **_algorithm("assessor", config.assessor),
        seed=secrets.randbits(31) if config.seed is None else config.seed,
        baseline=target.is_annotated,
        trial_seconds=_limit(config.trial_seconds),
        max_failures=MAX_FAILURES,
        gpus_per_trial=config.gpus_per_trial,
        trials_per_gpu=config.trials_per_gpu,
        gpu_indices=config.gpu_indices,
        use_active_gpus=config.use_active_gpus,
        name=config.name,
    )


def _algorithm(section: str, algorithm: Builtin | Custom | None) -> dict[str, Any]:
    """What a plan has of it."""
    match algorithm:
        case Builtin(name, arguments):
            return {section: name, f"{section}_arguments": dict(arguments)}
        case Custom(directory, module, class_name, arguments):
            return {
                section: f"{module}.{class_name}",
                f"{section}_arguments": dict(arguments),
                f"{section}_directory": str(directory),
            }
        case None:
            return {}


def remarks(config: Config) -> tuple[Diagnostic, ...]:
    """What is worth saying before an experiment starts."""
    return (*config.warnings, *sorted(_remarks(config)))


def _remarks(config: Config) -> Iterator[Diagnostic]:
    reading, document = config.reading, config.reading.document
    command = reading.values["command"]
    if script := _SCRIPT.match(config.command):
        file = config.code_directory / script[1]
        if not file.exists():
            yield document.warning(command.where, f"{command.name}: there is no {file}")
        elif not config.use_annotation and b"@nni." in _read(file):
            message = f"the annotations in {script[1]} have no effect without useAnnotation: true"
            yield document.warning(command.where, f"{command.name}: {message}")
    if config.trials is None and config.seconds is None:
        names = (reading.format.called(to) for to in ("trials", "seconds"))
        message = f"neither {' nor '.join(names)}: it goes on until nnictl stop"
        yield document.warning(reading.top(), message)


def _limit(seconds: float | None) -> float | None:
    """No limit for what is longer than the runner counts, such as NNI's 99999d."""
    return seconds if seconds is not None and seconds <= LONGEST else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _at(config: Config, where: Where, message: str) -> ConfigError:
    return ConfigError([config.reading.document.error(where, message)])
