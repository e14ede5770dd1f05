"""The interface of an assessor, NNI's, and what all assessors share behind it.

Outside there are trials and their intermediate results as they were reported; inside there are
curves: a finite loss, always minimised, for every step.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from enum import Enum
from numbers import Real
from typing import Any

from nni_annotate.domains import show
from nni_tuners.errors import TunerError
from nni_tuners.tuner import SIGNS

_LARGEST = 1e300  # of losses, so that their differences are finite


class AssessResult(Enum):
    """Whether a trial is worth going on with, in NNI's words."""

    Good = True
    Bad = False


class Assessor(ABC):
    """Finds the trials that are hopeless by their intermediate results.

    An assessor implements `doubt` and `learn`. The same calls in the same order give the same
    answers. `reason` says in words why the latest trial was Bad.
    """

    def __init__(self, *, optimize_mode: str = "minimize") -> None:
        if optimize_mode not in SIGNS:
            modes = " or ".join(SIGNS)
            raise TunerError(f"optimize_mode: expected {modes}, found {show(optimize_mode)}")
        self.optimize_mode = optimize_mode
        self.reason = ""
        self._curves: dict[Hashable, list[float]] = {}
        self._doubted: set[Hashable] = set()  # of these

    @classmethod
    def arguments(cls) -> dict[str, Any]:
        """The arguments that it takes, with their defaults; `inspect.Parameter.empty` is none."""
        found = inspect.signature(cls).parameters.items()
        return {name: parameter.default for name, parameter in found}

    @abstractmethod
    def doubt(self, curve: Sequence[float]) -> str:
        """Why a trial with this curve so far is hopeless, "" where it isn't; nothing is learned."""

    @abstractmethod
    def learn(self, curve: Sequence[float], is_whole: bool) -> None:
        """Learn the curve of a trial that succeeded, or as far as it came before it was stopped."""

    def assess_trial(self, trial_job_id: Hashable, trial_history: Sequence[Any]) -> AssessResult:
        """Judge a trial by all its intermediate results, each a number or a dict with a `default`.

        One that is no finite number stands for the one before it: nothing better is known.
        """
        curve = self._curve(trial_job_id, trial_history)
        self.reason = self.doubt(curve) if curve else ""
        if not self.reason:
            return AssessResult.Good
        self._doubted.add(trial_job_id)
        return AssessResult.Bad

    def trial_end(self, trial_job_id: Hashable, success: bool) -> None:
        """Learn that a trial ended; of one that failed by itself nothing is learned."""
        curve = self._curves.pop(trial_job_id, None)
        is_doubted = trial_job_id in self._doubted
        self._doubted.discard(trial_job_id)
        if curve and not math.isnan(curve[0]) and (success or is_doubted):
            self.learn(curve, success)

    def shown(self, loss: float) -> str:
        """A loss as the user knows it."""
        return f"{SIGNS[self.optimize_mode] * loss:.6g}"

    def _curve(self, trial: Hashable, history: Sequence[Any]) -> list[float]:
        """The curve so far; empty as long as no result is a finite number."""
        curve = self._curves.get(trial, [])
        if len(curve) > len(history):  # it began anew
            curve = []
        for value in history[len(curve) :]:
            loss = self._loss_of(value)
            before = curve[-1] if curve else math.nan
            curve.append(before if loss is None else loss)
        if curve and math.isnan(curve[0]):
            curve = _filled(curve)
        self._curves[trial] = curve
        return [] if not curve or math.isnan(curve[0]) else curve

    def _loss_of(self, value: Any) -> float | None:
        number = value.get("default") if isinstance(value, Mapping) else value
        if not isinstance(number, Real) or isinstance(number, bool):
            return None
        try:
            loss = SIGNS[self.optimize_mode] * float(number)
        except OverflowError:
            return None
        return max(-_LARGEST, min(loss, _LARGEST)) if math.isfinite(loss) else None


def _filled(curve: list[float]) -> list[float]:
    """The curve whose unknown beginning is what first became known, if anything has."""
    first = next((loss for loss in curve if not math.isnan(loss)), math.nan)
    return [first if math.isnan(loss) else loss for loss in curve]
