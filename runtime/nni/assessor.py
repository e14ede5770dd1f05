"""What an assessor of the user's own is a subclass of, as in NNI."""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AssessResult", "Assessor"]


class AssessResult(Enum):
    """Whether a trial is to go on."""

    Good = True
    Bad = False


class Assessor:
    """Finds the trials that are hopeless; `assess_trial` has to be there."""

    def assess_trial(self, trial_job_id: str, trial_history: list[Any]) -> AssessResult:
        """Judge a trial by all its intermediate results so far, as it reported them."""
        raise NotImplementedError(f"{type(self).__name__} has no assess_trial")

    def trial_end(self, trial_job_id: str, success: bool) -> None:
        """Learn that a trial which reported intermediate results is over."""

    def load_checkpoint(self) -> None:
        """Never called: an assessor lives through the history once more instead."""

    def save_checkpoint(self) -> None:
        """Never called."""
