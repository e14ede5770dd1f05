"""Median stopping: a trial that was never as good as the others were on average is hopeless.

Golovin, Solnik, Moitra, Kochanski, Karro, Sculley, Google Vizier: A Service for Black-Box
Optimization, KDD 2017: section 3.2.2, the median stopping rule.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

from nni_tuners.arguments import check_count
from nni_tuners.assessor import Assessor

_FEWEST = 3  # trials that a median is taken of: fewer stop too many good ones
_ALL = 500  # steps that are all looked at; later ever fewer are, as trials may have very many


class Medianstop(Assessor):
    """Doubts a trial whose best result is worse than the median of the others' means by that step.

    The others are those that succeeded or were stopped, as far as they made so many steps.

    start_step: how many results a trial reports before it is judged
    """

    def __init__(self, *, optimize_mode: str = "minimize", start_step: int = 3) -> None:
        super().__init__(optimize_mode=optimize_mode)
        check_count("start_step", start_step, least=0)
        self.start_step = start_step
        self._means: dict[int, list[float]] = {}  # by step, in order

    def doubt(self, curve: Sequence[float]) -> str:
        """Compares the best so far with the median of the means so far."""
        step = len(curve)
        means = self._means.get(step, [])
        if step < self.start_step or len(means) < _FEWEST:
            return ""
        median = means[len(means) // 2]  # the worse of the two in the middle
        best = min(curve)
        if best <= median:
            return ""
        return (
            f"its best {self.shown(best)} is worse than the median of {len(means)} trials, "
            f"{self.shown(median)}, at step {step}"
        )

    def learn(self, curve: Sequence[float], is_whole: bool) -> None:  # noqa: ARG002
        """Counts the trial's mean by every step that it made.

        Without those that were stopped, ever better trials would be compared with.
        """
        mean = 0.0
        for step, loss in enumerate(curve, 1):
            mean += (loss - mean) / step
            if step % (step // _ALL + 1) == 0:
                insort(self._means.setdefault(step, []), mean)
