"""The status that a trial's end gives it, and the cause in words."""

from __future__ import annotations

import json
import signal

from nni_runner.trial import Status, Trial


def verdict(
    trial: Trial, code: int | None, problem: str, canceled: tuple[Status, str] | None
) -> tuple[Status, str]:
    """The status that a trial's end gives it, and the cause in words."""
    if canceled is not None:
        if trial.value is None:
            return canceled
        return Status.SUCCEEDED, f"{canceled[1]}, after its final result"
    if code is None:
        return Status.FAILED, problem
    if code < 0:
        return Status.FAILED, f"killed by signal {_signal_name(-code)}"
    if code > 0:
        return Status.FAILED, f"exit code {code}"
    if trial.final is None:
        return Status.FAILED, "no final result"
    if trial.value is None:
        return Status.FAILED, f"the final result is no finite number: {_cut(trial.final)}"
    return Status.SUCCEEDED, ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _cut(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
