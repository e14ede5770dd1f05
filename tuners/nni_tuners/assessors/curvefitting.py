"""Curve fitting: a trial is hopeless that will hardly end as good as the best one has.

Domhan, Springenberg, Hutter, Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves, IJCAI 2015: section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nni_tuners.arguments import check_count, check_number
from nni_tuners.assessor import Assessor
from nni_tuners.learning_curves import forecast

_CHANCE = 0.05  # below which a trial is given up: the paper's delta


class Curvefitting(Assessor):
    """Doubts a trial that will reach the best trial's last result with less than 5 % probability.

    epoch_num: how many results a whole trial reports
    start_step: how many results a trial reports before it is judged
    threshold: how much of the best result is good enough; 0.95 stands for 5 % worse
    gap: how many results there are from one judgement to the next
    """

    def __init__(
        self,
        *,
        epoch_num: int,
        optimize_mode: str = "minimize",
        start_step: int = 6,
        threshold: float = 0.95,
        gap: int = 1,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode)
        check_count("epoch_num", epoch_num)
        check_count("start_step", start_step, least=0)
        check_number("threshold", threshold)
        check_count("gap", gap)
        self.epoch_num = epoch_num
        self.start_step = start_step
        self.threshold = threshold
        self.gap = gap
        self._best = math.inf

    def doubt(self, curve: Sequence[float]) -> str:
        """Foretells the last result, and compares it with the best."""
        step = len(curve)
        is_due = step >= max(self.start_step, 2) and (step - self.start_step) % self.gap == 0
        if not is_due or step >= self.epoch_num or math.isinf(self._best):
            return ""
        future = forecast(curve, self.epoch_num)
        if future.chance(self._best + (1 - self.threshold) * abs(self._best)) >= _CHANCE:
            return ""
        return (
            f"after {self.epoch_num} steps it would be {self.shown(future.mean)}, as foretold at "
            f"step {step}, with the best at {self.shown(self._best)}"
        )

    def learn(self, curve: Sequence[float], is_whole: bool) -> None:
        """Remembers the best last result."""
        if is_whole:
            self._best = min(self._best, curve[-1])
