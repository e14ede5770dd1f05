"""The status that a trial's end gives it, and the cause in words."""

from __future__ import annotations

import json
import signal

from nni_runner.launchers.launcher import End, Exited
from nni_runner.trial import Status, Trial

_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def verdict(
    trial: Trial, exited: Exited, canceled: tuple[Status, str] | None
) -> tuple[Status, str]:
    """The status that a trial's end gives it, and the cause in words.

    One that something else ended after its final result is judged by that.
    """
    status, cause = canceled or _of_end(trial, exited)
    is_cut_short = canceled or exited.end is End.TIME_LIMIT or is_worth_a_retry(exited)
    if not (is_cut_short and trial.has_final):
        return status, cause
    if trial.value is None:
        return Status.FAILED, _no_number(trial)
    return Status.SUCCEEDED, f"{cause}, after its final result"


def is_crash(exited: Exited) -> bool:
    """Whether it came to its end by a fault of the program, not by its own word or from outside."""
    return exited.end is End.ITSELF and -(exited.code or 0) in _CRASHES


def is_worth_a_retry(exited: Exited) -> bool:
    """Whether something else than the trial brought it to its end: it may do better next time."""
    if exited.end in (End.LOST, End.MEMORY):
        return True
    return exited.end is End.ITSELF and -(exited.code or 0) in _FROM_OUTSIDE


def _of_end(trial: Trial, exited: Exited) -> tuple[Status, str]:
    match exited.end:
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


def _of_code(trial: Trial, code: int | None) -> tuple[Status, str]:
    assert code is not None, "a process that ends by itself has an exit code"
    if code < 0:
        return Status.FAILED, f"killed by signal {_signal_name(-code)}"
    if code > 0:
        return Status.FAILED, f"exit code {code}"
    if trial.final is None:
        return Status.FAILED, "no final result"
    if trial.value is None:
        return Status.FAILED, _no_number(trial)
    return Status.SUCCEEDED, ""


def _no_number(trial: Trial) -> str:
    where = f" (line {trial.line})" if trial.line else ""
    return f"the final result is no finite number: {_cut(trial.final)}{where}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _cut(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
