"""What a person sees while an experiment runs; reads the history and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from nni_runner.experiment import Plan
from nni_runner.history import History, Summary
from nni_runner.messages import say
from nni_runner.trial import Ended, Event, Status, Trial

if TYPE_CHECKING:
    from rich.text import Text


class Progress(Protocol):
    """Shows how an experiment is getting on."""

    def show(self, history: History, plan: Plan, events: Sequence[Event] = ()) -> None:
        """Takes in a change of the plan, or the events that are new in the history."""

    def tell(self, message: str) -> None:
        """Says something that happened."""

    def close(self) -> None:
        """The experiment is over."""


def make_progress(plan: Plan, name: str, history: History, used: float) -> Progress:
    """A live line where standard error is a terminal that can show one, plain lines elsewhere.

    The history may have begun already, and taken so many seconds.
    """
    state = State(plan, history.summary(), used)
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        return LiveProgress(state, name)
    return PlainProgress(state, name, history)


class PlainProgress:
    """A line on standard error for every trial that ends."""

    def __init__(self, state: State, name: str, history: History) -> None:
        self._state = state
        begun = f"goes on: {', '.join(state.parts())}" if history.trials else "started"
        self.tell(f"experiment {name} {begun}")

    def show(self, history: History, plan: Plan, events: Sequence[Event] = ()) -> None:
        """Says which trials have ended."""
        self._state.take(history.summary(), plan)
        for event in events:
            if isinstance(event, Ended):
                parts = ", ".join(self._state.parts())
                self.tell(f"{_what_became_of(history.trials[event.number])}  [{parts}]")

    def tell(self, message: str) -> None:
        """Prints a line."""
        say(message)

    def close(self) -> None:
        """Nothing is left to do: every line is printed."""


class LiveProgress:
    """One line on the terminal that is always up to date."""

    def __init__(self, state: State, name: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._name = name
        self._state = state
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console,
            get_renderable=self._line,
            refresh_per_second=5,
            transient=True,
        )
        with contextlib.suppress(OSError):
            self._live.start()
            self._console.show_cursor(True)  # a stopped runner must not leave it hidden

    def show(self, history: History, plan: Plan, events: Sequence[Event] = ()) -> None:  # noqa: ARG002
        """Keeps what the next refresh shows."""
        self._state.take(history.summary(), plan)

    def tell(self, message: str) -> None:
        """Prints a line above the live one."""
        with contextlib.suppress(OSError):
            self._console.print(message, markup=False, highlight=False)

    def close(self) -> None:
        """Takes the live line away."""
        with contextlib.suppress(OSError):
            self._live.stop()

    def _line(self) -> Text:
        """As much as the terminal is wide: the counts first, a bar where there is room."""
        from rich.text import Text

        text = ", ".join(self._state.parts())
        width = self._console.width - 1
        bar = self._state.bar(min(20, width - len(text) - 2), self._console.encoding)
        if len(bar) + len(text) + len(self._name) + 4 <= width:
            text = f"{self._name}  {text}"
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(text)
        if bar:
            line.append(f"  {bar}", "cyan")
        line.highlight_regex(r"best [^,]*", "bold green")
        line.highlight_regex(r"[1-9]\d* failed", "red")
        return line


class State:
    """What there is to say of a running experiment, in words; another thread may be reading."""

    def __init__(self, plan: Plan, summary: Summary, used: float = 0.0) -> None:
        self._begun = time.monotonic() - used
        self._now = plan, summary

    def take(self, summary: Summary, plan: Plan) -> None:
        """Keeps how it stands now."""
        self._now = plan, summary

    def parts(self) -> list[str]:
        """Done, running, failed, best, time and time left."""
        plan, summary = self._now
        limit = "" if plan.trials is None else f"/{plan.trials}"
        parts = [
            f"{summary.done}{limit} done",
            f"{summary.running} running",
            f"{summary.counts.get(Status.FAILED, 0)} failed",
        ]
        if stopped := summary.counts.get(Status.EARLY_STOPPED, 0):
            parts.append(f"{stopped} stopped early")
        if summary.best is not None:
            parts.append(f"best {summary.best:.6g}")
        parts.append(clock(time.monotonic() - self._begun))
        left = self._seconds_left()
        if left is not None:
            parts.append(f"{clock(left)} left")
        return parts

    def bar(self, width: int, encoding: str) -> str:
        """How much is done, as a bar; "" where there is no room or no limit to measure by."""
        plan, summary = self._now
        if width < 6 or plan.trials is None:
            return ""
        filled = round(width * summary.done / plan.trials)
        full, empty = ("━", "╌") if encoding.lower().startswith("utf") else ("#", ".")
        return full * filled + empty * (width - filled)

    def _seconds_left(self) -> float | None:
        """By the time limit, and by what the trials took so far; None where nothing tells."""
        plan, summary = self._now
        estimates = []
        if plan.seconds is not None:
            estimates.append(max(plan.seconds - (time.monotonic() - self._begun), 0.0))
        if summary.seconds and plan.trials is not None:
            mean = summary.seconds / summary.done
            age = summary.running * time.time() - summary.started
            work = mean * (plan.trials - summary.done - summary.running)
            work += max(mean * summary.running - age, 0.0)
            estimates.append(work / plan.concurrency)
        return min(estimates, default=None)


def clock(seconds: float) -> str:
    """A duration as a clock shows it.

    >>> clock(65), clock(3700)
    ('1:05', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _what_became_of(trial: Trial) -> str:
    name = f"trial {trial.number}{' (baseline)' if trial.is_baseline else ''}"
    value = f" {trial.value:.6g}" if trial.value is not None else ""
    cause = f": {trial.cause}" if trial.cause else ""
    return f"{name} {trial.status.value}{value}{cause} ({trial.seconds:.1f} s)"
