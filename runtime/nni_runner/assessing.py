"""Which trials are hopeless: the assessor, asked of everything that is recorded.

One that raises, takes too long or answers nonsense costs one assessment: the trial goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nni_runner.complaints import Complaints
from nni_runner.experiment import Place, Plan
from nni_runner.launchers.launcher import Assessed, Notices
from nni_runner.options import make_assessor_of
from nni_runner.store import Store
from nni_runner.trial import Ended, Event, Reported, Started
from nni_runner.tuner_thread import LAST_WORDS_S, Call, Raised, TunerThread
from nni_runner.watching import NonsenseError, Watch

Stop = Callable[[int, int, str], None]  # number, attempt, cause


@dataclass(frozen=True)
class _Step:
    """Something that the assessor is to take in; what `is_old` went wrong before, and was said."""

    event: Started | Reported | Ended
    is_old: bool


class Assessing:
    """Has the assessor, if the plan has one, live through what the store holds, and what follows.

    `stop` is called with the attempts that are hopeless.
    """

    def __init__(
        self, plan: Plan, place: Place, store: Store, notices: Notices, say: Callable[[str], None],
        stop: Stop,
    ) -> None:  # fmt: skip
        self._plan, self._place, self._store = plan, place, store
        self._notices, self._stop = notices, stop
        self._complaints = Complaints(
            "the assessor", place.folder / "assessor-errors.txt", plan.on_tuner_error == "stop", say
        )
        self._left_out: list[Event] = []  # what one has not come to an end with
        self._thread: TunerThread[Watch] | None = None
        if plan.assessor is not None:
            self._begin(is_old=True)

    @property
    def next_look(self) -> float:
        """When to look whether it still answers, by the monotonic clock."""
        if self._thread is None or self._thread.is_idle:
            return math.inf
        return time.monotonic() + max(self._plan.tuner_seconds - self._thread.busy, 0.0)

    def take(self, events: Sequence[Event]) -> None:
        """These have been recorded."""
        for event in events:
            self._send(event, is_old=False)

    def hear(self, assessed: Assessed) -> None:
        """Takes in what the assessor says. Raises RunnerError where that is to end everything."""
        assert isinstance(assessed.call, Call)
        step, answer = assessed.call.about, assessed.answer
        assert isinstance(step, _Step)
        if not isinstance(answer, Raised):
            assert isinstance(step.event, Reported)
            self._stop(step.event.number, step.event.attempt, str(answer))
        elif not step.is_old:
            error = answer.error
            is_nonsense = isinstance(error, NonsenseError)
            what = str(error) if is_nonsense else f"raised {type(error).__name__}: {error}"
            self._complaints.make(what, None if is_nonsense else error, "the trial goes on")

    def look(self) -> None:
        """Begins with another one where this one doesn't answer any more. Raises RunnerError."""
        patience = self._plan.tuner_seconds
        if self._thread is None or self._thread.busy < patience:
            return
        call, message = self._thread.current, f"has not answered for {patience:g} s"
        self._thread.leave()
        self._thread = None
        if call is None:  # it never began
            self._complaints.make(message, None, "no trial is stopped early")
            return
        assert isinstance(call.about, _Step)
        self._left_out.append(call.about.event)
        self._begin(is_old=False)
        self._complaints.make(message, None, "the trial goes on")

    def close(self) -> None:
        """Nothing more is assessed."""
        if self._thread is not None:
            self._thread.leave(LAST_WORDS_S)

    def _begin(self, is_old: bool) -> None:
        plan, place = self._plan, self._place
        assert plan.assessor is not None
        name = plan.assessor
        self._thread = TunerThread(
            lambda: Watch(make_assessor_of(plan), name, place.id), self._answered
        )
        for event in self._store.events():
            self._send(event, is_old)

    def _send(self, event: Event, is_old: bool) -> None:
        if self._thread is not None and isinstance(event, Started | Reported | Ended):
            is_left_out = event in self._left_out
            self._thread.ask(
                lambda watch: watch.take(event, is_left_out), about=_Step(event, is_old)
            )

    def _answered(self, call: Call[Watch], answer: object) -> None:
        if answer:
            self._notices.put(Assessed(call, answer))
