"""An assessor lives through a history: asked at each intermediate result, told at each end.

Same results in the same order, same answers: so no assessor has to be written down.
"""

from __future__ import annotations

from typing import Any, Protocol

from nni_annotate.domains import Value, show
from nni_runner.trial import Ended, Event, Reported, Started, Status
from nni_tuners.assessor import AssessResult


class NonsenseError(Exception):
    """The assessor answered something else than it may."""


class Assesses(Protocol):
    """What is wanted of an assessor; `reason` says in words why the latest trial was Bad."""

    reason: str

    def assess_trial(self, trial_job_id: str, trial_history: list[Value], /) -> Any: ...

    def trial_end(self, trial_job_id: str, success: bool, /) -> Any: ...


class Watch:
    """An assessor and what it watches: the trials that run, by number."""

    def __init__(self, assessor: Assesses, name: str, experiment: str) -> None:
        self._assessor, self._name, self._experiment = assessor, name, experiment
        self._results: dict[int, list[Value]] = {}

    def take(self, event: Event, is_left_out: bool = False) -> str:
        """Why the trial that reported something is hopeless, "" where it isn't.

        Where the event is left out, the assessor hears nothing of it now.
        """
        match event:
            case Started(number):
                self._results[number] = []
            case Reported(number, "intermediate", value, ignored=""):
                results = self._results.setdefault(number, [])
                results.append(value)
                if not is_left_out:
                    return self._judge(number, results)
            case Ended(number, status):
                is_known = bool(self._results.pop(number, None))
                if is_known and not is_left_out:
                    self._assessor.trial_end(self._id(number), status is Status.SUCCEEDED)
        return ""

    def _judge(self, number: int, results: list[Value]) -> str:
        answer = self._assessor.assess_trial(self._id(number), results)
        if answer is AssessResult.Good or answer is True:
            return ""
        if answer is AssessResult.Bad or answer is False:
            return f"{self._name}: {self._assessor.reason}".removesuffix(": ")
        raise NonsenseError(f"answers {show(answer)}, expected AssessResult.Good or .Bad")

    def _id(self, number: int) -> str:
        """As the trial's own NNI_TRIAL_JOB_ID."""
        return f"{self._experiment}-{number}"
