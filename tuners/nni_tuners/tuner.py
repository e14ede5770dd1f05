"""The interface of a tuner, NNI's, and what all tuners share behind it.

Outside there are parameters, ids and values that may have to be maximised; inside there are rows
of numbers (see `encode`), a history of them, and losses that are always minimised.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nni_annotate.domains import Value, show
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners.encode import Code, Floats
from nni_tuners.errors import NoMoreTrialError, TunerError
from nni_tuners.history import History

SIGNS = {"minimize": 1, "maximize": -1}


class Tuner(ABC):
    """Proposes parameters and learns from the results of the trials that ran with them.

    A tuner implements `suggest`, and `prepare` where it sets something up for a search space.
    The same seed and the same calls in the same order give the same suggestions.

    `extra_keys` are what parameters hold besides those of the search space; results may come back
    with them or without. One that `takes_reported` is told results as they were reported, dicts
    too. `checkpoints` is the folder for checkpoints, where parameters name any.
    """

    extra_keys: ClassVar[tuple[str, ...]] = ()
    takes_reported: ClassVar[bool] = False
    checkpoints: Path | None = None

    def __init__(self, *, optimize_mode: str = "minimize", seed: int | None = None) -> None:
        if optimize_mode not in SIGNS:
            modes = " or ".join(SIGNS)
            raise TunerError(f"optimize_mode: expected {modes}, found {show(optimize_mode)}")
        if seed is not None and (not isinstance(seed, int) or seed < 0):
            raise TunerError(f"seed: expected an int from 0 on, or None; found {show(seed)}")
        self.optimize_mode = optimize_mode
        self.rng = np.random.default_rng(seed)
        self.pending: dict[int, Floats] = {}  # trials that have not ended, by parameter id
        self._known: tuple[Code, History] | None = None

    @classmethod
    def arguments(cls) -> dict[str, Any]:
        """The arguments that not every tuner takes, with their defaults."""
        found = inspect.signature(cls).parameters.items()
        common = ("optimize_mode", "seed")
        return {name: parameter.default for name, parameter in found if name not in common}

    @property
    def code(self) -> Code:
        """The search space and how its parameters become rows."""
        return self._ready()[0]

    @property
    def history(self) -> History:
        """The trials that ended."""
        return self._ready()[1]

    def prepare(self) -> None:  # noqa: B027 - some tuners have nothing to set up
        """Set up for a search space that is new to this tuner."""

    @abstractmethod
    def suggest(self) -> Floats:
        """The row to try next.

        Raises NoMoreTrialError where there is none.
        """

    def follow(self, leader: Tuner, history: History | None = None) -> None:
        """Suggest for another tuner: from its search space, trials and random numbers.

        history: those of its trials that are to be learned from, all by default
        """
        self._known, self.pending, self.rng = leader._ready(), leader.pending, leader.rng
        if history is not None:
            self._known = leader.code, history
        self.prepare()

    def update_search_space(self, search_space: Mapping[str, Any]) -> None:
        """Take a search space, or its JSON object; trials that lie in it too stay known.

        Raises SpaceError naming the key at fault.
        """
        space = (
            search_space
            if isinstance(search_space, SearchSpace)
            else SearchSpace.from_json(search_space)
        )
        previous, pending = self._known, self.pending
        code = Code(space)
        history = History(len(code.columns))
        self._known, self.pending = (code, history), {}
        if previous is not None:
            self._carry_over(*previous, pending)
        self.prepare()

    def generate_parameters(self, parameter_id: int, **_: Any) -> Parameters:
        """Parameters for the trial of that id: a plain Python value for every key, extra ones too.

        Raises NoMoreTrialError where there is nothing further to try.
        """
        parameters = self.code.decode(self.suggest())
        self.pending[parameter_id] = self.code.encode(parameters)
        return parameters

    def generate_multiple_parameters(
        self, parameter_id_list: Sequence[int], **kwargs: Any
    ) -> list[Parameters]:
        """Parameters for as many of these ids as there are, from the first on."""
        many: list[Parameters] = []
        for parameter_id in parameter_id_list:
            try:
                many.append(self.generate_parameters(parameter_id, **kwargs))
            except NoMoreTrialError:
                break
        return many

    def given(self, parameters: Parameters, extra: Parameters) -> Parameters:
        """What a trial gets that runs with these parameters and what it has besides."""
        return parameters | extra

    def expect_trial(self, parameter_id: int, parameters: Mapping[str, Value]) -> None:
        """Know of a trial that runs with parameters which somebody else chose.

        Raises TunerError where they lie outside the search space.
        """
        self.pending[parameter_id] = self._row_of(parameters)

    def take_instead(self, parameter_id: int, parameters: Mapping[str, Value]) -> None:
        """Know that its trial ran with these in an earlier life, and not with what it suggests now.

        Raises TunerError where they lie outside the search space.
        """
        self.expect_trial(parameter_id, parameters)

    def receive_trial_result(
        self, parameter_id: int, parameters: Mapping[str, Value], value: Any, **_: Any
    ) -> None:
        """Learn a final result: a number, or a dict that has it as its `default`.

        The id may be one that this tuner never generated. NaN and infinities are failed trials.
        Raises TunerError where the parameters lie outside the search space.
        """
        row, loss = self._row_of(parameters), self._loss_of(value)
        self.pending.pop(parameter_id, None)
        self.history.add(row, loss)

    def trial_end(self, parameter_id: int, success: bool, **_: Any) -> None:  # noqa: ARG002
        """Learn that a trial ended; one that ended without a result has failed, `success` or not.

        Does nothing for trials whose result was received and for ids that are not this tuner's.
        """
        row = self.pending.pop(parameter_id, None)
        if row is not None:
            self.history.add(row, None)

    def import_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Learn earlier results, each `{"parameter": {...}, "value": ...}`; all of them or none.

        Raises TunerError naming the entry at fault.
        """
        entries = []
        for position, entry in enumerate(data):
            try:
                entries.append((self._row_of(entry["parameter"]), self._loss_of(entry["value"])))
            except KeyError as error:
                raise TunerError(f"data[{position}]: expected a key {error}, found none") from None
            except TunerError as error:
                raise TunerError(f"data[{position}]: {error}") from None
        for row, loss in entries:
            self.history.add(row, loss)

    def _ready(self) -> tuple[Code, History]:
        if self._known is None:
            raise TunerError("no search space yet: call update_search_space first")
        return self._known

    def _row_of(self, parameters: Mapping[str, Value]) -> Floats:
        own = {key: value for key, value in parameters.items() if key not in self.extra_keys}
        try:
            canonical = self.code.space.canonical(own)
        except SpaceError as error:
            raise TunerError(str(error)) from None
        for key in self.code.space:
            if key not in canonical:
                raise TunerError(f"{key}: expected a value, found none")
        return self.code.encode(canonical)

    def _loss_of(self, value: Any) -> float | None:
        """The value turned so that smaller is better, None where it is no finite number."""
        number = value.get("default") if isinstance(value, Mapping) else value
        if not isinstance(number, Real) or isinstance(number, bool):
            raise TunerError(
                f'expected a number, or a dict with a number as "default"; found {show(value)}'
            )
        try:
            loss = SIGNS[self.optimize_mode] * float(number)
        except OverflowError:
            return None
        return loss if math.isfinite(loss) else None

    def _carry_over(self, code: Code, history: History, pending: Mapping[int, Floats]) -> None:
        """Keep what was known in another search space, as far as it lies in this one."""
        space = self.code.space
        for row, loss in zip(history.rows, history.losses.tolist(), strict=True):
            parameters = code.decode(row)
            if space.contains(parameters):
                row = self.code.encode(space.canonical(parameters))
                self.history.add(row, None if math.isnan(loss) else loss)
        for parameter_id, row in pending.items():
            parameters = code.decode(row)
            if space.contains(parameters):
                self.pending[parameter_id] = self.code.encode(space.canonical(parameters))
