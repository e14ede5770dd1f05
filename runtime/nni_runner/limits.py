"""When enough has been tried: the goal is reached, or all trials fail."""

from __future__ import annotations

from nni_runner.experiment import Plan
from nni_runner.history import History
from nni_runner.trial import Status

# So many failures and not one success, and the script itself is taken to be broken. The baseline
# is the script as its author runs it, so its failure weighs more.
FAILURES_WITH_BASELINE = 3
FAILURES_WITHOUT = 5


def looks_broken(plan: Plan, history: History, failed_before: int) -> int:
    """How many trials failed, besides those before, if that looks as if the script were broken."""
    failures = history.count(Status.FAILED) - failed_before
    limit = FAILURES_WITH_BASELINE if plan.baseline else FAILURES_WITHOUT
    return failures if failures >= limit and not history.count(Status.SUCCEEDED) else 0


def is_reached(plan: Plan, history: History) -> bool:
    """Whether the best trial is as good as the goal."""
    best = history.best
    return best is not None and plan.is_reached(history.result(best))
