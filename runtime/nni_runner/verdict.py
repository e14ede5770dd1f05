"""The status that a trial's end gives it, and the cause in words."""

from __future__ import annotations

import json
import signal

from nni_runner.launchers.launcher import End, Exited
from nni_runner.trial import Status, Trial

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def verdict(
    trial: Trial, exited: Exited, canceled: tuple[Status, str] | None
) -> tuple[Status, str]:
    """The status that a trial's end gives it, and the cause in words."""
    if canceled is not None:
        if trial.value is None:
            return canceled
        return Status.SUCCEEDED, f"{canceled[1]}, after its final result"
    match exited.end:
        case End.TIME_LIMIT if trial.value is not None:
            return Status.SUCCEEDED, "time limit, after its final result"
        case End.TIME_LIMIT:
            return Status.FAILED, "time limit"
        case End.MEMORY:
            return Status.FAILED, "killed by signal SIGKILL (out of memory?)"
        case End.LOST:
            return Status.FAILED, "lost: the process that watched it was killed"
        case End.NOT_STARTED:
            return Status.FAILED, f"can't be started: {exited.problem}"
        case End.NO_ROOM:
            return Status.SYS_CANCELED, f"can't be started: {exited.problem}"
        case End.ITSELF:
            return _of_code(trial, exited.code)


def is_worth_a_retry(exited: Exited) -> bool:
    """Whether something else than the trial brought it to its end: it may do better next time."""
    if exited.end in (End.LOST, End.MEMORY):
        return True
    return exited.end is End.ITSELF and -(exited.code or 0) in _FROM_OUTSIDE


def _of_code(trial: Trial, code: int | None) -> tuple[Status, str]:
    assert code is not None, "a process that ends by itself has an exit code"
    if code < 0:
        return Status.FAILED, f"killed by signal {_signal_name(-code)}"
    if code > 0:
        return Status.FAILED, f"exit code {code}"
    if trial.final is None:
        return Status.FAILED, "no final result"
    if trial.value is None:
        where = f" (line {trial.line})" if trial.line else ""
        return Status.FAILED, f"the final result is no finite number: {_cut(trial.final)}{where}"
    return Status.SUCCEEDED, ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _cut(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
