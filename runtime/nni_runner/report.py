"""What an experiment has found, as text for a person and as JSON for a script."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from nni_annotate.cli import count
from nni_annotate.space import SearchSpace
from nni_runner.experiment import Place, Plan
from nni_runner.history import History
from nni_runner.outcome import Outcome
from nni_runner.progress import clock
from nni_runner.tables import UNKNOWN, names_of, number, shown, table, trial_to_json
from nni_runner.trial import Status, Trial

SCHEMA_VERSION = 1
_SHOWN_TRIALS = 5
_WIDEST = 100  # columns; a table of trials with more gets no column for every parameter


@dataclass(frozen=True)
class Report:
    """An experiment that is over."""

    plan: Plan
    place: Place
    target: str
    space: SearchSpace
    history: History
    outcome: Outcome
    seconds: float

    @property
    def best(self) -> Trial | None:
        """The best trial, None where none succeeded."""
        return self.history.best

    @property
    def gain(self) -> float | None:
        """By how much the best trial is better than the baseline; None where one is missing."""
        baseline = self.history.baseline
        if self.best is None or baseline is None or baseline.status is not Status.SUCCEEDED:
            return None
        best, own = self.history.result(self.best), self.history.result(baseline)
        assert best is not None
        assert own is not None
        return abs(best - own)  # the best is never worse

    def to_json(self) -> dict[str, Any]:
        """The documented object (docs/nni-run.md); every number in it is finite."""
        baseline = self.history.baseline
        return {
            "schema_version": SCHEMA_VERSION,
            "experiment": {
                "id": self.place.id,
                "path": str(self.place.folder),
                "target": self.target,
                "status": self.outcome.status,
                "reason": self.outcome.reason,
                "optimize_mode": self.plan.optimize_mode,
                "tuner": self.plan.tuner,
                "tuner_arguments": self.plan.tuner_arguments,
                "assessor": self.plan.assessor,
                "assessor_arguments": self.plan.assessor_arguments,
                "learned": len(self.plan.learned),
                "seed": self.plan.seed,
                "concurrency": self.plan.concurrency,
                "trial_limit": self.plan.trials,
                "seconds": round(self.seconds, 3),
                "search_space": self.space.to_json(),
            },
            "trials": [trial_to_json(trial, self.place) for trial in self.history.trials.values()],
            "best": trial_to_json(self.best, self.place) if self.best else None,
            "baseline": trial_to_json(baseline, self.place) if baseline else None,
            "best_result": self.history.result(self.best) if self.best else None,
            "gain": self.gain,
        }

    def to_text(self) -> str:
        """The tables, lines ending in a newline each."""
        parts = [self._head()]
        if self.best is not None:
            parts += [self._trials(), self._parameters(self.best), self._comparison(self.best)]
        parts.append(self._where())
        return "\n".join(part for part in parts if part)

    def _head(self) -> str:
        statuses = Counter(trial.status.value for trial in self.history.trials.values())
        counts = ", ".join(f"{of_it} {status.lower()}" for status, of_it in statuses.items())
        total = len(self.history.trials)
        trials = f"{total} {'trial' if total == 1 else 'trials'} in {clock(self.seconds)}"
        detail = f" ({counts})" if counts else ""
        none = "" if self.best is not None else "; no trial succeeded"
        return f"Experiment {self.place.id}: {self.outcome.reason}; {trials}{detail}{none}\n"

    def _trials(self) -> str:
        ranked = self.history.ranked()[:_SHOWN_TRIALS]
        names = names_of(self.space, ranked)
        head = ["rank", "trial", "result", "time"]
        rows = [
            [
                str(rank),
                str(trial.number),
                number(self.history.result(trial)),
                f"{trial.seconds:.1f} s",
            ]
            for rank, trial in enumerate(ranked, 1)
        ]
        if self.history.average:
            head.insert(3, "mean of")
            for row, trial in zip(rows, ranked, strict=True):
                row.insert(3, str(self.history.runs(trial)))
        wide = [
            [*row, *(shown(trial.parameters.get(key, UNKNOWN), 30) for key in names)]
            for row, trial in zip(rows, ranked, strict=True)
        ]
        full = table([*head, *names.values()], wide, left=range(len(head), len(head) + len(names)))
        fits = max(map(len, full.splitlines())) <= _WIDEST
        return f"Best trials\n{full if fits else table(head, rows)}"

    def _parameters(self, best: Trial) -> str:
        names = names_of(self.space, [best])
        own = self.history.baseline
        if not names:
            return ""
        rows = []
        for key, name in names.items():
            row = [name, shown(best.parameters.get(key, UNKNOWN))]
            if own is not None:
                row.append(shown(own.parameters.get(key, UNKNOWN)))
            rows.append(row)
        head = ["parameter", "best", *(["baseline"] if own is not None else [])]
        return f"Best parameters (trial {best.number})\n{table(head, rows, left=range(3))}"

    def _comparison(self, best: Trial) -> str:
        baseline, result = self.history.baseline, self.history.result(best)
        if baseline is None:
            return f"Result {number(result)}\n"
        own = self.history.result(baseline)
        if self.gain is None or own is None:
            why = baseline.cause or baseline.status.value.lower()
            return f"Result {number(result)}; the baseline has none to compare ({why})\n"
        if best.is_baseline:
            return f"Result {number(result)}: no trial beat the script's own values\n"
        share = f" ({self.gain / abs(own):.1%})" if own else ""
        return (
            f"Result {number(result)}, baseline {number(own)}: "
            f"better by {number(self.gain)}{share}\n"
        )

    def _where(self) -> str:
        lines = []
        failed = self.history.with_status(Status.FAILED)
        if failed:
            causes = Counter(trial.cause for trial in failed)
            detail = "; ".join(f"{times} x {cause}" for cause, times in causes.most_common(3))
            stderr = self.place.output(failed[0].number) / "stderr"
            said = stderr.is_file() and stderr.stat().st_size > 0
            messages = f"; the first one's messages: {stderr}" if said else ""
            lines.append(f"Failed trials: {detail}{messages}")
        stopped = self.history.with_status(Status.EARLY_STOPPED)
        if stopped:
            reports = sum(trial.reports for trial in stopped)
            lines.append(
                f"Stopped early by {self.plan.assessor}: {count(len(stopped), 'trial')}, "
                f"after {reports / len(stopped):.3g} intermediate results on average"
            )
        if self.best is not None and not self.best.is_baseline:
            parameters = self.place.output(self.best.number) / "parameters.json"
            lines.append(f"Best parameters as JSON: {parameters}")
            if self.best.checkpoint:
                lines.append(f"Checkpoint of the best trial: {self.best.checkpoint}")
        lines.append(f"Everything: {self.place.folder}")
        return "\n".join(lines) + "\n"
