"""Ask, start, listen, assess, tell, until done: the one loop that runs an experiment."""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nni_annotate.space import Parameters, SearchSpace
from nni_runner.assessing import Assessing
from nni_runner.changing import change
from nni_runner.choosing import Chooser
from nni_runner.errors import RunnerError, StorageError, UsageError
from nni_runner.experiment import Place, Plan
from nni_runner.gpus.gpus import Gpus
from nni_runner.history import History
from nni_runner.inbox import Inbox
from nni_runner.launchers.launcher import (
    Answered,
    Assessed,
    End,
    Exited,
    Interrupted,
    Job,
    Launcher,
    Notice,
    Notices,
    Rang,
    Said,
    Stuck,
)
from nni_runner.launchers.preloading import Preloading
from nni_runner.limits import Failures, is_reached
from nni_runner.outcome import ENOUGH, OUT_OF_TIME, REACHED, Outcome, unforeseen
from nni_runner.preparing import NoRoomError, prepare, write_rerunnable
from nni_runner.progress import Progress
from nni_runner.recording import Recorder
from nni_runner.recovery import abandon
from nni_runner.requests import Asked, Change, ChangeSpace, Import, Kill, Stop, Update
from nni_runner.results import ResultsFile
from nni_runner.slot import Slot
from nni_runner.slots import Slots
from nni_runner.store import Store
from nni_runner.threads import share_of_cores
from nni_runner.trial import Chosen, Event, Started, Status, Trial, after
from nni_runner.width import Width
from nni_tuners import Tuner, TunerError

_ENDING_S, _KILLING_S = 10.0, 3.0  # that trials have: what takes longer is stopped, say


@dataclass
class Loop:
    """Runs the trials of one experiment.

    The history may have begun already: the tuner knows of it then, `used` are the seconds that it
    took, and `older` the results of attempts that were cut off, which may still come in. `fresh`
    is as `Chooser` takes it.
    """

    plan: Plan
    place: Place
    code: Path
    command: tuple[str, ...]
    space: SearchSpace
    defaults: Parameters
    tuner: Tuner
    fresh: Callable[[], Callable[[], Tuner]]
    store: Store
    launcher: Launcher
    gpus: Gpus
    notices: Notices
    progress: Progress
    history: History = field(default_factory=History)
    used: float = 0.0
    older: dict[int, ResultsFile] = field(default_factory=dict)
    preloading: Preloading = field(default_factory=Preloading)

    def __post_init__(self) -> None:
        self._slots = Slots(self.launcher, self.history)
        self._ending: Outcome | None = None
        self._begun = time.monotonic()
        self._deadline = self._given_up = math.inf
        if self.plan.seconds is not None:
            self._deadline = self._begun + self.plan.seconds - self.used
        self._queue = deque(n for n, trial in self.history.trials.items() if not trial.is_over)
        self._failures = Failures()
        self._width = Width()
        self._inbox = Inbox(self.notices, self._take, self._is_ending)
        self._recorder = Recorder(self.store, self.history, self._inbox, self.progress.tell)
        self._chooser = Chooser(
            self.plan, self.place, self.space, self.defaults, self.history, self.tuner, self.fresh,
            self.notices, self._inbox, self.progress.tell,
        )  # fmt: skip
        self._assessing = Assessing(
            self.plan, self.place, self.store, self.notices, self.progress.tell,
            self._slots.stop_early,
        )  # fmt: skip

    def run(self) -> Outcome:
        """Runs until the limits are reached, the trials all fail, or somebody interrupts.

        What makes it impossible to go on is the outcome too.
        """
        if is_reached(self.plan, self.history):
            self._ending = REACHED
        try:
            while True:
                self._fill_slots()
                is_idle = not self._slots and not self._may_start()
                if is_idle or time.monotonic() >= self._given_up:
                    return self._outcome()
                self._choose_ahead()
                self._take(self._inbox.next(self._patience()))
        except (RunnerError, TunerError) as error:
            return self._cut_off(str(error))
        except Exception as error:  # noqa: BLE001 - unforeseen: kept, told, and nothing is lost
            return self._cut_off(unforeseen(error, self.place.folder))
        finally:
            self._chooser.close()
            self._assessing.close()
            self.launcher.close()
            self._abandon()

    def _cut_off(self, problem: str) -> Outcome:
        if self._ending is None or self._ending.signal is None:
            return Outcome("failed", problem)
        self.progress.tell(problem)
        return self._ending

    def _is_ending(self) -> bool:
        return self._ending is not None or time.monotonic() >= self._deadline

    def _fill_slots(self) -> None:
        while self._may_start():
            limit = self._width.limit(self.plan.concurrency, time.monotonic())
            if len(self._slots) >= limit or not self._start_next():
                return

    def _may_start(self) -> bool:
        if self._is_ending() or self._failures.too_many(self.plan, self.history):
            return False
        limit = math.inf if self.plan.trials is None else self.plan.trials
        is_exhausted = self._chooser.is_exhausted
        return bool(self._queue) or (not is_exhausted and len(self.history.trials) < limit)

    def _choose_ahead(self) -> None:
        """Chooses for a trial before it can start, if it would be kept waiting for that.

        One at a time is chosen for with the results of all before it, however long that takes.
        """
        if self.plan.concurrency == 1 or self._queue or not self._inbox.is_empty:
            return
        number = len(self.history.trials)
        if self._may_start() and (chosen := self._chooser.choose_ahead(number)):
            self._claim(chosen)
            self._queue.append(number)

    def _start_next(self) -> bool:
        """Starts a trial that waits, or a new one; whether there was any, and room for it."""
        number = self._queue[0] if self._queue else len(self.history.trials)
        gpus = self.gpus.take(number)
        if gpus is None:  # the tuner is asked when the trial can start: it knows most then
            return False
        if self._queue:
            return self._start(self.history.trials[self._queue.popleft()], gpus)
        chosen = self._chooser.choose(number)
        if chosen is not None:
            return self._start(after(None, chosen), gpus, chosen)
        self.gpus.give_back(number)
        return False

    def _start(self, trial: Trial, gpus: dict[str, str], chosen: Chosen | None = None) -> bool:
        """Starts the next attempt at a trial, which may be new; whether that was possible."""
        number, attempt = trial.number, trial.attempt + 1
        try:
            file, environment = self._recorder.patiently(
                lambda: prepare(self.place, self.code, trial, attempt, self.tuner)
            )
        except NoRoomError as error:
            self._claim(chosen)
            self.gpus.give_back(number)
            self._make_wait(number, str(error))
            return False
        slot = Slot(number, file, self.older.pop(number, None), self.progress.tell)
        self._slots[number] = slot
        self._claim(chosen, Started(number, attempt, time.time()))
        if self._is_ending() or slot.canceled:  # it came while there was nowhere to write
            slot.cancel(Status.SYS_CANCELED, "not started", is_cut_off=True)
            self._finish(Exited(number))
            return True
        environment |= gpus | share_of_cores(self.plan.concurrency)
        slot.preload = self.preloading.of_trial(number, self.plan.trials)
        job = Job(
            number, self.command, self.code, self.place.output(number), environment,
            self.plan.trial_seconds, slot.preload,
        )  # fmt: skip
        self.launcher.start(job)
        return True

    def _make_wait(self, number: int, problem: str) -> None:
        """There is no room for this trial: it waits, and fewer run at a time for a while."""
        self._queue.appendleft(number)
        if math.isinf(self._width.most):
            self.progress.tell(f"{problem}; fewer trials run until there is room for more")
        self._width.narrow(len(self._slots), time.monotonic())

    def _claim(self, chosen: Chosen | None, *started: Started) -> None:
        """Writes down what is about to run, before it does."""
        self._record([*([chosen] if chosen else []), *started])
        if chosen:
            self._chooser.take(chosen)

    def _patience(self) -> float:
        """How long to wait for the next notice, in s; what is to be synced by now, is before."""
        due = self._recorder.sync()
        times = (self._deadline, self._width.next_try, self._assessing.next_look, due)
        return (self._given_up if self._ending else min(times)) - time.monotonic()

    def _take(self, notice: Notice | None) -> None:
        """Takes in a notice, or acts on the time limit."""
        match notice:
            case Rang(numbers):
                self._listen(numbers)
            case Exited(number) if self._slots[number].results.is_far_behind:
                self._listen({number})
                self.notices.put(notice)  # whoever asks for something comes first
            case Exited():
                self._finish(notice)
            case Stuck(number):
                self._slots.end_stuck(number)
            case Answered():
                self._chooser.hear(notice)
            case Assessed():
                self._assessing.hear(notice)
            case Said(message):
                self.progress.tell(message)
            case Interrupted(received):
                self._interrupt(received)
            case Asked(Stop()) if self._ending is None:  # answered by the end itself
                self._interrupt(signal.SIGINT)
            case Asked(Kill(number)):
                self._slots.kill(number, notice)
            case Asked(Update() | ChangeSpace() | Import() as request):
                self._change(request, notice)
        self._assessing.look()
        if time.monotonic() >= self._deadline and self._ending is None:
            self._end(OUT_OF_TIME, Status.SYS_CANCELED, "time limit")

    def _change(self, request: Change, asked: Asked) -> None:
        """Goes on as somebody wants it; so do those who resume the experiment."""
        if self._ending:
            asked.refuse("the experiment is ending")
            return
        try:
            limits = change(request, self.store, self.history, self._chooser, self._queue)
        except (StorageError, UsageError) as error:
            asked.refuse(str(error))
            return
        self.plan, self.space = replace(self.plan, **limits), self._chooser.space
        if "seconds" in limits:
            self._deadline = self._begun + limits["seconds"] - self.used
        self.progress.tell(request.in_words())
        self.progress.show(self.history, self.plan)
        asked.done(request.in_words())

    def _interrupt(self, received: int) -> None:
        if self._ending and self._ending.signal is not None:
            self._slots.kill_all()
            self._given_up = time.monotonic() + _KILLING_S
            return
        outcome = Outcome("interrupted", "interrupted", received)
        self._end(outcome, Status.USER_CANCELED, "interrupted")
        self.progress.tell("ending the running trials; everything so far is kept (again: at once)")

    def _end(self, outcome: Outcome, status: Status, cause: str) -> None:
        """Starts no more trials and ends those that run."""
        self._ending = outcome
        self._given_up = time.monotonic() + _ENDING_S
        self._slots.end_all(status, cause)

    def _listen(self, numbers: Iterable[int]) -> None:
        """Takes in what these trials have reported, as far as they still run."""
        slots = [self._slots[number] for number in sorted(self._slots.keys() & numbers)]
        trials = self.history.trials
        self._record([event for slot in slots for event in slot.heard(trials[slot.number])])
        if more := frozenset(slot.number for slot in slots if slot.results.has_more):
            self.notices.put(Rang(more))

    def _finish(self, exited: Exited) -> None:
        """Takes in the end of an attempt."""
        number, slot = exited.number, self._slots[exited.number]
        self._record(slot.end(self.history.trials[number], exited, self.plan.retries))
        del self._slots[number]
        self.gpus.give_back(number)
        slot.close()
        trial = self.history.trials[number]
        slot.answer(trial)
        if not trial.is_over:
            self._try_again(trial, exited, slot)
            return
        self._width.relax()
        self._failures.take(trial)
        if trial.status is Status.SUCCEEDED and self.preloading.confirm(number):
            self.progress.tell(f"trial {number} failed as a fork only: none is one from here on")
        if trial.is_baseline:
            write_rerunnable(self.place, trial, self.defaults, self.space)
        self._chooser.tell(trial)
        if is_reached(self.plan, self.history) and not self._ending:
            self._end(REACHED, Status.SYS_CANCELED, REACHED.reason)

    def _try_again(self, trial: Trial, exited: Exited, slot: Slot) -> None:
        """Of a trial that isn't over: it waits for its turn, unless the experiment ends."""
        if self._ending:
            return
        if slot.is_doubtful(exited):
            self.preloading.doubt(trial.number)
        if exited.end is End.NO_ROOM:
            self._make_wait(trial.number, f"trial {trial.number} {trial.cause}")
        else:
            self._queue.append(trial.number)

    def _record(self, events: Sequence[Event]) -> None:
        if events:
            self._recorder.record(events)
            self._assessing.take(events)
            self.progress.show(self.history, self.plan, events)

    def _outcome(self) -> Outcome:
        if self._ending:
            return self._ending
        if why := self._failures.too_many(self.plan, self.history):
            return Outcome("failed", why)
        if self._chooser.is_exhausted:
            return Outcome("done", "search space exhausted")
        return OUT_OF_TIME if time.monotonic() >= self._deadline else ENOUGH

    def _abandon(self) -> None:
        """Gives every trial that something left running its end in the history."""
        for file in self.older.values():
            file.close()
        for slot in self._slots.values():
            slot.close()
        if self._slots:
            abandon(self.store, self.history, self.place)
        self._slots.clear()
