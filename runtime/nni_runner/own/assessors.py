"""An assessor of the user's own, as the runner asks it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nni.assessor import Assessor as OwnAssessor
from nni.assessor import AssessResult
from nni_annotate.domains import Value
from nni_runner.errors import RunnerError
from nni_runner.own.loading import make_own

_NUMBERS = ("nan", "inf", "-inf")  # as a history has them


class Adapted:
    """Hands on what is asked, with results as the trial reported them."""

    def __init__(self, own: OwnAssessor) -> None:
        self._own = own
        self.reason = ""

    def assess_trial(self, trial_job_id: str, trial_history: list[Value], /) -> Any:
        """True for good, False for bad, or whatever else it answers."""
        answer = self._own.assess_trial(trial_job_id, [_reported(one) for one in trial_history])
        self.reason = f"bad at step {len(trial_history)}"
        return answer.value if isinstance(answer, AssessResult) else answer

    def trial_end(self, trial_job_id: str, success: bool, /) -> None:
        """Told as it is."""
        self._own.trial_end(trial_job_id, success)


def make_own_assessor(name: str, directory: Path, arguments: Mapping[str, Any]) -> Adapted:
    """An assessor of the class `module.Class`. Raises RunnerError."""
    try:
        return Adapted(make_own(name, directory, arguments, OwnAssessor))
    except RunnerError as error:
        raise RunnerError(f"assessor: {error}") from error


def _reported(value: Value) -> Any:
    if isinstance(value, str) and value in _NUMBERS:
        return float(value)
    if isinstance(value, dict):
        return {key: _reported(inner) for key, inner in value.items()}
    return value
