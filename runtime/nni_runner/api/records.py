"""What an experiment has found, in NNI's records."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from nni_runner.existing import Existing
from nni_runner.store import Store
from nni_runner.tables import names_of
from nni_runner.trial import Reported, Trial


@dataclass(frozen=True)
class TrialResult:
    """A trial that succeeded: its parameters by the search space's keys, and its result."""

    parameter: dict[str, Any]
    value: float
    trialJobId: str  # noqa: N815 - NNI's name


@dataclass(frozen=True)
class TrialMetricData:
    """A result that a trial reported; `type` is "PERIODICAL" or "FINAL", in seconds since 1970."""

    timestamp: float
    trialJobId: str  # noqa: N815
    type: str
    sequence: int
    data: Any


@dataclass(frozen=True)
class TrialJob:
    """A trial; times are in seconds since 1970, None where it hasn't come so far."""

    trialJobId: str  # noqa: N815
    sequenceId: int  # noqa: N815
    status: str
    hyperParameters: dict[str, Any]  # noqa: N815
    logPath: str  # noqa: N815
    startTime: float | None  # noqa: N815
    endTime: float | None  # noqa: N815
    cause: str
    finalMetricData: Any = field(default=None)  # noqa: N815


def profile(one: Existing) -> dict[str, Any]:
    """The documented object, and what NNI's programs read in theirs."""
    facts = one.facts
    params = {
        "experimentName": one.name,
        "trialConcurrency": facts["concurrency"],
        "maxTrialNumber": facts["trials"],
        "maxExperimentDuration": None if facts["seconds"] is None else f"{facts['seconds']:g}s",
    }
    return one.to_json() | {"params": params, "logDir": str(one.place.folder)}


def job(one: Existing, trial: Trial) -> TrialJob:
    """A trial as NNI shows it."""
    begun = trial.started or None
    return TrialJob(
        trialJobId=trial_id(one, trial),
        sequenceId=trial.number,
        status=trial.status.value,
        hyperParameters=trial.parameters,
        logPath=str(one.place.output(trial.number)),
        startTime=begun,
        endTime=begun + trial.seconds if begun and trial.has_ended else None,
        cause=trial.cause,
        finalMetricData=trial.final,
    )


def result(one: Existing, trial: Trial) -> TrialResult:
    """A trial's result; it has one."""
    assert trial.value is not None
    return TrialResult(trial.parameters, trial.value, trial_id(one, trial))


def metrics(one: Existing) -> dict[str, list[TrialMetricData]]:
    """What every trial's latest attempt reported, in its order."""
    found: dict[str, list[TrialMetricData]] = {
        trial_id(one, trial): [] for trial in one.history.trials.values()
    }
    store = Store(one.place.history, read_only=True)
    try:
        for event in store.events():
            if isinstance(event, Reported) and not event.ignored:
                trial = one.history.trials.get(event.number)
                if trial is None or event.attempt != trial.attempt:
                    continue
                name = trial_id(one, trial)
                reported = found[name]
                kind = "FINAL" if event.kind == "final" else "PERIODICAL"
                reported.append(TrialMetricData(event.time, name, kind, len(reported), event.value))
    finally:
        store.close()
    return found


def frame(one: Existing) -> Any:
    """A pandas frame, a row a trial: status, value, seconds, and a column for every parameter.

    Raises ImportError where pandas is not there.
    """
    pd: Any = import_module("pandas")  # no dependency of this project

    names = names_of(one.space, one.history.trials.values())
    rows = [
        {
            "trial": trial.number,
            "status": trial.status.value,
            "value": trial.value,
            "seconds": trial.seconds,
            **{name: trial.parameters.get(key) for key, name in names.items()},
        }
        for trial in one.history.trials.values()
    ]
    columns = ["trial", "status", "value", "seconds", *names.values()]
    return pd.DataFrame(rows, columns=columns).set_index("trial")


def trial_id(one: Existing, trial: Trial) -> str:
    """A trial's id, as it finds it itself."""
    return f"{one.place.id}-{trial.number}"
