"""An experiment that Python code starts, looks at and ends: NNI's `Experiment`.

It runs in a process of its own, as `nnictl create` starts it: nnictl and this class reach it alike,
whichever of the two began it.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace
from nni_runner.api.calling import on_the_class_too
from nni_runner.api.records import (
    TrialJob,
    TrialMetricData,
    TrialResult,
    frame,
    job,
    metrics,
    profile,
    result,
    trial_id,
)
from nni_runner.api.settings import ExperimentConfig, Settings, in_snake_case, with_folders
from nni_runner.config.background import LOG, OUTPUT, begin, go_on
from nni_runner.config.platforms import advice
from nni_runner.config.problems import ConfigError
from nni_runner.control import Sent
from nni_runner.errors import RunnerError
from nni_runner.existing import Existing, find, read
from nni_runner.experiment import DEFAULT_FOLDER, Place, seconds
from nni_runner.lock import running
from nni_runner.requests import ChangeSpace, Request, Stop, Update
from nni_tuners import TunerError

_LOOK_S = 0.2
_PRINTING_S = 5.0  # that a runner may take from its end to that of its process
_STATUS = {"running": "RUNNING", "done": "DONE", "interrupted": "STOPPED"}


class Experiment:
    """Set its `config`, then `run` it, or `start` it and look at it meanwhile.

    Settings that are wrong are ValueErrors that say all that is wrong with them; whatever else
    can't be done is a RuntimeError. `port`, `debug` and the like are NNI's, without effect.
    """

    def __init__(self, config_or_platform: Settings | str | list[str] = "local") -> None:
        if isinstance(config_or_platform, Settings):
            self.config = config_or_platform
        else:
            is_one = isinstance(config_or_platform, str)
            platform = str(config_or_platform) if is_one else "hybrid"
            if platform != "local":
                raise ValueError(f"platform: {advice(platform)}")
            self.config = ExperimentConfig()
        if self.config.training_service.platform is None:
            self.config.training_service.platform = "local"
        self._place: Place | None = None
        self._shown = {LOG: 0, OUTPUT: 0}  # bytes of what its runner said and printed

    @property
    def id(self) -> str | None:
        """The experiment's id, None before it has begun."""
        return self._place.id if self._place else None

    def run(
        self, port: int | None = None, wait_completion: bool = True, debug: bool = False
    ) -> bool:
        """Starts it, shows how it goes, and returns at its end: whether it came to that by itself.

        Ctrl-C, a notebook's "interrupt" too, ends it.
        """
        self.start(port, debug)
        return self.wait() if wait_completion else True

    def start(self, port: int | None = None, debug: bool = False) -> None:
        """Starts it and returns; it goes on until its limits or `stop`, whoever else ends."""
        del port, debug
        self._refuse_another()
        with tempfile.TemporaryDirectory(prefix="nni-") as folder, _errors():
            file = Path(folder) / "experiment.json"
            settings = with_folders(self.config.to_json(Path.cwd()), Path.cwd())
            file.write_text(json.dumps(settings, default=_plain), encoding="utf-8")
            # It needs numpy, which takes its time; nothing else here does.
            from nni_runner.config.starting import get_ready

            self._place = begin(file, get_ready(file, {}).experiments).place
        self._shown = {LOG: 0, OUTPUT: 0}

    @on_the_class_too
    def resume(
        self, experiment_id: str, port: int | None = None, wait_completion: bool = True,
        debug: bool = False, experiments_dir: str | Path = DEFAULT_FOLDER,
    ) -> bool:  # fmt: skip
        """Goes on with an experiment that has ended, by its id or its folder; else as `run`."""
        del debug
        self.view(experiment_id, port, experiments_dir=experiments_dir)
        with _errors():
            go_on(self._begun())
        return self.wait() if wait_completion else True

    @on_the_class_too
    def view(
        self, experiment_id: str, port: int | None = None, non_blocking: bool = True,
        experiments_dir: str | Path = DEFAULT_FOLDER,
    ) -> Experiment:  # fmt: skip
        """Looks at an experiment that exists, by its id or its folder; returns this object."""
        del port, non_blocking
        self._refuse_another()
        with _errors():
            self._place = find(experiment_id, Path(experiments_dir).expanduser())
        for name in self._shown:
            file = self._place.folder / name
            self._shown[name] = file.stat().st_size if file.exists() else 0
        return self

    def wait(self) -> bool:
        """Shows how it goes until it ends; whether it came to that by itself. Ctrl-C ends it."""
        place = self._begun()
        runner = running(place.folder)
        try:
            while running(place.folder):
                self._show(LOG)
                time.sleep(_LOOK_S)
        except KeyboardInterrupt:
            self.stop()
        end = time.monotonic() + _PRINTING_S
        while runner is not None and runner.is_here and time.monotonic() < end:
            time.sleep(_LOOK_S / 10)
        self._show(LOG)
        self._show(OUTPUT)
        return self.get_status() == "DONE"

    def stop(self) -> None:
        """Ends it as Ctrl-C does, and waits until it has ended; one that has ended stays so."""
        place = self._begun()
        if running(place.folder):
            self._ask(Stop())

    def get_status(self) -> str:
        """RUNNING, DONE, STOPPED or, where it could not go on or was killed, ERROR; INITIALIZED."""
        if self._place is None:
            return "INITIALIZED"
        return _STATUS.get(self._read().status, "ERROR")

    def get_trial_job(self, trial_job_id: str) -> TrialJob:
        """A trial by its id, `EXPERIMENT-NUMBER`. Raises ValueError."""
        one = self._read()
        for trial in one.history.trials.values():
            if trial_id(one, trial) == trial_job_id:
                return job(one, trial)
        raise ValueError(f"{trial_job_id}: no such trial in experiment {one.place.id}")

    def list_trial_jobs(self) -> list[TrialJob]:
        """All trials, by number."""
        one = self._read()
        return [job(one, trial) for trial in one.history.trials.values()]

    def get_job_statistics(self) -> list[dict[str, Any]]:
        """How many trials stand how: `{"trialJobStatus": ..., "trialJobNumber": ...}` each."""
        counts = Counter(trial.status.value for trial in self._read().history.trials.values())
        return [{"trialJobStatus": s, "trialJobNumber": n} for s, n in counts.items()]

    def get_job_metrics(self, trial_job_id: str | None = None) -> dict[str, list[TrialMetricData]]:
        """What trials reported, or one of them, by its id."""
        found = metrics(self._read())
        if trial_job_id is None:
            return found
        return {trial_job_id: found.get(self.get_trial_job(trial_job_id).trialJobId, [])}

    def get_experiment_profile(self) -> dict[str, Any]:
        """The experiment as `nnictl experiment show --json` does, and by NNI's names."""
        return profile(self._read())

    def export_data(self) -> list[TrialResult]:
        """The trials that have a result, by number."""
        one = self._read()
        ranked = sorted(one.history.ranked(), key=lambda trial: trial.number)
        return [result(one, trial) for trial in ranked]

    def to_frame(self) -> Any:
        """A pandas frame, a row a trial: status, value, seconds, parameters.

        Raises ImportError where pandas is not there.
        """
        return frame(self._read())

    def update_trial_concurrency(self, value: int) -> None:
        """How many trials run at the same time from now on."""
        self._ask(Update("concurrency", value))

    def update_max_trial_number(self, value: int) -> None:
        """How many trials are run, those so far among them."""
        self._ask(Update("trials", value))

    def update_max_experiment_duration(self, value: str) -> None:
        """After which time since its start to stop, such as "2h"."""
        with _errors():
            self._ask(Update("seconds", seconds(value)))

    def update_search_space(self, value: Mapping[str, Any]) -> None:
        """The search space in which parameters are chosen from now on. Raises ValueError."""
        try:
            space = SearchSpace.from_json(value)
        except SpaceError as error:
            raise ValueError(f"search_space: {error}") from None
        self._ask(ChangeSpace(space))

    def _show(self, name: str) -> None:
        """Passes on what has come since the last time."""
        with contextlib.suppress(OSError), (self._begun().folder / name).open("rb") as file:
            file.seek(self._shown[name])
            said = file.read()
            self._shown[name] += len(said)
            sys.stderr.write(said.decode("utf-8", "replace"))
            sys.stderr.flush()

    def _ask(self, request: Request) -> None:
        with _errors():
            place = self._begun()
            sent = Sent(place, request)
            sent.answer(f"waiting for experiment {place.id}")

    def _read(self) -> Existing:
        with _errors():
            return read(self._begun())

    def _begun(self) -> Place:
        if self._place is None:
            raise RuntimeError("no experiment yet: run, start, resume or view one")
        return self._place

    def _refuse_another(self) -> None:
        if self._place is not None and running(self._place.folder):
            raise RuntimeError(f"experiment {self._place.id} is running: stop it first")


@contextmanager
def _errors() -> Iterator[None]:
    """Our errors as Python code expects them."""
    try:
        yield
    except ConfigError as error:
        words = [in_snake_case(found.message) for found in error.diagnostics]
        raise ValueError("\n".join(words)) from None
    except (RunnerError, TunerError) as error:
        raise RuntimeError(str(error)) from None


def _plain(value: Any) -> Any:
    """A value of numpy as JSON has it, a tuple as a list."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise ValueError(f"a setting is no JSON: {value!r}")
