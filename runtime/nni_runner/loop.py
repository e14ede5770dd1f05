"""Ask, start, listen, tell, until done: the one loop that runs an experiment."""

from __future__ import annotations

import contextlib
import math
import queue
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace
from nni_runner.errors import RunnerError
from nni_runner.experiment import Place, Plan
from nni_runner.gpus.gpus import Gpus
from nni_runner.launchers.launcher import (
    Exited,
    Interrupted,
    Job,
    Launcher,
    Looked,
    Notices,
    Rang,
)
from nni_runner.preparing import prepare, rerunnable, write_parameters
from nni_runner.recovery import judged, late
from nni_runner.reliving import tell
from nni_runner.requests import Asked, Kill, Stop, Update
from nni_runner.results import ResultsFile
from nni_runner.store import Store
from nni_runner.trial import (
    Chosen,
    Ended,
    Event,
    History,
    Started,
    Status,
    Trial,
)
from nni_runner.verdict import verdict
from nni_tuners import NoMoreTrialError, Tuner, TunerError

# So many failures and not one success, and the script itself is taken to be broken. The baseline
# is the script as its author runs it, so its failure weighs more.
FAILURES_WITH_BASELINE = 3
FAILURES_WITHOUT = 5
_OUT_OF_TIME = "time limit reached"


@dataclass(frozen=True)
class Outcome:
    """How an experiment ended: "done", "interrupted" or "failed", and why in words."""

    status: str
    reason: str
    signal: int | None = None


_REACHED = Outcome("done", "goal reached")


@dataclass
class _Slot:
    """A running trial, seen from the loop.

    `canceled` says why it is to end; `interrupted` that this is no end of the trial itself.
    """

    results: ResultsFile
    begun: float
    canceled: tuple[Status, str] | None = None
    interrupted: bool = False
    asked: list[Asked] = field(default_factory=list)


@dataclass
class Loop:
    """Runs the trials of one experiment; `show` is told history and plan after every change.

    The history may have begun already: the tuner knows of it then, `used` are the seconds that it
    took, and `older` the results of attempts that were cut off, which may still come in.
    """

    plan: Plan
    place: Place
    code: Path
    command: tuple[str, ...]
    space: SearchSpace
    defaults: Parameters
    tuner: Tuner
    store: Store
    launcher: Launcher
    gpus: Gpus
    notices: Notices
    show: Callable[[History, Plan], None]
    tell: Callable[[str], None]
    history: History = field(default_factory=History)
    used: float = 0.0
    older: dict[int, ResultsFile] = field(default_factory=dict)
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _ending: Outcome | None = None
    _exhausted: bool = False
    _deadline: float = math.inf
    _begun: float = 0.0
    _queue: deque[int] = field(default_factory=deque)
    _failed_before: int = 0

    def run(self) -> Outcome:
        """Runs until the limits are reached, the trials all fail, or somebody interrupts.

        What makes it impossible to go on, such as a full disk, is the outcome too.
        """
        self._begun = time.monotonic()
        if self.plan.seconds is not None:
            self._deadline = self._begun + self.plan.seconds - self.used
        self._queue.extend(n for n, trial in self.history.trials.items() if not trial.is_over)
        if any(map(self.plan.is_reached, self.history.trials.values())):
            self._ending = _REACHED
        self._failed_before = len(self.history.with_status(Status.FAILED))
        try:
            while True:
                self._fill_slots()
                if not self._slots and not self._may_start():
                    return self._outcome()
                self._wait()
        except (RunnerError, TunerError) as error:
            return Outcome("failed", str(error))
        except Exception as error:  # noqa: BLE001 - a tuner's, say: kept, told, and nothing is lost
            return Outcome("failed", self._kept(error))
        finally:
            self.launcher.close()
            self._abandon()

    def _kept(self, error: Exception) -> str:
        """Writes down where an unforeseen error came from; what to say of it."""
        file = self.place.folder / "error.txt"
        with contextlib.suppress(OSError):
            file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return f"unforeseen {type(error).__name__}: {error} (see {file})"

    def _fill_slots(self) -> None:
        while len(self._slots) < self.plan.concurrency and self._may_start():
            number = self._queue[0] if self._queue else len(self.history.trials)
            gpus = self.gpus.take(number)
            if gpus is None:  # the tuner is asked when the trial can start: it knows more then
                return
            if not self._queue and not self._choose(number):
                self.gpus.give_back(number)
                return
            self._start(self.history.trials[self._queue.popleft()], gpus)

    def _may_start(self) -> bool:
        if self._ending or self._looks_broken() or time.monotonic() >= self._deadline:
            return False
        limit = math.inf if self.plan.trials is None else self.plan.trials
        return bool(self._queue) or (not self._exhausted and len(self.history.trials) < limit)

    def _looks_broken(self) -> bool:
        limit = FAILURES_WITH_BASELINE if self.plan.baseline else FAILURES_WITHOUT
        return self._failed() >= limit and not self.history.with_status(Status.SUCCEEDED)

    def _failed(self) -> int:
        """How many trials failed since this runner began."""
        return len(self.history.with_status(Status.FAILED)) - self._failed_before

    def _is_baseline(self, number: int) -> bool:
        return number == 0 and self.plan.baseline

    def _choose(self, number: int) -> bool:
        """Makes a new trial wait, its parameters in the history; whether there are any."""
        given = self._given_to(number)
        if given is None:
            return False
        parameters, extra = given
        self._record([Chosen(number, parameters, self._is_baseline(number), time.time(), extra)])
        self._queue.append(number)
        return True

    def _given_to(self, number: int) -> tuple[Parameters, Parameters] | None:
        """The script's own, then those that somebody wrote down, then the tuner's, and its extra.

        None where the tuner has nothing to try.
        """
        if self._is_baseline(number):
            return self.defaults, {}
        at = number - self.plan.baseline
        if at >= len(self.plan.tried):
            return self._ask(number)
        self.tuner.expect_trial(number, self.plan.tried[at])
        return self.plan.tried[at], {}

    def _ask(self, number: int) -> tuple[Parameters, Parameters] | None:
        try:
            suggested = self.tuner.generate_parameters(number)
            extra = {key: suggested.pop(key) for key in self.tuner.extra_keys}
            parameters = self.space.canonical(suggested)
        except NoMoreTrialError:
            self._exhausted = True
            return None
        except SpaceError as error:
            raise RunnerError(f"the tuner's suggestion for trial {number}: {error}") from None
        missing = [key for key in self.space if key not in parameters]
        if missing:
            raise RunnerError(f"the tuner left out {', '.join(missing)} of trial {number}")
        return parameters, extra

    def _start(self, trial: Trial, gpus: dict[str, str]) -> None:
        number, attempt = trial.number, trial.attempt + 1
        file, environment = prepare(self.place, self.code, trial, attempt)
        self._slots[number] = _Slot(file, time.monotonic())
        self._record([Started(number, attempt, time.time())])
        output = self.place.output(number)
        limit = self.plan.trial_seconds
        environment |= gpus
        self.launcher.start(Job(number, self.command, self.code, output, environment, limit))

    def _wait(self) -> None:
        """Takes in the next notice, or acts on the time limit."""
        left = self._deadline - time.monotonic()
        try:
            notice = self.notices.get(timeout=None if math.isinf(left) else max(left, 0))
        except queue.Empty:
            self._deadline = math.inf
            self._end(Outcome("done", _OUT_OF_TIME), Status.SYS_CANCELED, "time limit")
            return
        match notice:
            case Rang():
                for number in list(self._slots):
                    self._listen(number)
            case Looked():
                pass  # the slots are filled next
            case Exited():
                self._finish(notice)
            case Interrupted(received):
                self._interrupt(received)
            case Asked(Stop()):  # answered by the end itself
                if self._ending is None:
                    self._interrupt(signal.SIGINT)
            case Asked(Kill(number)):
                self._kill(number, notice)
            case Asked(Update() as update):
                self._update(update, notice)

    def _kill(self, number: int, asked: Asked) -> None:
        """Ends a trial that somebody wants to end; it answers when it has."""
        if number not in self._slots:
            trial = self.history.trials.get(number)
            state = "has not started"
            if trial is not None and trial.is_over:  # one that was cut off waits to run again
                state = f"has ended: {trial.status.value}"
            asked.refuse(f"trial {number} {state}")
            return
        slot = self._slots[number]
        slot.canceled = slot.canceled or (Status.USER_CANCELED, "killed by the user")
        slot.asked.append(asked)
        self.launcher.terminate(number)

    def _update(self, update: Update, asked: Asked) -> None:
        """Goes on by another limit, which holds for those who resume the experiment too."""
        if self._ending:
            asked.refuse("the experiment is ending")
            return
        changed: dict[str, Any] = {update.limit: update.value}
        self.store.describe(changed)
        self.plan = replace(self.plan, **changed)
        if update.limit == "seconds":
            self._deadline = self._begun + update.value - self.used
        self.tell(update.in_words())
        self.show(self.history, self.plan)
        asked.done(update.in_words())

    def _interrupt(self, received: int) -> None:
        if self._ending and self._ending.signal is not None:
            for number in self._slots:
                self.launcher.kill(number)
            return
        outcome = Outcome("interrupted", "interrupted", received)
        self._end(outcome, Status.USER_CANCELED, "interrupted")
        self.tell("ending the running trials; everything so far is kept (again: at once)")

    def _end(self, outcome: Outcome, status: Status, cause: str) -> None:
        """Starts no more trials and ends those that run."""
        self._ending = outcome
        for number, slot in self._slots.items():
            if slot.canceled is None:
                slot.canceled, slot.interrupted = (status, cause), True
            self.launcher.terminate(number)

    def _listen(self, number: int) -> None:
        results = judged(self._slots[number].results.read(), self.history.trials[number])
        if any(result.ignored for result in results):
            self.tell(f"trial {number} reported a second final result; the first counts")
        self._record(results)

    def _finish(self, exited: Exited) -> None:
        number = exited.number
        self._listen(number)
        slot = self._slots.pop(number)
        self.gpus.give_back(number)
        if slot.results.close():
            self.tell(f"trial {number} ended in the middle of a report, which is lost")
        if exited.left:
            self.tell(f"trial {number} left processes behind, now ended: {exited.left}")
        if number in self.older:
            older = self.older.pop(number)
            self._record(late(older.read()))
            older.close()
        trial = self.history.trials[number]
        status, cause = verdict(trial, exited, slot.canceled)
        interrupted = slot.interrupted and status is not Status.SUCCEEDED
        self._record([_ended(trial, status, cause, slot.begun, interrupted)])
        trial = self.history.trials[number]
        if trial.is_baseline:
            with contextlib.suppress(OSError):
                own = rerunnable(trial.parameters, self.defaults, self.space)
                write_parameters(self.place, number, own)
        tell(self.tuner, self.space, trial)
        for asked in slot.asked:
            cause = f", {trial.cause}" if trial.cause else ""
            asked.done(f"trial {number}: {trial.status.value}{cause}")
        if self.plan.is_reached(trial) and not self._ending:
            self._end(_REACHED, Status.SYS_CANCELED, _REACHED.reason)

    def _record(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self.store.record(events)
        for event in events:
            self.history.add(event)
        self.show(self.history, self.plan)

    def _outcome(self) -> Outcome:
        if self._ending:
            return self._ending
        if self._looks_broken():
            return Outcome("failed", f"the first {self._failed()} trials all failed")
        if self._exhausted:
            return Outcome("done", "search space exhausted")
        if time.monotonic() >= self._deadline:
            return Outcome("done", _OUT_OF_TIME)
        return Outcome("done", "trial limit reached")

    def _abandon(self) -> None:
        """Gives every trial that an error left running its end in the history."""
        for number, slot in self._slots.items():
            slot.results.close()
            trial = self.history.trials[number]
            if trial.attempt == 0 or trial.has_ended:  # it is the claim that failed
                continue
            status, cause = Status.SYS_CANCELED, "the runner failed"
            event = _ended(trial, status, cause, slot.begun, interrupted=True)
            with contextlib.suppress(RunnerError):  # it is what failed, perhaps
                self.store.record([event])
            self.history.add(event)
        self._slots.clear()
        for older in self.older.values():
            older.close()


def _ended(trial: Trial, status: Status, cause: str, begun: float, interrupted: bool) -> Ended:
    seconds = time.monotonic() - begun
    return Ended(trial.number, status, cause, seconds, time.time(), trial.attempt, interrupted)
