"""Every trial of an experiment, as its events leave it, and how they stand all together."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nni_annotate.space import Parameters
from nni_runner.trial import Event, Imported, SpaceChanged, Status, Trial, after


@dataclass(frozen=True)
class Summary:
    """How an experiment stands; `seconds` is how long its ended trials ran, all in all.

    `started` is the sum of the times at which the running ones began, in seconds since 1970.
    """

    chosen: int
    counts: Mapping[Status, int]
    seconds: float
    started: float
    best: float | None

    @property
    def running(self) -> int:
        """How many trials run."""
        return self.counts.get(Status.RUNNING, 0)

    @property
    def done(self) -> int:
        """How many trials are over."""
        return self.chosen - self.running - self.counts.get(Status.WAITING, 0)


@dataclass
class _Runs:
    """The trials that are taken together: the first of them, and their results."""

    first: int
    values: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)


@dataclass
class History:
    """Every trial of an experiment by its number: the fold of the events.

    `imported` counts the results that somebody told the tuner, which are no trials.

    With `average`, the results of trials with the same parameters are taken together as one, their
    mean. Whatever the number of trials, an event takes the same short time.
    """

    maximize: bool = False
    average: bool = False
    trials: dict[int, Trial] = field(default_factory=dict)
    imported: int = 0
    _counts: Counter[Status] = field(default_factory=Counter)
    _seconds: float = 0.0
    _started: float = 0.0
    _runs: dict[object, _Runs] = field(default_factory=dict)
    _best: _Runs | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> History:
        """An empty one of an experiment of which these facts are recorded."""
        mode, duplicates = facts.get("optimize_mode"), facts.get("duplicates")
        return cls(maximize=mode == "maximize", average=duplicates == "average")

    def add(self, event: Event) -> None:
        """Takes in the next event."""
        if isinstance(event, Imported):
            self.imported += len(event.results)
        if isinstance(event, SpaceChanged | Imported):
            return
        before = self.trials.get(event.number)
        trial = self.trials[event.number] = after(before, event)
        if before is None or before.standing is not trial.standing:
            self._count(before, -1)
            self._count(trial, 1)
            if trial.status is Status.SUCCEEDED and trial.value is not None:
                self._take(trial, trial.value)

    def with_status(self, *statuses: Status) -> list[Trial]:
        """The trials whose latest attempts stand so, by number."""
        return [trial for trial in self.trials.values() if trial.status in statuses]

    def count(self, status: Status) -> int:
        """How many trials stand so; one that may be attempted again is waiting."""
        return self._counts[status]

    @property
    def best(self) -> Trial | None:
        """The best trial that succeeded, the earlier one of equals."""
        return self.trials[self._best.first] if self._best else None

    @property
    def baseline(self) -> Trial | None:
        """The trial with the script's own values."""
        first = self.trials.get(0)
        return first if first is not None and first.is_baseline else None

    def result(self, trial: Trial) -> float | None:
        """What a trial is ranked by: its result, or the mean of those taken together with it."""
        runs = self._runs.get(self._key(trial))
        return runs.mean if runs and trial.status is Status.SUCCEEDED else trial.value

    def told(self, trial: Trial) -> float | None:
        """The result that a tuner is told of, also of a trial that was stopped early.

        There it is the last intermediate one, but none that is better than the median of the trials
        that succeeded: the assessor expects nothing good of it.
        """
        if trial.status is not Status.EARLY_STOPPED or trial.last is None:
            return self.result(trial)
        finals = [one.value for one in self.with_status(Status.SUCCEEDED) if one.value is not None]
        middle = statistics.median_low(finals or [trial.last])
        return min(trial.last, middle) if self.maximize else max(trial.last, middle)

    def runs(self, trial: Trial) -> int:
        """How many results are taken together with this trial's."""
        runs = self._runs.get(self._key(trial))
        return len(runs.values) if runs else 0

    def ranked(self) -> list[Trial]:
        """The trials that succeeded, best first, the earlier one of equals first.

        Of those that are taken together it is the first one.
        """
        runs = sorted(self._runs.values(), key=self._place)
        return [self.trials[run.first] for run in runs]

    def summary(self) -> Summary:
        """How it stands now; nothing changes it."""
        best = self._best.mean if self._best else None
        counts = dict(self._counts)
        return Summary(len(self.trials), counts, self._seconds, self._started, best)

    def _count(self, trial: Trial | None, by: int) -> None:
        if trial is None:
            return
        self._counts[trial.standing] += by
        if trial.status is Status.RUNNING:
            self._started += by * trial.started
        elif trial.is_over:
            self._seconds += by * trial.seconds

    def _take(self, trial: Trial, value: float) -> None:
        """Counts a result in."""
        runs = self._runs.setdefault(self._key(trial), _Runs(trial.number))
        runs.first = min(runs.first, trial.number)
        runs.values.append(value)
        if self._best is runs and len(runs.values) > 1:  # it may have become worse
            self._best = min(self._runs.values(), key=self._place)
        elif self._best is None or self._place(runs) < self._place(self._best):
            self._best = runs

    def _key(self, trial: Trial) -> object:
        return key_of(trial.parameters, trial.extra) if self.average else trial.number

    def _place(self, runs: _Runs) -> tuple[float, int]:
        return (-runs.mean if self.maximize else runs.mean), runs.first


def key_of(parameters: Parameters, extra: Parameters) -> str:
    """What tells parameters apart, those that a tuner gave a trial besides included."""
    return json.dumps([parameters, extra], sort_keys=True)
