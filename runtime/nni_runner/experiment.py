"""What an experiment is to do, checked, and its folder."""

from __future__ import annotations

import os
import re
import secrets
import string
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nni_annotate.space import Parameters, SearchSpace, from_record
from nni_runner.errors import RunnerError, UsageError

DEFAULT_FOLDER = Path("~/nni-experiments")
HISTORY = "history.sqlite"
DUPLICATES = ("skip", "allow", "average")
MAX_FAILURES = 20  # in a row, unless somebody says otherwise
LAUNCHERS = ("preloaded", "subprocess")
ON_TUNER_ERROR = ("random", "stop")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST = 3650 * 86400.0
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+|\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Plan:
    """The limits and the ways of one experiment; None stands for no limit.

    `tuner_arguments` are those of that tuner alone, by name; where there is a `tuner_directory`,
    it is the class `module.Class` in there. So with the assessor. `tried` are parameters that
    somebody wrote down, whole and inside the search space: the first trials after the baseline.
    `learned` are results of earlier experiments, as `Tuner.import_data` takes them.
    `trial_seconds` is how long one trial may take, `goal` a result that is good enough. `retries`
    is how often a trial is tried again that something else brought to its end. `duplicates` (of
    DUPLICATES) says what is done about parameters that were tried, `on_tuner_error` (of
    ON_TUNER_ERROR) what about a tuner or an assessor that raises, answers nonsense or takes more
    than `tuner_seconds`. `assessor` is who stops hopeless trials, None: nobody;
    `assessor_arguments` are its own. `gpus_per_trial` None leaves GPUs alone, 0 hides them from
    trials; `gpu_indices` may be used, None: all. `name` is what somebody calls the experiment.
    """

    maximize: bool
    trials: int | None
    seconds: float | None
    concurrency: int
    tuner: str
    seed: int
    baseline: bool
    tuner_arguments: dict[str, Any] = field(default_factory=dict)
    tried: tuple[Parameters, ...] = ()
    learned: tuple[dict[str, Any], ...] = ()
    trial_seconds: float | None = None
    goal: float | None = None
    retries: int = 0
    max_failures: int | None = None
    duplicates: str = "skip"
    on_tuner_error: str = "random"
    tuner_seconds: float = 60.0
    launcher: str = "preloaded"
    gpus_per_trial: int | None = None
    trials_per_gpu: int = 1
    gpu_indices: tuple[int, ...] | None = None
    use_active_gpus: bool = False
    assessor: str | None = None
    assessor_arguments: dict[str, Any] = field(default_factory=dict)
    tuner_directory: str | None = None
    assessor_directory: str | None = None
    name: str | None = None

    @property
    def optimize_mode(self) -> str:
        """NNI's word for the direction."""
        return "maximize" if self.maximize else "minimize"

    def to_facts(self) -> dict[str, Any]:
        """As the history has it."""
        facts = {item.name: getattr(self, item.name) for item in fields(self)}
        del facts["maximize"]
        return facts | {"optimize_mode": self.optimize_mode}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Plan:
        """What a history has of it."""
        values = {item.name: facts[item.name] for item in fields(cls) if item.name in facts}
        lists = ("tried", "learned", "gpu_indices")
        values |= {name: tuple(values[name]) for name in lists if values.get(name) is not None}
        return cls(maximize=facts["optimize_mode"] == "maximize", **values)

    def is_reached(self, result: float | None) -> bool:
        """Whether a result is as good as the goal."""
        if self.goal is None or result is None:
            return False
        return result >= self.goal if self.maximize else result <= self.goal


def code_space(facts: dict[str, Any]) -> SearchSpace:
    """The search space that the code itself tells, whatever parameters are chosen in by now.

    Raises SpaceError.
    """
    return from_record(facts.get("code_space") or facts["search_space"])


@dataclass(frozen=True)
class Place:
    """An experiment's folder and what lies where in it."""

    id: str
    folder: Path

    @property
    def code(self) -> Path:
        """The compiled code, where a source was given."""
        return self.folder / "code"

    @property
    def history(self) -> Path:
        """The SQLite file."""
        return self.folder / HISTORY

    @property
    def lock(self) -> Path:
        """Locked by the process that runs the experiment."""
        return self.folder / "lock"

    @property
    def control(self) -> Path:
        """Says where a running experiment takes requests."""
        return self.folder / "control"

    @property
    def checkpoints(self) -> Path:
        """What trials save for others to go on from."""
        return self.folder / "checkpoints"

    @property
    def imports(self) -> Path:
        """What the first trial imported, for those to come."""
        return self.folder / "imports.json"

    def output(self, number: int) -> Path:
        """A trial's own folder."""
        return self.folder / "trials" / str(number)

    def results(self, number: int, attempt: int = 1) -> Path:
        """The file that an attempt at a trial appends its results to."""
        name = f"{number}.jsonl" if attempt == 1 else f"{number}.{attempt}.jsonl"
        return self.folder / "results" / name


def make_place(experiments: Path) -> Place:
    """A new experiment's folder, with a fresh id. Raises RunnerError."""
    alphabet = string.ascii_lowercase + string.digits
    while True:
        name = "".join(secrets.choice(alphabet) for _ in range(8))
        folder = Path(os.path.abspath(experiments.expanduser())) / name  # noqa: PTH100 - links stay
        try:
            folder.mkdir(parents=True)
            for part in ("trials", "results"):
                (folder / part).mkdir()
        except FileExistsError:
            if folder.is_dir():
                continue
            raise RunnerError(f"{experiments}: is no folder") from None
        except OSError as error:
            raise RunnerError(
                f"{folder.parent}: the experiment's folder can't be made: {error.strerror}; "
                "name another place with --experiments-dir"
            ) from None
        return Place(name, folder)


def seconds(text: str) -> float:
    """A duration such as "30m", "1h30m" or "90" (seconds), in seconds. Raises UsageError.

    >>> seconds("1h30m"), seconds("90"), seconds("0.5s")
    (5400.0, 90.0, 0.5)
    """
    text = text.strip().lower()
    if not _DURATION.fullmatch(text):
        raise UsageError(f"expected a duration such as 90s, 30m or 1h30m, found {text!r}")
    parts = re.findall(r"([\d.]+)([smhd]?)", text)
    total = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if not 0 < total <= LONGEST:
        raise UsageError(f"expected a duration above 0 and below ten years, found {text!r}")
    return total
