"""Hyperband: brackets of successive halving, from many short trials to few whole ones.

Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar, Hyperband: A Novel Bandit-Based Approach to
Hyperparameter Optimization, JMLR 18 (2018): algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nni_annotate.domains import Value, show
from nni_annotate.space import Parameters
from nni_tuners.arguments import check_count
from nni_tuners.brackets import Bracket, rounds
from nni_tuners.encode import Floats
from nni_tuners.errors import NoMoreTrialError, TunerError
from nni_tuners.novelty import novelty, untried
from nni_tuners.tuner import Tuner

BUDGET = "TRIAL_BUDGET"
MODES = ("parallelism", "serial")


class Halving(Tuner):
    """Gives each trial a budget, `TRIAL_BUDGET`, and the best of a round one `eta` times as large.

    How much a trial does with it is its own business: so many epochs, say. What ran without a
    budget belongs to no round. Brackets that have begun come first; another one begins where none
    has a trial that could start.
    """

    extra_keys = (BUDGET,)
    least, most, eta = 1.0, 60.0, 3  # budgets, and by what they grow

    def __init__(self, *, optimize_mode: str, seed: int | None) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        self._brackets: list[Bracket] = []
        self._running: dict[int, tuple[Bracket, Floats, int]] = {}

    def prepare(self) -> None:
        """Begin with no brackets. Raises TunerError where the space has a key that is added."""
        if BUDGET in self.code.space:
            raise TunerError(f"{BUDGET}: this tuner adds it; expected another name")
        self._brackets, self._running = [], {}
        self._halvings = self._most_halvings

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Parameters:
        """Parameters, and the budget of the trial; who asks once more had no use for the others."""
        self._give_up(parameter_id)
        parameters = super().generate_parameters(parameter_id, **kwargs)
        bracket, budget = self._turn
        self._running[parameter_id] = bracket, self.pending[parameter_id], budget
        return parameters | {BUDGET: budget}

    def suggest(self) -> Floats:
        """What the first bracket that can start a trial starts it with."""
        while True:
            bracket = next((one for one in self._brackets if one.has_next), None) or self._begin()
            self._turn = bracket, bracket.budget
            if bracket.step:
                return bracket.start()
            row = self.propose()
            if novelty(self)(self.code.canonical(row)):
                bracket.started += 1
                return row
            if not bracket.started:
                self._brackets.remove(bracket)
                raise NoMoreTrialError("everything has been tried")
            bracket.cut()

    def propose(self) -> Floats:
        """A row for a first round: a draw from the prior, untried while there are such."""
        return untried(self, self.code.draw(self.rng, 1))

    def learn(self, row: Floats, loss: float, budget: int) -> None:
        """Learn a result with a budget; NaN is a failed trial."""

    def receive_trial_result(
        self, parameter_id: int, parameters: Mapping[str, Value], value: Any, **kwargs: Any
    ) -> None:
        """Learn a final result, as other tuners do."""
        super().receive_trial_result(parameter_id, parameters, value, **kwargs)
        self._end(parameter_id)

    def trial_end(self, parameter_id: int, success: bool, **kwargs: Any) -> None:
        """Learn that a trial ended, as other tuners do."""
        super().trial_end(parameter_id, success, **kwargs)
        self._end(parameter_id)

    def _give_up(self, parameter_id: int) -> None:
        if parameter_id in self._running:
            bracket, row, _ = self._running.pop(parameter_id)
            bracket.end(row, math.nan)

    def _begin(self) -> Bracket:
        """The next bracket: s of algorithm 1 falls to 0, and begins anew."""
        halvings, self._halvings = self._halvings, self._halvings - 1
        if self._halvings < 0:
            self._halvings = self._most_halvings
        self._brackets = [one for one in self._brackets if not one.is_over]
        made = rounds(self.most, self.eta, halvings, self._most_halvings)
        self._brackets.append(Bracket(made))
        return self._brackets[-1]

    @property
    def _most_halvings(self) -> int:
        return math.floor(math.log(self.most / self.least) / math.log(self.eta) + 1e-6)

    def _end(self, parameter_id: int) -> None:
        """Take in what became of a trial, the latest of the history."""
        if parameter_id in self._running:
            bracket, row, budget = self._running.pop(parameter_id)
            loss = float(self.history.losses[-1])
            bracket.end(row, loss)
            self.learn(row, loss, budget)


class HyperbandTuner(Halving):
    """Draws many trials at random, and goes on with the best of them.

    R: the largest budget of a trial
    eta: one of so many trials is promoted
    exec_mode: taken, and without effect
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        R: int = 60,  # noqa: N803 - NNI's name, and the paper's
        eta: int = 3,
        exec_mode: str = "parallelism",
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_count("R", R)
        check_count("eta", eta, least=2)
        if exec_mode not in MODES:
            expected = " or ".join(MODES)
            raise TunerError(f"exec_mode: expected {expected}, found {show(exec_mode)}")
        self.most, self.eta = float(R), eta
