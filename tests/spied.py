"""A tuner that writes down what it is asked and told, in the process of its runner."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from invariants import calls
from nni_runner.experiment import Plan
from nni_tuners import TPETuner, Tuner

_MADE: list[Spied] = []


class Spied(TPETuner):
    """Writes down what it is asked and told."""

    log: list[list[Any]]

    def update_search_space(self, search_space: Any) -> None:
        """Told where to search."""
        self.log.append(["space", search_space])
        super().update_search_space(search_space)

    def import_data(self, data: Any) -> None:
        """Told results from elsewhere, if there are any."""
        self.log += [["import", data]] if data else []
        super().import_data(data)

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """Asked."""
        parameters = super().generate_parameters(parameter_id, **kwargs)
        self.log.append(["ask", parameter_id, parameters])
        return parameters

    def expect_trial(self, parameter_id: int, parameters: Any) -> None:
        """Told what somebody else chose."""
        self.log.append(["expect", parameter_id, parameters])
        super().expect_trial(parameter_id, parameters)

    def receive_trial_result(
        self, parameter_id: int, parameters: Any, value: Any, **kwargs: Any
    ) -> None:
        """Told a result."""
        self.log.append(["receive", parameter_id, parameters, value])
        super().receive_trial_result(parameter_id, parameters, value, **kwargs)

    def trial_end(self, parameter_id: int, success: bool, **kwargs: Any) -> None:
        """Told an end."""
        self.log.append(["end", parameter_id, success])
        super().trial_end(parameter_id, success, **kwargs)


def make(plan: Plan) -> Tuner:
    """The tuner of every life."""
    tuner = Spied(optimize_mode=plan.optimize_mode, seed=plan.seed)
    tuner.log = []
    _MADE.append(tuner)
    return tuner


def calls_made() -> dict[str, Any]:
    """What the tuner of this life was asked and told, and what it would suggest next."""
    tuner = _MADE[-1]
    calls = list(tuner.log)
    return {"calls": calls, "next": [tuner.generate_parameters(1000 + n) for n in range(3)]}


def check_tuner(folder: Path) -> None:
    """The last runner's tuner heard what the history says, and stands where one that hears it does.

    Nothing else was asked or told, and nothing twice.
    """
    seen = json.loads((folder / "tuner.json").read_text())
    assert seen["calls"] == calls(folder)
    tuner = TPETuner(optimize_mode="maximize", seed=7)
    for kind, number, *rest in calls(folder):
        match kind:
            case "space":
                tuner.update_search_space(number)
            case "import":
                tuner.import_data(number)
            case "ask":
                assert [tuner.generate_parameters(number)] == rest
            case "expect":
                tuner.expect_trial(number, *rest)
            case "receive":
                tuner.receive_trial_result(number, *rest)
            case "end":
                tuner.trial_end(number, *rest)
    assert seen["next"] == [tuner.generate_parameters(1000 + number) for number in range(3)]


def to_the_end(action: Callable[[], int | None]) -> NoReturn:
    """In a child: nothing of what its parent was about to do is done here too."""
    code = 99
    try:
        code = action() or 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)
