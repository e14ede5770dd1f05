"""What the next trial runs with: the script's own values, what somebody wrote down, then the tuner.

A tuner that raises, takes too long or answers nonsense costs its one suggestion: random parameters
take the place of it, unless the plan says to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nni_annotate.domains import show
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace
from nni_runner.complaints import Complaints
from nni_runner.errors import RunnerError
from nni_runner.experiment import Place, Plan
from nni_runner.history import History, key_of
from nni_runner.inbox import Inbox
from nni_runner.launchers.launcher import Answered, Notices
from nni_runner.reliving import tell
from nni_runner.trial import Chosen, Trial
from nni_runner.tuner_thread import LAST_WORDS_S, Call, Nothing, Raised, TunerThread
from nni_tuners import Tuner, random_parameters

_WORTH_WAITING = 0.05  # of the time of a trial: so long to wait for parameters is not too long
MOST_ASKED = 5  # times for one trial, as long as what the tuner suggests has been tried


@dataclass(frozen=True)
class _Fault:
    """Why the tuner's own suggestion can't be used: by a word, and in words."""

    word: str
    message: str
    error: BaseException | None = None


_ENDING = object()
_Suggestion = tuple[Parameters, Parameters]


class Chooser:
    """Chooses the parameters of trials, and tells the tuner of them and of what became of them.

    The tuner knows what is in the history; `fresh` gives what makes another one that knows what is
    in there by then.
    """

    def __init__(
        self, plan: Plan, place: Place, space: SearchSpace, defaults: Parameters, history: History,
        tuner: Tuner, fresh: Callable[[], Callable[[], Tuner]], notices: Notices, inbox: Inbox,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._plan, self._space, self._defaults = plan, space, defaults
        self._history = history
        self._fresh, self._notices, self._inbox = fresh, notices, inbox
        self._extra_keys = tuner.extra_keys
        log, is_last_straw = place.folder / "tuner-errors.txt", plan.on_tuner_error == "stop"
        self._complaints = Complaints("the tuner", log, is_last_straw, say)
        self._thread = TunerThread(lambda: tuner, self._answered)
        self._is_hung = False
        self._tried = {key_of(t.parameters, t.extra) for t in history.trials.values()}
        self.is_exhausted = False
        self._times, self._seconds = 0, 0.0  # that the tuner was asked, and how long it took
        self._looks_ahead = True

    def choose(self, number: int) -> Chosen | None:
        """A new trial's parameters; None where there are none, or the experiment ends."""
        if number == 0 and self._plan.baseline:
            return Chosen(number, self._defaults, True, time.time(), asked=0)
        if self._is_given(number):
            given = self._plan.tried[number - self._plan.baseline]
            return Chosen(number, given, False, time.time(), asked=0)
        return self._ask(number)

    def choose_ahead(self, number: int) -> Chosen | None:
        """Of a trial that can't start yet, if it would have to wait for its parameters then.

        They are chosen without the latest results. A tuner that has none as long as others run is
        asked when they have ended.
        """
        if not (self._looks_ahead and self._keeps_waiting()):
            return None
        chosen = self.choose(number)
        if self.is_exhausted:
            self.is_exhausted = self._looks_ahead = False
        return chosen

    def take(self, chosen: Chosen) -> None:
        """The choice is recorded: a trial runs with it."""
        self._tried.add(key_of(chosen.parameters, chosen.extra))
        if self._is_hung:
            self._thread.leave()
            self._thread = TunerThread(self._fresh(), self._answered)
            self._is_hung = False
        elif chosen.instead or self._is_given(chosen.number):
            number, parameters = chosen.number, chosen.parameters
            if not self._space.contains(parameters):  # written down for another search space
                return
            self._thread.tell(lambda tuner: tuner.expect_trial(number, parameters))

    def tell(self, trial: Trial) -> None:
        """Tells the tuner what became of a trial."""
        value, space = self._history.told(trial), self._space
        self._thread.tell(lambda tuner: tell(tuner, space, trial, value))

    @property
    def space(self) -> SearchSpace:
        """The search space in which it chooses."""
        return self._space

    def change_space(self, space: SearchSpace) -> None:
        """From here on it chooses in this one."""
        self._space, self.is_exhausted = space, False
        self._thread.tell(lambda tuner: tuner.update_search_space(space.to_json()))

    def learn(self, results: Sequence[dict[str, Any]]) -> None:
        """Tells the tuner results that are none of this experiment's trials."""
        self.is_exhausted = False
        self._thread.tell(lambda tuner: tuner.import_data(results))

    def hear(self, answered: Answered) -> None:
        """Takes in that the tuner raised something when it was told something."""
        if isinstance(answered.answer, Raised):
            fault = _raised(answered.answer.error, "told of a trial")
            self._complaints.make(fault.message, fault.error, "it goes on without that")

    def close(self) -> None:
        """Nothing more is chosen."""
        self._thread.leave(LAST_WORDS_S)

    def _keeps_waiting(self) -> bool:
        """Whether the tuner takes longer than a trial should stand in line for it."""
        summary = self._history.summary()
        waiting, running = self._seconds * summary.done, summary.seconds * self._times
        return waiting > _WORTH_WAITING * running

    def _is_given(self, number: int) -> bool:
        return 0 <= number - self._plan.baseline < len(self._plan.tried)

    def _ask(self, number: int) -> Chosen | None:
        """The tuner's suggestion, or what takes its place."""
        asked = 0
        while asked < MOST_ASKED:
            answer = self._answer(number)
            if answer is _ENDING:
                return None
            if isinstance(answer, Nothing):
                self.is_exhausted = True
                return None
            asked += not (isinstance(answer, _Fault) and answer.word == "hung")
            found = answer if isinstance(answer, _Fault) else self._checked(answer, number)
            if isinstance(found, _Fault):
                instead = f"random parameters for trial {number} instead"
                self._complaints.make(found.message, found.error, instead)
                return self._random(number, asked, found)
            if not self._is_tried(*found):
                return Chosen(number, found[0], False, time.time(), found[1], asked)
        return self._random(number, asked, _Fault("tried", "suggests what has been tried"))

    def _answer(self, number: int) -> Any:
        """What the tuner returns, Nothing, or a fault; _ENDING where the experiment ends."""
        patience, begun = self._plan.tuner_seconds, time.monotonic()
        left = patience - self._thread.busy
        if left > 0:
            call = self._thread.ask(lambda tuner: tuner.generate_parameters(number))
            notice = self._inbox.wait_for(
                lambda one: isinstance(one, Answered) and one.call is call, left
            )
            self._times, self._seconds = self._times + 1, self._seconds + time.monotonic() - begun
            if isinstance(notice, Answered):
                answer = notice.answer
                if not isinstance(answer, Raised):
                    return answer
                return _raised(answer.error, f"asked for trial {number}")
            self._is_hung = not self._thread.withdraw(call)
        if self._inbox.is_ending():
            return _ENDING
        return _Fault("hung", f"has not answered for {patience:g} s")

    def _checked(self, answer: Any, number: int) -> _Suggestion | _Fault:
        """The parameters and what else the tuner gives the trial."""
        if not isinstance(answer, Mapping):
            return _Fault("nonsense", f"expected a dict of parameters, found {show(answer)}")
        try:
            extra = {key: answer[key] for key in self._extra_keys}
            own = {key: value for key, value in answer.items() if key not in self._extra_keys}
            parameters = self._space.canonical(own)
        except SpaceError as error:
            return _Fault("nonsense", f"its suggestion for trial {number}: {error}")
        except KeyError as error:
            return _Fault("nonsense", f"its suggestion for trial {number} has no {error}")
        missing = [key for key in self._space if key not in parameters]
        if missing:
            return _Fault("nonsense", f"left out {', '.join(missing)} of trial {number}")
        return parameters, extra

    def _is_tried(self, parameters: Parameters, extra: Parameters) -> bool:
        if self._plan.duplicates != "skip" or self._space.is_own:
            return False  # what is the same in a tuner's own search space only that tuner knows
        key = key_of(parameters, extra)
        return key in self._tried or key == self._baseline_key()

    def _baseline_key(self) -> str:
        """That of the script's own values, which are known when it has run."""
        baseline = self._history.baseline
        if baseline is None or not self._space.contains(baseline.parameters):
            return ""
        return key_of(self._space.canonical(baseline.parameters), {})

    def _random(self, number: int, asked: int, fault: _Fault) -> Chosen | None:
        """Random parameters that have not been tried; None where everything has been."""
        if self._extra_keys or self._space.is_own:
            extra = f"it also gives trials {', '.join(self._extra_keys)}"
            why = "the search space is its own" if self._space.is_own else extra
            raise RunnerError(f"the tuner {fault.message}; nothing can take its place, as {why}")
        found = random_parameters(
            self._space, (self._plan.seed, number), lambda one: self._is_tried(one, {})
        )
        if found is None:
            self.is_exhausted = True
            return None
        return Chosen(number, found, False, time.time(), {}, asked, fault.word)

    def _answered(self, call: Call[Tuner], answer: object) -> None:
        self._notices.put(Answered(call, answer))


def _raised(error: BaseException, when: str) -> _Fault:
    message = f"raised {type(error).__name__} when it was {when}: {error}"
    return _Fault("raised", message, error)
