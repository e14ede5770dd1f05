"""Ask, start, listen, tell, until done: the one loop that runs an experiment."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nni_trial
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace
from nni_runner.errors import RunnerError
from nni_runner.experiment import Place, Plan
from nni_runner.launchers.launcher import Exited, Interrupted, Job, Launcher, Notices, Rang
from nni_runner.requests import Asked, Kill, Stop, Update
from nni_runner.results import ResultsFile
from nni_runner.store import Store
from nni_runner.trial import CHECKPOINT, Ended, Event, History, Reported, Started, Status, Trial
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


@dataclass
class _Slot:
    """A running trial, seen from the loop."""

    results: ResultsFile
    begun: float
    canceled: tuple[Status, str] | None = None
    finals: int = 0
    asked: list[Asked] = field(default_factory=list)


@dataclass
class Loop:
    """Runs the trials of one experiment; `show` is told history and plan after every change."""

    plan: Plan
    place: Place
    code: Path
    command: tuple[str, ...]
    space: SearchSpace
    defaults: Parameters
    tuner: Tuner
    store: Store
    launcher: Launcher
    notices: Notices
    show: Callable[[History, Plan], None]
    tell: Callable[[str], None]
    history: History = field(default_factory=History)
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _ending: Outcome | None = None
    _exhausted: bool = False
    _deadline: float = math.inf
    _begun: float = 0.0

    def run(self) -> Outcome:
        """Runs until the limits are reached, the trials all fail, or somebody interrupts.

        What makes it impossible to go on, such as a full disk, is the outcome too.
        """
        self._begun = time.monotonic()
        if self.plan.seconds is not None:
            self._deadline = self._begun + self.plan.seconds
        try:
            while True:
                self._fill_slots()
                if not self._slots:
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
            number = len(self.history.trials)
            given = self._given_to(number)
            if given is None:
                return
            self._start(number, *given, is_baseline=self._is_baseline(number))

    def _may_start(self) -> bool:
        if self._ending or self._exhausted or self._looks_broken():
            return False
        limit = math.inf if self.plan.trials is None else self.plan.trials
        return len(self.history.trials) < limit and time.monotonic() < self._deadline

    def _looks_broken(self) -> bool:
        limit = FAILURES_WITH_BASELINE if self.plan.baseline else FAILURES_WITHOUT
        failed = len(self.history.with_status(Status.FAILED))
        return failed >= limit and not self.history.with_status(Status.SUCCEEDED)

    def _is_baseline(self, number: int) -> bool:
        return number == 0 and self.plan.baseline

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

    def _start(
        self, number: int, parameters: Parameters, extra: Parameters, *, is_baseline: bool
    ) -> None:
        output, results = self.place.output(number), self.place.results(number)
        given_file = self.place.folder / "results" / f"{number}.parameters.json"
        try:
            output.mkdir()
            # The baseline gets no values: the code's own hold, also those nobody could read off.
            given = {} if is_baseline else parameters | extra
            given_file.write_text(json.dumps(given), encoding="utf-8")
            self._write_parameters(number, parameters)
            if CHECKPOINT in extra:
                Path(extra[CHECKPOINT]).mkdir(parents=True, exist_ok=True)
            file = ResultsFile(number, results)
        except OSError as error:
            raise _cannot_write(error, output) from None
        self._slots[number] = _Slot(file, time.monotonic())
        self._record([Started(number, parameters, is_baseline, time.time(), extra)])
        environment = {
            "NNI_PLATFORM": "local",
            "NNI_EXP_ID": self.place.id,
            "NNI_TRIAL_JOB_ID": f"{self.place.id}-{number}",
            "NNI_TRIAL_SEQ_ID": str(number),
            "NNI_OUTPUT_DIR": str(output),
            "NNI_SYS_DIR": str(output),
            "NNI_CODE_DIR": str(self.code),
            nni_trial.PARAMETERS_FILE: str(given_file),
            nni_trial.RESULTS_FILE: str(results),
        }
        self.launcher.start(Job(number, self.command, self.code, output, environment))

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
            case Exited(number, code, problem):
                self._finish(number, code, problem)
            case Interrupted(number):
                self._interrupt(number)
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
            state = "has not started" if trial is None else f"has ended: {trial.status.value}"
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
            self._deadline = self._begun + update.value
        self.tell(update.in_words())
        self.show(self.history, self.plan)
        asked.done(update.in_words())

    def _interrupt(self, signal: int) -> None:
        if self._ending and self._ending.signal is not None:
            for number in self._slots:
                self.launcher.kill(number)
            return
        outcome = Outcome("interrupted", "interrupted", signal)
        self._end(outcome, Status.USER_CANCELED, "interrupted")
        self.tell("ending the running trials; everything so far is kept (again: at once)")

    def _end(self, outcome: Outcome, status: Status, cause: str) -> None:
        """Starts no more trials and ends those that run."""
        self._ending = outcome
        for number, slot in self._slots.items():
            slot.canceled = slot.canceled or (status, cause)
            self.launcher.terminate(number)

    def _listen(self, number: int) -> None:
        slot = self._slots[number]
        events: list[Event] = []
        for event in slot.results.read():
            if isinstance(event, Reported) and event.kind == "final":
                slot.finals += 1
                if slot.finals > 1:
                    self.tell(f"trial {number} reported a second final result; the first counts")
                    continue
            events.append(event)
        if events:
            self._record(events)

    def _finish(self, number: int, code: int | None, problem: str) -> None:
        self._listen(number)
        slot = self._slots.pop(number)
        if slot.results.close():
            self.tell(f"trial {number} ended in the middle of a report, which is lost")
        status, cause = verdict(self.history.trials[number], code, problem, slot.canceled)
        seconds = time.monotonic() - slot.begun
        self._record([Ended(number, status, cause, seconds, time.time())])
        trial = self.history.trials[number]
        if trial.is_baseline:
            with contextlib.suppress(OSError):
                self._write_parameters(number, self._rerunnable(trial.parameters))
        for asked in slot.asked:
            cause = f", {trial.cause}" if trial.cause else ""
            asked.done(f"trial {number}: {trial.status.value}{cause}")
        self._tell_tuner(trial)

    def _rerunnable(self, own: Parameters) -> Parameters:
        """The script's own values but for those that could not be given to it: left out, they hold.

        A value that its text tells is known for its own; one that running it told has to lie in
        the space.
        """
        return {
            key: value
            for key, value in own.items()
            if key in self.defaults or SearchSpace({key: self.space[key]}).contains({key: value})
        }

    def _write_parameters(self, number: int, parameters: Parameters) -> None:
        text = json.dumps(parameters, indent=4) + "\n"
        (self.place.output(number) / "parameters.json").write_text(text, encoding="utf-8")

    def _tell_tuner(self, trial: Trial) -> None:
        succeeded = trial.status is Status.SUCCEEDED
        if trial.is_baseline and not self.space.contains(trial.parameters):
            return  # the script's own values lie outside the space, or aren't all known
        parameters = self.space.canonical(trial.parameters)
        if trial.is_baseline:  # its values may not be known before its end
            self.tuner.expect_trial(trial.number, parameters)
        if succeeded:
            self.tuner.receive_trial_result(trial.number, parameters, trial.value)
        self.tuner.trial_end(trial.number, succeeded)

    def _record(self, events: list[Event]) -> None:
        self.store.record(events)
        for event in events:
            self.history.add(event)
        self.show(self.history, self.plan)

    def _outcome(self) -> Outcome:
        if self._ending:
            return self._ending
        if self._looks_broken():
            failed = len(self.history.with_status(Status.FAILED))
            return Outcome("failed", f"the first {failed} trials all failed")
        if self._exhausted:
            return Outcome("done", "search space exhausted")
        if time.monotonic() >= self._deadline:
            return Outcome("done", _OUT_OF_TIME)
        return Outcome("done", "trial limit reached")

    def _abandon(self) -> None:
        """Gives every trial that an error left running its end in the history."""
        for number, slot in self._slots.items():
            slot.results.close()
            seconds = time.monotonic() - slot.begun
            event = Ended(number, Status.SYS_CANCELED, "the runner failed", seconds, time.time())
            with contextlib.suppress(RunnerError):  # it is what failed, perhaps
                self.store.record([event])
            self.history.add(event)
        self._slots.clear()


def _cannot_write(error: OSError, place: Path) -> RunnerError:
    return RunnerError(f"{error.filename or place}: can't be written: {error.strerror}")
