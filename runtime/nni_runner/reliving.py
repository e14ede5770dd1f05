"""A fresh tuner lives through a recorded history: asked at each start, told at each end.

Same seed, same questions, same answers in the same order: so it stands where the one before it
stood, and no tuner has to be written down.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nni_annotate.space import Parameters, SearchSpace, from_record
from nni_runner.experiment import Plan
from nni_runner.history import History
from nni_runner.trial import Chosen, Ended, Event, Imported, SpaceChanged, Status, Trial
from nni_tuners import Tuner


def tell(tuner: Tuner, space: SearchSpace, trial: Trial, value: float | None) -> None:
    """Tells the tuner what became of a trial, once, if it is over; `value` is its result, if any.

    That of one that was stopped early is none for a tuner whose trials hand on more than a result.
    """
    if not trial.is_over or not space.contains(trial.parameters):
        return  # the script's own values may lie outside the space, or not all be known
    succeeded = trial.status is Status.SUCCEEDED
    is_stopped = trial.status is Status.EARLY_STOPPED and not tuner.extra_keys
    parameters = space.canonical(trial.parameters)
    if trial.is_baseline:  # its values may not be known before its end
        tuner.expect_trial(trial.number, parameters)
    if succeeded or (is_stopped and value is not None):
        is_as_reported = succeeded and tuner.takes_reported
        tuner.receive_trial_result(
            trial.number, parameters, trial.final if is_as_reported else value
        )
    tuner.trial_end(trial.number, succeeded)


def relive(tuner: Tuner, plan: Plan, events: Iterable[Event]) -> list[int]:
    """Takes a fresh tuner to the end of the events; what it raised then, it may raise again.

    What is recorded counts: the trials for which it suggests something else are returned.
    """
    life = _Life(tuner, plan, History(plan.maximize, plan.duplicates == "average"))
    for event in events:
        life.live(event)
    return life.others


@dataclass
class _Life:
    tuner: Tuner
    plan: Plan
    history: History
    space: SearchSpace | None = None
    others: list[int] = field(default_factory=list)

    def live(self, event: Event) -> None:
        """The next event."""
        self.history.add(event)
        match event:
            case SpaceChanged():
                self._enter(from_record(event.search_space))
            case Imported():
                with contextlib.suppress(Exception, SystemExit):
                    self.tuner.import_data(event.results)
            case Chosen():
                self._ask(event)
            case Ended():
                self._tell(self.history.trials[event.number])

    def _enter(self, space: SearchSpace) -> None:
        self.tuner.update_search_space(space.to_json())
        if self.space is None:
            # The best come last: a tuner that forgets some forgets the earliest.
            learned = sorted(
                self.plan.learned, key=lambda known: known["value"], reverse=not self.plan.maximize
            )
            self.tuner.import_data(learned)
        self.space = space

    def _ask(self, event: Chosen) -> None:
        if event.is_baseline:
            return
        if event.number - self.plan.baseline >= len(self.plan.tried):
            suggestion = ""
            for _ in range(event.asked):
                suggestion = self._suggestion(event.number)
            if not event.instead and suggestion == _text(event.parameters):
                return
            if not event.instead:
                self.others.append(event.number)
                self._learn_of(event, self.tuner.take_instead)
                return
        self._learn_of(event, self.tuner.expect_trial)

    def _learn_of(self, event: Chosen, take: Callable[[int, Parameters], None]) -> None:
        with contextlib.suppress(Exception, SystemExit):  # as in its first life, and told then
            take(event.number, event.parameters)

    def _tell(self, trial: Trial) -> None:
        assert self.space is not None
        with contextlib.suppress(Exception, SystemExit):
            tell(self.tuner, self.space, trial, self.history.told(trial))

    def _suggestion(self, number: int) -> str:
        with contextlib.suppress(Exception, SystemExit):
            assert self.space is not None
            suggested = self.tuner.generate_parameters(number)
            own = {k: v for k, v in suggested.items() if k not in self.tuner.extra_keys}
            return _text(self.space.canonical(own))
        return ""


def _text(parameters: Parameters) -> str:
    return json.dumps(parameters, sort_keys=True)
