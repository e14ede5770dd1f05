"""The values of a file -> a configuration, and all that is wrong with them together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nni_annotate.space import OwnSpace, SearchSpace
from nni_runner.config import paths
from nni_runner.config.arguments import called, read_mode, read_seed
from nni_runner.config.assessors import is_advisor, own_direction, read_advisor, read_assessor
from nni_runner.config.classes import is_custom
from nni_runner.config.documents import read_document
from nni_runner.config.formats import ONE
from nni_runner.config.model import Builtin, Config, Custom
from nni_runner.config.problems import ConfigError
from nni_runner.config.reading import Reading, read_fields
from nni_runner.config.spaces import read_space
from nni_runner.config.tuners import read_tuner, try_tuner
from nni_runner.experiment import DEFAULT_FOLDER

# What a file may leave out, in the first format by NNI's documentation.
_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("name", "author", "description", "command", "concurrency")),
    **dict.fromkeys(("trials", "seconds", "trial_seconds", "gpus_per_trial", "gpu_indices")),
    "use_annotation": False,
    "use_active_gpus": False,
    "trials_per_gpu": 1,
}
_FIRST = {"trials": 99999, "seconds": 999 * 86400.0}
_MINIMIZES = "tpe"  # by default, in the second format; everything else maximizes


def read_config(path: Path) -> Config:
    """The experiment that a file describes. Raises ConfigError with all that is wrong."""
    reading = read_fields(read_document(path))
    tuner, advisor = _chooser(reading)
    assessor, mode = read_assessor(reading), _mode(reading)
    space = _space(reading, is_own=isinstance(tuner, Custom))
    code_directory = paths.folder(reading, "code_directory")
    experiments = paths.new_folder(reading, "experiments", str(DEFAULT_FOLDER))
    seed = read_seed(reading) if isinstance(tuner, Builtin) else None
    if isinstance(tuner, Builtin):
        try_tuner(reading, tuner, mode, seed, space)
    if reading.problems:
        raise ConfigError(reading.problems)
    defaults = _DEFAULTS | (_FIRST if reading.format is ONE else {})
    return Config(
        **{name: reading.get(name, default) for name, default in defaults.items()},
        code_directory=code_directory,
        experiments=experiments,
        space=space,
        optimize_mode=mode,
        seed=seed,
        tuner=tuner,
        assessor=own_direction(reading, assessor, mode),
        advisor=advisor,
        reading=reading,
    )


def _chooser(reading: Reading) -> tuple[Builtin | Custom | None, Builtin | None]:
    """The tuner or the advisor."""
    sections = reading.sections
    if not sections.keys() & {"tuner", "advisor"}:
        if reading.seen & {"tuner", "advisor"}:
            return None, None
        expected = f"an object with {reading.format.called('tuner.name')} in it"
        reading.error(reading.top(), f"tuner: is missing, {expected}")
        return None, None
    if "advisor" in sections:
        for other in ("tuner", "assessor"):
            if other in sections:
                message = f"an advisor does what the {other} does; leave one of them out"
                reading.error(sections[other], f"{other}: {message}")
        return None, read_advisor(reading)
    if is_advisor(reading):
        return None, read_advisor(reading, "tuner")
    return read_tuner(reading), None


def _space(reading: Reading, *, is_own: bool) -> SearchSpace | None:
    """The search space of the file, where annotations don't say it.

    A tuner of the user's own needs none.
    """
    given = [to for to in ("space", "space_file") if to in reading.values]
    if reading.get("use_annotation"):
        for to in given:
            found = reading.values[to]
            reading.error(
                found.entry.key.where,
                f"{found.name}: useAnnotation is true, so the annotations in the code are the "
                "search space; leave one of them out",
            )
        return None
    if len(given) == 2:
        found = reading.values["space_file"]
        reading.error(
            found.entry.key.where, f"{found.name}: there is a searchSpace too; leave one out"
        )
        return None
    if not given:
        _say_missing(reading)
        return OwnSpace() if is_own else None
    space = read_space(reading, is_own=is_own)
    if space is not None and not space:
        found = reading.values[given[0]]
        reading.error(found.where, f"{found.name}: expected a parameter at least, found none")
    return space


def _say_missing(reading: Reading) -> None:
    """Without annotations and search space only a tuner of the user's own can do."""
    if any(is_custom(reading, section) for section in ("tuner", "advisor")):
        return
    if reading.seen & {"space", "space_file"}:
        return
    found = reading.values.get("use_annotation")
    names = [reading.format.called(to) for to in ("space_file", "space")]
    expected = " or ".join(name for name in names if name)
    where = found.where if found else reading.top()
    reading.error(
        where, f"the search space is missing: expected {expected}, or useAnnotation: true"
    )


def _mode(reading: Reading) -> str:
    """The direction; where no algorithm says it NNI's default, with a warning."""
    mode = read_mode(reading)
    if mode is not None:
        return mode
    section = next((name for name in ("tuner", "advisor") if name in reading.sections), None)
    name = str(reading.get(f"{section}.name", "")).lower()
    mode = "minimize" if name == _MINIMIZES and reading.format is not ONE else "maximize"
    if section:
        path = called(reading, section, "optimize_mode")
        reading.warn(
            reading.sections[section], f"{path}: isn't given; taken to be {mode}, as by NNI"
        )
    return mode
