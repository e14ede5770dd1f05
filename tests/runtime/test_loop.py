"""The loop with a tuner that goes wrong: what was found before is kept and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from nni_runner.experiment import Plan
from nni_runner.session import run_experiment
from nni_runner.target import find_command, read_target
from nni_tuners import RandomTuner

SCRIPT = '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\n"""@nni.report_final_result(x)"""\n'


class Raising(RandomTuner):
    """Raises when it is asked for the third time."""

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """Two good suggestions, then none."""
        if parameter_id == 3:
            raise ZeroDivisionError("no more")
        return super().generate_parameters(parameter_id, **kwargs)


class Outside(RandomTuner):
    """Suggests what is not in the space."""

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """A key that nobody asked for."""
        return {**super().generate_parameters(parameter_id, **kwargs), "other": 1}


@pytest.mark.parametrize(
    ("tuner", "reason", "trials"),
    [
        (Raising, "unforeseen ZeroDivisionError: no more", 3),
        (Outside, "other: no such parameter", 1),
    ],
)
def test_a_tuner_that_goes_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tuner: type[RandomTuner],
    reason: str,
    trials: int,
) -> None:
    """The experiment ends, with its reason, its history and its best trial."""
    monkeypatch.setenv("PYTHONPATH", clean_environment()["PYTHONPATH"])
    (tmp_path / "train.py").write_text(SCRIPT)
    target = read_target(tmp_path / "train.py", tmp_path / "experiments")
    words = find_command(target, None, None, ())
    plan = Plan(True, 9, None, 1, "Mine", 0, baseline=True)
    made = tuner(optimize_mode="maximize", seed=0)
    report = run_experiment(tmp_path, target, words, plan, made, tmp_path / "experiments")
    assert report.outcome.status == "failed"
    assert reason in report.outcome.reason
    assert len(report.history.trials) == trials
    assert report.best is not None
    error = report.place.folder / "error.txt"
    assert error.exists() == (tuner is Raising)
    assert tuner is Outside or "ZeroDivisionError: no more" in error.read_text()
