"""When enough has been tried: the goal is reached, or trials only fail."""

from __future__ import annotations

from nni_runner.experiment import Plan
from nni_runner.history import History
from nni_runner.trial import Status, Trial

# So many failures and not one success, and the script itself is taken to be broken. The baseline
# is the script as its author runs it, so its failure weighs more.
FAILURES_WITH_BASELINE = 3
FAILURES_WITHOUT = 5


class Failures:
    """Those of this runner's time: an experiment that is resumed has another chance."""

    def __init__(self) -> None:
        self._total = 0
        self._in_a_row = 0

    def take(self, trial: Trial) -> None:
        """Counts a trial that is over."""
        if trial.status is Status.FAILED:
            self._total += 1
            self._in_a_row += 1
        elif trial.status in (Status.SUCCEEDED, Status.EARLY_STOPPED):
            self._in_a_row = 0

    def too_many(self, plan: Plan, history: History) -> str:
        """Why no more trials are to run, "" where they may."""
        first = FAILURES_WITH_BASELINE if plan.baseline else FAILURES_WITHOUT
        if self._total >= first and not history.count(Status.SUCCEEDED):
            return f"the first {self._total} trials all failed"
        if plan.max_failures is not None and self._in_a_row >= plan.max_failures:
            return f"{self._in_a_row} trials in a row failed"
        return ""


def is_reached(plan: Plan, history: History) -> bool:
    """Whether the best trial is as good as the goal."""
    best = history.best
    return best is not None and plan.is_reached(history.result(best))
