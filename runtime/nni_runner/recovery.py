"""What a runner that died left undone, done by the next one.

Its trials wrote their results down themselves; what it didn't come to record is recorded now.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nni_annotate.space import SearchSpace
from nni_runner.errors import RunnerError
from nni_runner.experiment import Place
from nni_runner.history import History
from nni_runner.launchers.launcher import Exited
from nni_runner.results import Result, ResultsFile
from nni_runner.store import Store, what_is_left
from nni_runner.trial import Ended, Event, Reported, Started, Status, Trial
from nni_runner.verdict import verdict

DIED = (Status.SYS_CANCELED, "the runner died")
_ABANDONED = (Status.SYS_CANCELED, "the runner failed")
_LATE = "came after the end of its attempt"
_SECOND = "a second final result"
_OUTSIDE = "outside the new search space"


def judged(results: Iterable[Result], trial: Trial) -> list[Result]:
    """The results of a trial's latest attempt: the first final one counts, a second one doesn't."""
    found: list[Result] = []
    has_final = trial.has_final
    for result in results:
        if isinstance(result, Reported) and result.kind == "final":
            found.append(replace(result, ignored=_SECOND if has_final else ""))
            has_final = True
        else:
            found.append(result)
    return found


def late(results: Iterable[Result]) -> list[Result]:
    """The results of an attempt that is over: they are kept and don't count."""
    return [replace(result, ignored=_LATE) for result in results]


def recover(
    store: Store, history: History, place: Place, why: tuple[Status, str] = DIED
) -> dict[int, ResultsFile]:
    """Records what trials reported unheard, and gives those that ran their end.

    One that had its final result is judged by that; the others may be attempted again. Of these the
    files of results are returned, by number: their processes may live on for a moment.
    """
    _refuse_a_gap(store, history, place)
    files: dict[int, ResultsFile] = {}
    for number, trial in list(history.trials.items()):
        for attempt in range(1, trial.attempt + 1) if not trial.is_over else ():
            path = place.results(number, attempt)
            if not path.exists():
                continue
            if number in files:
                files.pop(number).close()
            files[number] = file = ResultsFile(number, path, attempt)
            results = file.read_all()[store.results_of(number, attempt) :]
            is_running = attempt == trial.attempt and not trial.has_ended
            _record(store, history, judged(results, trial) if is_running else late(results))
        trial = history.trials[number]
        if trial.status is Status.RUNNING:
            _record(store, history, [_end(trial, why)])
        if number in files and history.trials[number].is_over:
            files.pop(number).close()
    return files


def _refuse_a_gap(store: Store, history: History, place: Place) -> None:
    """What has reported results has started: a history that doesn't know of it has lost its end."""
    for path in place.results(0).parent.glob("*.jsonl"):
        number, _, attempt = path.stem.partition(".")
        if not number.isdigit():
            continue
        trial = history.trials.get(int(number))
        is_unknown = trial is None or trial.attempt < int(attempt or 1)
        if is_unknown and _has_reports(path):
            raise RunnerError(
                f"{store.path}: lacks trial {path.stem}, which has reported results: what was "
                f"written last is gone (was {store.path.name}-wal removed?)"
                + what_is_left(store.path)
            )


def _has_reports(path: Path) -> bool:
    file = ResultsFile(0, path)
    events = file.read_all()
    return file.close() or bool(events or file.unread)


def abandon(store: Store, history: History, place: Place) -> None:
    """Gives trials that are left their ends; what can't be written, the next one does."""
    with contextlib.suppress(RunnerError):
        for file in recover(store, history, place, _ABANDONED).values():
            file.close()
    for trial in history.with_status(Status.RUNNING):
        history.add(_end(trial, _ABANDONED))


def leave_out(trials: Iterable[Trial], space: SearchSpace) -> list[Event]:
    """The ends of those trials that have yet to run and can't in another search space."""
    now = time.time()
    events: list[Event] = []
    for trial in trials:
        if not (trial.is_over or trial.is_baseline or space.contains(trial.parameters)):
            attempt = trial.attempt + 1
            events.append(Started(trial.number, attempt, now))
            end = (trial.number, Status.SYS_CANCELED, _OUTSIDE)
            events.append(Ended(*end, 0.0, now, attempt))
    return events


def _end(trial: Trial, why: tuple[Status, str]) -> Ended:
    """By the rule for trials that are cut off; how long it ran, nobody saw."""
    status, cause = verdict(trial, Exited(trial.number), why)
    interrupted = not trial.has_final
    return Ended(trial.number, status, cause, 0.0, time.time(), trial.attempt, interrupted)


def _record(store: Store, history: History, events: Iterable[Event]) -> None:
    events = list(events)
    if events:
        store.record(events)
        for event in events:
            history.add(event)
