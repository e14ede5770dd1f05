"""The runs that a comparison is made of, and the file of those that are done: a line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from peers import PEERS, make
from problem import Problem
from race import Run, UnsupportedError, race
from surfaces import SURFACES
from synthetic import SYNTHETIC

FITTED: list[Problem] = import_module("fitted").FITTED if find_spec("sklearn") else []
PROBLEMS: dict[str, Problem] = {
    problem.name: problem for problem in [*SYNTHETIC, *SURFACES, *FITTED]
}


@dataclass(frozen=True, order=True)
class Task:
    """A run to do; the same task has the same curve each time."""

    tuner: str
    problem: str
    trials: int
    pending: int
    seed: int

    def do(self) -> Outcome:
        """Run it."""
        problem = PROBLEMS[self.problem]
        try:
            tuner = make(self.tuner, trials=self.trials, pending=self.pending, seed=self.seed)
            return race(tuner, problem, self.trials, self.pending, self.seed)
        except UnsupportedError as error:
            return Refusal(str(error))
        except Exception as error:
            if self.tuner not in PEERS:
                raise
            return Refusal(f"{type(error).__name__}: {error}")  # the others' runs go on


@dataclass(frozen=True)
class Refusal:
    """That a tuner cannot take a problem's search space, or that another library fails; and why."""

    unsupported: str


Outcome = Run | Refusal


class Runs:
    """What came of the tasks that are done; the file, if there is one, has them all at any time."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.done: dict[Task, Outcome] = {}
        if file is not None and file.exists():
            text = file.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:  # whoever wrote the last line was stopped in it
                file.write_text(whole, encoding="utf-8")
            self.done.update(map(_read, whole.splitlines()))

    def missing(self, tasks: Iterable[Task]) -> list[Task]:
        """Those of the tasks that are not done, each once."""
        return [task for task in dict.fromkeys(tasks) if task not in self.done]

    def add(self, task: Task, outcome: Outcome) -> None:
        """Keep what came of a task."""
        self.done[task] = outcome
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(task) | asdict(outcome)) + "\n")


def _read(line: str) -> tuple[Task, Outcome]:
    entry = json.loads(line)
    task = Task(*(entry[name] for name in ("tuner", "problem", "trials", "pending", "seed")))
    if "unsupported" in entry:
        return task, Refusal(entry["unsupported"])
    return task, Run(tuple(entry["curve"]), entry["seconds"])
