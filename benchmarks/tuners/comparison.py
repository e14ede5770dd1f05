"""Tuners compared on problems: the runs that takes, and the tables of what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from problem import Problem
from race import Run
from runs import Outcome, Task
from scores import Floats, Interval, averaged, checkpoints, intervals, normalised, ranks

RANDOM = "Random"
RANDOM_SEEDS = 30


@dataclass(frozen=True)
class Comparison:
    """Which tuners run on which problems, and on what terms."""

    tuners: Sequence[str]
    problems: Sequence[Problem]
    trials: int
    pending: int
    seeds: int

    def tasks(self) -> Iterator[Task]:
        """All runs, those of random search that the others are measured by first."""
        for problem in self.problems:
            for seed in range(RANDOM_SEEDS):
                yield self._random(problem, seed)
        for seed in range(self.seeds):
            for problem in self.problems:
                for tuner in self.tuners:
                    yield self._task(tuner, problem, seed)

    def regrets(self, done: Mapping[Task, Outcome]) -> Floats:
        """Normalised regret by tuner, problem, seed and number of results; NaN where refused."""
        found = np.full((len(self.tuners), len(self.problems), self.seeds, self.trials), np.nan)
        for j, problem in enumerate(self.problems):
            outcomes = [done[self._random(problem, seed)] for seed in range(RANDOM_SEEDS)]
            random = [run.curve for run in outcomes if isinstance(run, Run)]
            for i, tuner in enumerate(self.tuners):
                for seed in range(self.seeds):
                    outcome = done[self._task(tuner, problem, seed)]
                    if isinstance(outcome, Run):
                        found[i, j, seed] = normalised(outcome.curve, random, problem.best)
        return found

    def milliseconds(self, done: Mapping[Task, Outcome]) -> Floats:
        """The CPU time of a suggestion by tuner, problem and seed; NaN where refused."""
        return np.array(
            [
                [
                    [
                        _milliseconds(done[self._task(tuner, problem, seed)])
                        for seed in range(self.seeds)
                    ]
                    for problem in self.problems
                ]
                for tuner in self.tuners
            ]
        )

    def report(self, done: Mapping[Task, Outcome]) -> str:
        """A table for each family of problems, and one of all, as Markdown."""
        regrets, milliseconds = self.regrets(done), self.milliseconds(done)
        families = [problem.family for problem in self.problems]
        parts = {
            name: np.array([name == one for one in families]) for name in sorted(set(families))
        }
        if len(parts) != 1:
            parts["all"] = np.ones(len(families), dtype=bool)
        tables = (
            f"### {name}: {_count(part)}\n\n" + self._table(regrets[:, part], milliseconds[:, part])
            for name, part in parts.items()
        )
        return "\n\n".join(tables)

    def refusals(self, done: Mapping[Task, Outcome]) -> Iterator[str]:
        """A line for each problem that a tuner was left out of."""
        for tuner in self.tuners:
            for problem in self.problems:
                outcome = done[self._task(tuner, problem, 0)]
                if not isinstance(outcome, Run):
                    yield f"{problem.name}: left out for {tuner}: {outcome.unsupported}"

    def _table(self, regrets: Floats, milliseconds: Floats) -> str:
        scores = averaged(regrets)
        means, placed = intervals(scores), intervals(ranks(scores))
        shown = checkpoints(self.trials)
        head = ["tuner", "problems", *(f"at {count}" for count in shown), "mean", "rank", "ms"]
        rows = [head, ["---"] * len(head)]
        for i in np.argsort([interval.mean for interval in means]).tolist():
            taken = int((~np.isnan(scores[i, :, 0])).sum())
            row = [self.tuners[i], str(taken)]
            if taken:
                row += [f"{np.nanmean(regrets[i, ..., count - 1]):.2f}" for count in shown]
                row += [_text(means[i]), _text(placed[i]), f"{np.nanmedian(milliseconds[i]):.1f}"]
            else:
                row += [""] * (len(head) - len(row))
            rows.append(row)
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def _task(self, tuner: str, problem: Problem, seed: int) -> Task:
        return Task(tuner, problem.name, self.trials, self.pending, seed)

    def _random(self, problem: Problem, seed: int) -> Task:
        return Task(RANDOM, problem.name, self.trials, 1, seed)


def _milliseconds(outcome: Outcome) -> float:
    return 1000 * outcome.seconds if isinstance(outcome, Run) else np.nan


def _count(part: Floats) -> str:
    count = int(part.sum())
    return f"{count} problem{'s' if count != 1 else ''}"


def _text(interval: Interval) -> str:
    return f"{interval.mean:.2f} ({interval.low:.2f} to {interval.high:.2f})"
