"""What a file says of an experiment, the same whichever format it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.space import SearchSpace
from nni_runner.config.reading import Reading


@dataclass(frozen=True)
class Builtin:
    """A tuner, assessor or advisor by its name; its arguments without optimize_mode and seed."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Custom:
    """A class of the user's own, in a module below a folder; all its arguments."""

    code_directory: Path
    module: str
    class_name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """An experiment as a file describes it, checked; paths are absolute, None is no limit.

    Either `use_annotation` or there is a `space`, but where an algorithm of the user's own may
    do without. Either a `tuner` or an `advisor` chooses. `reading` knows the places in the file.
    """

    name: str | None
    author: str | None
    description: str | None
    command: str
    code_directory: Path
    use_annotation: bool
    space: SearchSpace | None
    concurrency: int
    trials: int | None
    seconds: float | None
    trial_seconds: float | None
    optimize_mode: str
    seed: int | None
    tuner: Builtin | Custom | None
    assessor: Builtin | Custom | None
    advisor: Builtin | None
    experiments: Path
    gpus_per_trial: int | None
    trials_per_gpu: int
    gpu_indices: tuple[int, ...] | None
    use_active_gpus: bool
    reading: Reading = field(repr=False, compare=False)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is worth a remark in the file."""
        return tuple(sorted(set(self.reading.warnings)))
