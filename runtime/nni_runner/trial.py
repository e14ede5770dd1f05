"""The events of a trial's life, and the trial that they leave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from nni_annotate.domains import Value
from nni_annotate.space import Parameters

CHECKPOINT = "save_checkpoint_dir"  # what a tuner calls the folder that a trial saves to


class Status(str, Enum):
    """Where a trial stands, in NNI's words. A trial waits when its parameters are chosen."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EARLY_STOPPED = "EARLY_STOPPED"
    USER_CANCELED = "USER_CANCELED"
    SYS_CANCELED = "SYS_CANCELED"


@dataclass(frozen=True)
class SpaceChanged:
    """From here on parameters are chosen in this search space; the first event of all."""

    search_space: dict[str, Any]
    time: float


@dataclass(frozen=True)
class Imported:
    """Somebody told the tuner these results, as `Tuner.import_data` takes them."""

    results: list[dict[str, Any]]
    time: float


@dataclass(frozen=True)
class Chosen:
    """What a trial runs with; `parameters` of a baseline are what is known of the script's own.

    `extra` is what the tuner gave it besides parameters of the search space. It was `asked` so many
    times; random parameters are used where its own suggestion could not be: `instead` says why,
    by a word.
    """

    number: int
    parameters: Parameters
    is_baseline: bool
    time: float
    extra: Parameters = field(default_factory=dict)
    asked: int = 1
    instead: str = ""


@dataclass(frozen=True)
class Started:
    """An attempt at a trial is about to start; attempts count from 1."""

    number: int
    attempt: int
    time: float


@dataclass(frozen=True)
class Reported:
    """A trial reported a result; `kind` is "intermediate" or "final", `value` as it came.

    One that doesn't count says in `ignored` why. `line` is that of the script which reported it,
    where it is no number that can be ranked.
    """

    number: int
    kind: str
    value: Value
    time: float
    attempt: int = 1
    ignored: str = ""
    line: str = ""


@dataclass(frozen=True)
class Noted:
    """A baseline told what value the script itself holds; not `is_known`: it holds several."""

    number: int
    key: str
    value: Value
    is_known: bool
    time: float
    attempt: int = 1
    ignored: str = ""


@dataclass(frozen=True)
class Ended:
    """An attempt is over; `cause` is in words, `seconds` how long it ran.

    The trial is over with it, unless it was `interrupted`: by the end of the runner, not by its
    own, or by something for which it is tried again. Another attempt may follow then, and the tuner
    is told nothing of this one.
    """

    number: int
    status: Status
    cause: str
    seconds: float
    time: float
    attempt: int = 1
    interrupted: bool = False


TrialEvent = Chosen | Started | Reported | Noted | Ended
Event = SpaceChanged | Imported | TrialEvent


@dataclass(frozen=True)
class Trial:
    """One trial, as its events so far leave it.

    All but the parameters is of its latest attempt: `final` is the first final result, as it came,
    `line` where that comes from if it can't be ranked;
    `reports` counts the intermediate ones, `last` is the last of them that can be ranked;
    `interrupted` says that it may be attempted again.
    `failures` are those of its attempts that failed and were followed by another.
    """

    number: int
    parameters: Parameters
    is_baseline: bool = False
    status: Status = Status.WAITING
    final: Value = None
    cause: str = ""
    reports: int = 0
    started: float = 0.0
    seconds: float = 0.0
    extra: Parameters = field(default_factory=dict)
    attempt: int = 0
    has_final: bool = False
    line: str = ""
    interrupted: bool = False
    failures: int = 0
    last: float | None = None

    @property
    def value(self) -> float | None:
        """The final result as a number that can be ranked, None where there is none."""
        return metric(self.final)

    @property
    def checkpoint(self) -> str:
        """The folder that it saves one to, "" where it wasn't given any."""
        folder: str = self.extra.get(CHECKPOINT, "")
        return folder

    @property
    def has_ended(self) -> bool:
        """Whether its latest attempt is over."""
        return self.status not in (Status.WAITING, Status.RUNNING)

    @property
    def is_over(self) -> bool:
        """Whether it stays as it is."""
        return self.has_ended and not self.interrupted

    @property
    def standing(self) -> Status:
        """Its status; one that may be attempted again is waiting."""
        return Status.WAITING if self.has_ended and self.interrupted else self.status


def metric(value: Value) -> float | None:
    """The number that a reported result is ranked by, None where it has none that can be."""
    if isinstance(value, Mapping):
        value = value.get("default")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def after(trial: Trial | None, event: TrialEvent) -> Trial:
    """The trial that the event leaves."""
    match event:
        case Chosen():
            assert trial is None, "parameters are chosen once"
            return Trial(event.number, event.parameters, event.is_baseline, extra=event.extra)
        case Started():
            known = _known(trial)
            return Trial(
                event.number,
                known.parameters,
                known.is_baseline,
                Status.RUNNING,
                started=event.time,
                extra=known.extra,
                attempt=event.attempt,
                failures=known.failures,
            )
        case Reported() | Noted() if event.ignored:
            return _known(trial)
        case Reported(kind="final"):
            return replace(_known(trial), final=event.value, has_final=True, line=event.line)
        case Reported():
            known = _known(trial)
            last = metric(event.value)
            return replace(
                known, reports=known.reports + 1, last=known.last if last is None else last
            )
        case Noted():
            known = _known(trial)
            others = {key: item for key, item in known.parameters.items() if key != event.key}
            own = {event.key: event.value} if event.is_known else {}
            return replace(known, parameters={**others, **own})
        case Ended():
            known = _known(trial)
            has_failed = event.interrupted and event.status is Status.FAILED
            return replace(
                known,
                status=event.status,
                cause=event.cause,
                seconds=event.seconds,
                interrupted=event.interrupted,
                failures=known.failures + has_failed,
            )


def _known(trial: Trial | None) -> Trial:
    assert trial is not None, "a trial's first event is what was chosen"
    return trial
