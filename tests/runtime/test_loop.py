"""The loop with a tuner that goes wrong: it costs one suggestion, and nothing that was found."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from invariants import read
from nni_runner import resumption, session
from nni_runner.errors import RunnerError
from nni_runner.experiment import Plan
from nni_runner.report import Report
from nni_runner.resumption import Changes, resume_experiment
from nni_runner.session import run_experiment
from nni_runner.target import find_command, read_target
from nni_runner.trial import Status
from nni_tuners import NoMoreTrialError, RandomTuner, Tuner

SCRIPT = (
    '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 0.5\n"""@nni.report_final_result(x)"""\n'
)
SLEEP = "import time\ntime.sleep(0.3)\n"
AT = 3  # the trial for which the tuners here go wrong


class Wrong(RandomTuner):
    """Does something else for one trial; whoever it heard of it remembers."""

    def __init__(self, *, optimize_mode: str = "minimize", seed: int | None = None) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        self.heard: list[tuple[int, bool]] = []

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Any:
        """Good suggestions but for one."""
        good = super().generate_parameters(parameter_id, **kwargs)
        return self.go_wrong(good) if parameter_id == AT else good

    def trial_end(self, parameter_id: int, success: bool, **kwargs: Any) -> None:
        """Remembers it."""
        self.heard.append((parameter_id, success))
        super().trial_end(parameter_id, success, **kwargs)

    def go_wrong(self, good: Any) -> Any:
        """What it does then."""
        raise NotImplementedError


def wrong(name: str, action: Callable[[Any], Any]) -> type[Wrong]:
    """A tuner that does that."""
    return type(name, (Wrong,), {"go_wrong": lambda _self, good: action(good)})


def sleeping(good: Any) -> Any:
    """Longer than it may."""
    time.sleep(2)
    return good


def raising(good: Any) -> Any:
    """Whatever it would have suggested."""
    raise ZeroDivisionError(f"no more than {len(good)}")


def leaving(good: Any) -> Any:
    """As somebody does who calls exit."""
    raise SystemExit(len(good))


X = "train/x/uniform"
FAULTS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "raises": (raising, "raised", f"raised ZeroDivisionError when it was asked for trial {AT}"),
    "leaves": (leaving, "raised", f"raised SystemExit when it was asked for trial {AT}: 1"),
    "sleeps": (sleeping, "hung", "has not answered for 0.3 s"),
    "None": (lambda _: None, "nonsense", "expected a dict of parameters, found null"),
    "list": (lambda good: [good], "nonsense", "expected a dict of parameters, found"),
    "nothing": (lambda _: {}, "nonsense", f"left out {X} of trial {AT}"),
    "outside": (lambda _: {X: 7}, "nonsense", f"{X}: "),
    "NaN": (lambda _: {X: float("nan")}, "nonsense", f"{X}: "),
    "another": (lambda good: {**good, "y": 1}, "nonsense", "y: no such parameter"),
}


class Runs:
    """Experiments with a tuner of the test's own."""

    def __init__(self, folder: Path, tuner: type[Tuner], **plan: Any) -> None:
        self.folder = folder
        self.made: list[Tuner] = []
        self.kind = tuner
        limits = {"trials": 6, "seconds": None, "concurrency": 1, "tuner": "Mine", "seed": 0}
        self.plan = Plan(maximize=True, baseline=True, **(limits | plan))

    def make(self, plan: Plan) -> Tuner:
        """The tuner of a plan."""
        self.made.append(self.kind(optimize_mode=plan.optimize_mode, seed=plan.seed))
        return self.made[-1]

    def run(self, script: str = SCRIPT) -> Report:
        """Runs one to its end."""
        (self.folder / "train.py").write_text(script)
        target = read_target(self.folder / "train.py", self.folder / "experiments")
        words = find_command(target, None, None, ())
        return run_experiment(
            self.folder / "train.py", target, words, self.plan, self.make(self.plan),
            self.folder / "experiments",
        )  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runs]:
    """Makes one."""
    monkeypatch.setenv("PYTHONPATH", clean_environment()["PYTHONPATH"])

    def make(tuner: type[Tuner], **plan: Any) -> Runs:
        made = Runs(tmp_path, tuner, **plan)
        for module in (resumption, session):
            monkeypatch.setattr(module, "make", made.make)
        return made

    return make


def next_of(tuner: Tuner) -> list[Any]:
    """What it would suggest now."""
    return [tuner.generate_parameters(1000 + number) for number in range(3)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_suggestion_that_can_t_be_used(
    runs: Callable[..., Runs], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random parameters take its place; a tuner that relives it stands where that one stood."""
    action, word, message = FAULTS[fault]
    of = runs(wrong("Faulty", action), tuner_seconds=0.3 if word == "hung" else 60.0)
    report = of.run()
    assert report.outcome.reason == "trial limit reached"
    assert {trial.status for trial in report.history.trials.values()} == {Status.SUCCEEDED}
    _, events = read(report.place.folder)
    instead = {row.trial: row.data["instead"] for row in events if row.kind == "chosen"}
    assert instead == {number: word if number == AT else "" for number in range(6)}
    told = capsys.readouterr().err
    assert f"the tuner {message}" in told or message in told
    assert f"random parameters for trial {AT} instead" in told
    log = report.place.folder / "tuner-errors.txt"
    assert log.exists() == (word == "raised")
    assert word != "raised" or "go_wrong" in log.read_text()
    last = of.made[-1]
    assert isinstance(last, Wrong)
    assert last.heard == [(number, True) for number in range(6)]
    resume_experiment(report.place.folder, Changes())
    assert of.made[-1] is not last
    assert "suggests something else" not in capsys.readouterr().err
    assert next_of(of.made[-1]) == next_of(last)


@pytest.mark.parametrize("fault", FAULTS)
def test_or_the_experiment_ends(runs: Callable[..., Runs], fault: str) -> None:
    """With its reason, its history and its best trial; and it goes on when it is resumed."""
    action, word, message = FAULTS[fault]
    seconds = 0.3 if word == "hung" else 60.0
    report = runs(wrong("Faulty", action), tuner_seconds=seconds, on_tuner_error="stop").run()
    assert report.outcome.status == "failed"
    assert message in report.outcome.reason
    assert len(report.history.trials) == AT
    assert report.best is not None


class Deaf(RandomTuner):
    """Raises at the result of one trial."""

    def receive_trial_result(
        self, parameter_id: int, parameters: Any, value: Any, **kwargs: Any
    ) -> None:
        """Hears all but one."""
        if parameter_id == AT:
            raise RuntimeError("what?")
        super().receive_trial_result(parameter_id, parameters, value, **kwargs)


def test_a_result_that_the_tuner_can_t_take_in(
    runs: Callable[..., Runs], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is lost on the tuner, not on the experiment."""
    report = runs(Deaf).run()
    assert report.outcome.reason == "trial limit reached"
    assert len(report.history.ranked()) == 6
    assert "raised RuntimeError when it was told of a trial: what?" in capsys.readouterr().err
    report = runs(Deaf, on_tuner_error="stop").run()
    assert report.outcome.status == "failed"
    assert "told of a trial" in report.outcome.reason


class Dead(RandomTuner):
    """Never answers."""

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Any:
        """As good as never."""
        time.sleep(60)
        return super().generate_parameters(parameter_id, **kwargs)


def test_a_tuner_that_never_answers(runs: Callable[..., Runs]) -> None:
    """Is random search, slowly; the time limit holds."""
    report = runs(Dead, tuner_seconds=0.1).run()
    assert len(report.history.ranked()) == 6
    report = runs(Dead, trials=None, seconds=1.0).run()
    assert report.outcome.reason == "time limit reached"
    assert report.seconds < 20


class Refusing(RandomTuner):
    """Can't do with any space."""

    def prepare(self) -> None:
        """Raises."""
        raise ArithmeticError("not with me")


def test_a_tuner_that_can_t_begin(runs: Callable[..., Runs], tmp_path: Path) -> None:
    """Then there is no experiment."""
    with pytest.raises(RunnerError, match=r"ArithmeticError: not with me \(.*:\d+\)"):
        runs(Refusing).run()
    assert not (tmp_path / "experiments").exists()


def test_the_history_says_what_was_asked(runs: Callable[..., Runs]) -> None:
    """So many times a tuner was asked until it came to something new."""

    class Slow(RandomTuner):
        """Suggests its last one twice more."""

        last: Any = None
        times = 0

        def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Any:
            """Something new every third time."""
            self.times += 1
            if self.times % 3 == 1:
                self.last = super().generate_parameters(parameter_id, **kwargs)
            return dict(self.last)

    report = runs(Slow).run()
    _, events = read(report.place.folder)
    chosen = [row.data for row in events if row.kind == "chosen"]
    assert [data["asked"] for data in chosen] == [0, 1, 3, 3, 3, 3]
    assert len({json.dumps(data["parameters"]) for data in chosen}) == 6


def ahead(report: Report) -> int:
    """How many trials at most had been chosen and had not ended."""
    _, events = read(report.place.folder)
    steps = [{"chosen": 1, "ended": -1}.get(row.kind, 0) for row in events]
    return max(itertools.accumulate(steps))


class Thorough(RandomTuner):
    """Takes a sixth of the time of a trial."""

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Any:
        """What it suggests, late."""
        time.sleep(0.05)
        return super().generate_parameters(parameter_id, **kwargs)


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 3)])
def test_a_slow_tuner_is_asked_before_a_slot_is_free(
    runs: Callable[..., Runs], concurrency: int, most: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """But where one trial runs at a time, which is chosen for with all results."""

    of = runs(Thorough, concurrency=concurrency, trials=8)
    report = of.run(SCRIPT + SLEEP)
    assert report.outcome.reason == "trial limit reached"
    assert len(report.history.ranked()) == 8
    assert ahead(report) == most
    last = of.made[-1]
    resume_experiment(report.place.folder, Changes())
    assert "suggests something else" not in capsys.readouterr().err
    assert next_of(of.made[-1]) == next_of(last)


def test_a_quick_tuner_is_asked_when_a_trial_can_start(runs: Callable[..., Runs]) -> None:
    """It knows most then."""
    report = runs(RandomTuner, concurrency=2, trials=8).run(SCRIPT + SLEEP)
    assert len(report.history.ranked()) == 8
    assert ahead(report) == 2


def test_a_tuner_may_have_nothing_while_others_run(runs: Callable[..., Runs]) -> None:
    """That it has nothing for a trial that can't start yet doesn't end the experiment."""

    class Paired(Thorough):
        """Has parameters for two trials at a time."""

        def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Any:
            """Raises where two run."""
            if len(self.pending) == 2:
                raise NoMoreTrialError("not now")
            return super().generate_parameters(parameter_id, **kwargs)

    report = runs(Paired, concurrency=2, trials=6).run(SCRIPT + SLEEP)
    assert report.outcome.reason == "trial limit reached"
    assert ahead(report) == 2
