"""A tuner of the user's own, behind the interface that the runner speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nni import NoMoreTrialError as NoMoreOfOwn
from nni.tuner import Tuner as OwnTuner
from nni_annotate.domains import Value
from nni_annotate.space import OwnSpace, Parameters, from_record
from nni_runner.errors import RunnerError
from nni_runner.own.loading import make_own
from nni_tuners import NoMoreTrialError, Tuner
from nni_tuners.encode import Floats


class Adapted(Tuner):
    """Says to a tuner of the user's own what NNI says to it, and nothing else."""

    takes_reported = True

    def __init__(self, own: OwnTuner) -> None:
        super().__init__()
        self._own = own
        self._given: dict[int, Any] = {}  # what it suggested and runs, by trial

    def suggest(self) -> Floats:
        """It knows no rows."""
        raise AssertionError("generate_parameters doesn't ask for it")

    def update_search_space(self, search_space: Mapping[str, Any]) -> None:
        """Told as it is."""
        space = from_record(search_space)
        told = space.data if isinstance(space, OwnSpace) else search_space
        self._own.update_search_space(dict(told))

    def generate_parameters(self, parameter_id: int, **_: Any) -> Parameters:
        """Its suggestion, whatever that is."""
        try:
            found = self._own.generate_multiple_parameters([parameter_id])
        except NoMoreOfOwn:
            found = []
        if not found:
            raise NoMoreTrialError("the tuner has nothing further to try")
        self._given[parameter_id] = found[0]
        parameters: Parameters = found[0]
        return dict(parameters) if isinstance(parameters, dict) else parameters

    def expect_trial(self, parameter_id: int, parameters: Mapping[str, Value]) -> None:  # noqa: ARG002
        """NNI says nothing of trials that others chose before they have a result."""
        self._given.pop(parameter_id, None)

    def take_instead(self, parameter_id: int, parameters: Mapping[str, Value]) -> None:
        """Their result comes as if it had suggested them: it may have no seed."""
        if parameter_id in self._given:
            self._given[parameter_id] = dict(parameters)

    def receive_trial_result(
        self, parameter_id: int, parameters: Mapping[str, Value], value: Any, **_: Any
    ) -> None:
        """As NNI does; results of others' parameters are data, unless it takes all alike."""
        own = self._own
        if parameter_id in self._given:
            own.receive_trial_result(parameter_id, self._given[parameter_id], value)
        elif getattr(own, "_accept_customized", False):
            own.receive_trial_result(parameter_id, dict(parameters), value, customized=True)
        else:
            own.import_data([{"parameter": dict(parameters), "value": value}])

    def trial_end(self, parameter_id: int, success: bool, **_: Any) -> None:
        """Of trials that it chose."""
        if parameter_id in self._given:
            self._own.trial_end(parameter_id, success)
            del self._given[parameter_id]

    def import_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Nothing is said of no data."""
        if data:
            self._own.import_data([dict(entry) for entry in data])


def make_own_tuner(name: str, directory: Path, arguments: Mapping[str, Any]) -> Tuner:
    """A tuner of the class `module.Class`. Raises RunnerError."""
    try:
        return Adapted(make_own(name, directory, arguments, OwnTuner))
    except RunnerError as error:
        raise RunnerError(f"tuner: {error}") from error
