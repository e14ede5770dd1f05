"""What a person sees while an experiment runs; reads the history and nothing else."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

import click

from nni_runner.experiment import Plan
from nni_runner.trial import History, Status, Trial

if TYPE_CHECKING:
    from rich.text import Text


class Progress(Protocol):
    """Shows how an experiment is getting on."""

    def show(self, history: History) -> None:
        """Takes in a change of the history."""

    def tell(self, message: str) -> None:
        """Says something that happened."""

    def close(self) -> None:
        """The experiment is over."""


def make_progress(plan: Plan, name: str) -> Progress:
    """A live line where standard error is a terminal, plain lines elsewhere."""
    return LiveProgress(plan, name) if sys.stderr.isatty() else PlainProgress(plan, name)


class PlainProgress:
    """A line on standard error for every trial that ends."""

    def __init__(self, plan: Plan, name: str) -> None:
        self._plan = plan
        self._ended: set[int] = set()
        self.tell(f"experiment {name} started")

    def show(self, history: History) -> None:
        """Says which trials have ended since the last time."""
        for number, trial in history.trials.items():
            if trial.status is not Status.RUNNING and number not in self._ended:
                self._ended.add(number)
                self.tell(f"{_what_became_of(trial)}  [{self._state(history)}]")

    def tell(self, message: str) -> None:
        """Prints a line."""
        click.echo(message, err=True)

    def close(self) -> None:
        """Nothing is left to do: every line is printed."""

    def _state(self, history: History) -> str:
        best = history.best(self._plan.maximize)
        shown = f", best {best.value:.6g} (trial {best.number})" if best else ""
        return f"{len(self._ended)}/{self._plan.trials} done{shown}"


class LiveProgress:
    """One line on the terminal that is always up to date."""

    def __init__(self, plan: Plan, name: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._plan = plan
        self._name = name
        self._begun = time.monotonic()
        self._trials: tuple[Trial, ...] = ()
        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._line,
            refresh_per_second=5,
            transient=True,
        )
        self._live.start()

    def show(self, history: History) -> None:
        """Keeps what the next refresh shows."""
        self._trials = tuple(history.trials.values())

    def tell(self, message: str) -> None:
        """Prints a line above the live one."""
        self._live.console.print(message, markup=False, highlight=False)

    def close(self) -> None:
        """Takes the live line away."""
        self._live.stop()

    def _line(self) -> Text:
        from rich.text import Text

        history = History({trial.number: trial for trial in self._trials})
        running = len(history.with_status(Status.RUNNING))
        failed = len(history.with_status(Status.FAILED))
        done = len(self._trials) - running
        elapsed = time.monotonic() - self._begun
        line = Text(overflow="ellipsis", no_wrap=True)
        line.append(f"{self._name}  ", "bold")
        line.append(_bar(done, self._plan.trials), "cyan")
        line.append(f" {done}/{self._plan.trials} done, {running} running, ")
        line.append(f"{failed} failed", "red" if failed else "")
        best = history.best(self._plan.maximize)
        if best is not None:
            line.append(", best ")
            line.append(f"{best.value:.6g}", "bold green")
            line.append(f" (trial {best.number})")
        line.append(f"  {clock(elapsed)}{self._left(done, elapsed)}", "dim")
        return line

    def _left(self, done: int, elapsed: float) -> str:
        estimates = []
        if self._plan.seconds is not None:
            estimates.append(max(self._plan.seconds - elapsed, 0.0))
        finished = [trial for trial in self._trials if trial.status is not Status.RUNNING]
        if finished:
            mean = sum(trial.seconds for trial in finished) / len(finished)
            remaining = self._plan.trials - done
            estimates.append(mean * remaining / self._plan.concurrency)
        return f", about {clock(min(estimates))} left" if estimates else ""


def clock(seconds: float) -> str:
    """A duration as a clock shows it.

    >>> clock(65), clock(3700)
    ('1:05', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bar(done: int, total: int, width: int = 20) -> str:
    filled = round(width * done / total) if total else 0
    return "━" * filled + "╌" * (width - filled)


def _what_became_of(trial: Trial) -> str:
    name = f"trial {trial.number}{' (baseline)' if trial.is_baseline else ''}"
    value = f" {trial.value:.6g}" if trial.value is not None else ""
    cause = f": {trial.cause}" if trial.cause else ""
    return f"{name} {trial.status.value}{value}{cause} ({trial.seconds:.1f} s)"
