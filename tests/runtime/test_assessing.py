"""The assessor and the loop: who is stopped, who is told, and what an assessor's faults cost."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment, run
from invariants import calls, check_invariants, read
from nni_runner import assessing
from nni_runner.experiment import Plan
from nni_runner.options import make
from nni_runner.report import Report
from nni_runner.resumption import Changes, resume_experiment
from nni_runner.session import run_experiment
from nni_runner.target import find_command, read_target
from nni_runner.trial import Status, Trial
from nni_tuners import Assessor, AssessResult

# Trials report their x three times; those below 0.5 would go on for a minute, if they were let.
SCRIPT = """import time
import nni
x = nni.get_next_parameter()["x"]
for step in range(3):
    nni.report_intermediate_result(x)
if x < 0.5:
    time.sleep(60)
nni.report_final_result(x)
"""
FINAL_FIRST = SCRIPT.replace("for step", "nni.report_final_result(x)\nfor step", 1)
SPACE = {"x": {"_type": "choice", "_value": [0.1, 0.2, 0.6, 0.7, 0.8, 0.9, 1.0]}}
ORDER = [{"x": x} for x in (1.0, 0.9, 0.1, 0.8, 0.7, 0.6)]
AT = 2  # the trial that is to be stopped


class Below(Assessor):
    """Finds every trial below one half hopeless, and remembers what it heard."""

    def __init__(self, *, optimize_mode: str = "maximize") -> None:
        super().__init__(optimize_mode=optimize_mode)
        self.heard: list[Any] = []

    def assess_trial(self, trial_job_id: Any, trial_history: Any) -> Any:
        """Writes down who it was asked about."""
        self.heard.append((trial_job_id[-2:], list(trial_history)))
        return super().assess_trial(trial_job_id, trial_history)

    def trial_end(self, trial_job_id: Any, success: bool) -> None:
        """Writes it down."""
        self.heard.append((trial_job_id[-2:], success))
        super().trial_end(trial_job_id, success)

    def doubt(self, curve: Any) -> str:
        """By the latest result."""
        return "it is low" if curve[-1] > -0.5 else ""

    def learn(self, curve: Any, is_whole: bool) -> None:
        """Nothing."""


class Runs:
    """Experiments with an assessor of the test's own."""

    def __init__(self, folder: Path, kind: type[Assessor], script: str, **plan: Any) -> None:
        self.folder, self.kind = folder, kind
        self.made: list[Assessor] = []
        (folder / "train.py").write_text(script)
        (folder / "search_space.json").write_text(json.dumps(SPACE))
        limits: dict[str, Any] = {
            "trials": 6,
            "seconds": None,
            "concurrency": 1,
            "tuner": "Random",
            "seed": 0,
        }
        given: dict[str, Any] = {"assessor": "Mine", "tried": tuple(ORDER), "baseline": False}
        self.plan = Plan(maximize=True, **(limits | given | plan))

    def make(self, plan: Plan) -> Assessor:
        """The assessor of a plan."""
        self.made.append(self.kind(optimize_mode=plan.optimize_mode))
        return self.made[-1]

    def run(self) -> Report:
        """Runs one to its end."""
        target = read_target(self.folder / "train.py", self.folder / "experiments")
        words = find_command(target, None, None, ())
        return run_experiment(
            self.folder / "train.py", target, words, self.plan, make(self.plan),
            self.folder / "experiments",
        )  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runs]:
    """Makes one."""
    monkeypatch.setenv("PYTHONPATH", clean_environment()["PYTHONPATH"])

    def make_runs(kind: type[Assessor], script: str = SCRIPT, **plan: Any) -> Runs:
        made = Runs(tmp_path, kind, script, **plan)
        monkeypatch.setattr(assessing, "make_assessor_of", made.make)
        return made

    return make_runs


def statuses(report: Report) -> list[Status]:
    """Of its trials."""
    return [trial.status for trial in report.history.trials.values()]


def stopped_at(*numbers: int) -> list[Status]:
    """Of six trials, of which these were stopped."""
    return [Status.EARLY_STOPPED if n in numbers else Status.SUCCEEDED for n in range(6)]


def test_a_hopeless_trial_is_stopped(runs: Callable[..., Runs]) -> None:
    """The tuner is told a poor result of it, the assessor of its end; it never is the best."""
    of = runs(Below)
    report = of.run()
    assert statuses(report) == stopped_at(AT)
    trial = report.history.trials[AT]
    assert trial.cause == "Mine: it is low"
    assert (trial.value, trial.last) == (None, 0.1)
    folder = report.place.folder
    check_invariants(folder)
    assert ["receive", AT, {"x": 0.1}, 0.1] in calls(folder)
    (assessor,) = of.made
    assert isinstance(assessor, Below)
    name = f"-{AT}"
    mine = [heard for heard in assessor.heard if heard[0] == name]
    reports = len(mine) - 1  # as many as it got to before it was stopped
    assert 1 <= reports <= 3
    assert mine == [*((name, [0.1] * number) for number in range(1, reports + 1)), (name, False)]
    assert [who for who, what in assessor.heard if what is True] == ["-0", "-1", "-3", "-4", "-5"]
    told = report.to_json()["trials"][AT]
    assert (told["status"], told["value"], told["cause"]) == ("EARLY_STOPPED", None, trial.cause)
    text = report.to_text()
    assert "(5 succeeded, 1 early_stopped)" in text
    assert re.search(r"\nStopped early by Mine: 1 trial, after [123] intermediate result", text)
    shown = run("nnictl", "trial", "ls", folder).stdout
    assert "EARLY_STOPPED" in shown
    assert trial.cause in shown


def test_an_assessor_hears_of_the_last_end(runs: Callable[..., Runs]) -> None:
    """Also one that is slow to take in the ends before it."""

    class Slow(Below):
        """Thinks about every end."""

        def trial_end(self, trial_job_id: Any, success: bool) -> None:
            """Writes it down, after a while."""
            time.sleep(0.05)
            super().trial_end(trial_job_id, success)

    of = runs(Slow)
    of.run()
    (assessor,) = of.made
    assert isinstance(assessor, Slow)
    assert len([who for who, what in assessor.heard if isinstance(what, bool)]) == 6


def test_a_resumed_assessor_heard_the_same(runs: Callable[..., Runs]) -> None:
    """In the same order, and goes on from there."""
    of = runs(Below)
    report = of.run()
    again = resume_experiment(report.place.folder, Changes(trials=7))
    assert again.plan.assessor == "Mine"
    first, second = of.made
    assert isinstance(first, Below)
    assert isinstance(second, Below)
    assert second.heard[: len(first.heard)] == first.heard
    assert second.heard[-1] == ("-6", False)


def test_what_the_tuner_is_told_is_no_better_than_the_others(runs: Callable[..., Runs]) -> None:
    """Where intermediate results are on another scale than the final one."""
    script = SCRIPT.replace("report_intermediate_result(x)", "report_intermediate_result(100 * x)")

    class BelowFifty(Below):
        def doubt(self, curve: Any) -> str:
            """As the other, on this scale."""
            return super().doubt([curve[-1] / 100])

    folder = runs(BelowFifty, script).run().place.folder
    assert ["receive", AT, {"x": 0.1}, 0.9] in calls(folder)
    check_invariants(folder)


def test_a_final_result_that_came_first_wins(runs: Callable[..., Runs]) -> None:
    """One terminal state: it came before the assessor spoke, or while the trial was ended."""
    script = FINAL_FIRST.replace("time.sleep(60)", "time.sleep(0.2)")
    report = runs(Below, script).run()
    assert statuses(report) == stopped_at()
    check_invariants(report.place.folder)
    stubborn = SCRIPT.replace(
        "    time.sleep(60)",
        "    import signal\n"
        "    signal.signal(signal.SIGTERM, lambda *_: (nni.report_final_result(x), exit(3)))\n"
        "    for step in range(1000):\n"
        "        nni.report_intermediate_result(x)\n"
        "        time.sleep(0.01)",
    )
    report = runs(Below, stubborn.replace("for step in range(3)", "for step in range(0)")).run()
    assert statuses(report) == stopped_at()
    assert report.history.trials[AT].cause == "Mine: it is low, after its final result"
    check_invariants(report.place.folder)


def test_the_baseline_is_never_stopped(runs: Callable[..., Runs], tmp_path: Path) -> None:
    """The others are compared with it."""
    source = (
        '"""@nni.variable(nni.uniform(0, 0.1), name=x)"""\nx = 0.05\n'
        '"""@nni.report_intermediate_result(x)"""\n"""@nni.report_final_result(x)"""\n'
    )
    of = runs(Below, source, baseline=True, tried=(), trials=1)
    (tmp_path / "search_space.json").unlink()
    assert statuses(of.run()) == [Status.SUCCEEDED]


class Wrong(Below):
    """Does something else when it is asked about one trial for the first time."""

    def assess_trial(self, trial_job_id: Any, trial_history: Any) -> Any:
        """Good answers but for one."""
        good = super().assess_trial(trial_job_id, trial_history)
        if trial_job_id.endswith(f"-{AT - 1}") and len(trial_history) == 1:
            return self.go_wrong()
        return good

    def go_wrong(self) -> Any:
        """What it does then."""
        raise NotImplementedError


def raising() -> Any:
    """An error."""
    raise ZeroDivisionError("no")


def leaving() -> Any:
    """As somebody does who calls exit."""
    raise SystemExit(1)


def sleeping() -> Any:
    """Longer than it may."""
    time.sleep(3)


NONSENSE = "answers {}, expected AssessResult.Good or .Bad"
FAULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (raising, "raised ZeroDivisionError: no"),
    "leaves": (leaving, "raised SystemExit: 1"),
    "sleeps": (sleeping, "has not answered for 0.3 s"),
    "None": (lambda: None, NONSENSE.format("null")),
    "text": (lambda: "Bad", NONSENSE.format('"Bad"')),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_one_assessment(
    runs: Callable[..., Runs], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trials go on, hopeless ones are stopped; a resume says nothing of it once more."""
    action, message = FAULTS[fault]
    kind = type("Faulty", (Wrong,), {"go_wrong": lambda _self: action()})
    of = runs(kind, tuner_seconds=0.3 if fault == "sleeps" else 60.0)
    report = of.run()
    assert statuses(report) == stopped_at(AT)
    check_invariants(report.place.folder)
    told = capsys.readouterr().err
    log = report.place.folder / "assessor-errors.txt"
    see = f" (see {log})" if log.exists() else ""
    assert told.count(f"the assessor {message}{see}; the trial goes on\n") == 1
    assert log.exists() == (fault in ("raises", "leaves"))
    assert not log.exists() or "go_wrong" in log.read_text()
    last = of.made[-1]
    again = resume_experiment(report.place.folder, Changes())
    assert again.outcome.status == "done"
    assert isinstance(last, Below)
    assert "the assessor raised" not in capsys.readouterr().err


@pytest.mark.parametrize("fault", FAULTS)
def test_or_the_experiment_ends(runs: Callable[..., Runs], fault: str) -> None:
    """With its reason and its history."""
    action, message = FAULTS[fault]
    kind = type("Faulty", (Wrong,), {"go_wrong": lambda _self: action()})
    script = SCRIPT.replace("nni.report_final", "time.sleep(0.5 * (x == 0.9))\nnni.report_final")
    seconds = 0.3 if fault == "sleeps" else 60.0
    report = runs(kind, script, tuner_seconds=seconds, on_tuner_error="stop").run()
    assert report.outcome.status == "failed"
    assert f"the assessor {message}" in report.outcome.reason
    assert report.best is not None


class Never(Below):
    """Can't even begin."""

    def __init__(self, *, optimize_mode: str = "maximize") -> None:
        super().__init__(optimize_mode=optimize_mode)
        time.sleep(60)


def test_an_assessor_that_never_begins(
    runs: Callable[..., Runs], capsys: pytest.CaptureFixture[str]
) -> None:
    """Is none."""
    script = SCRIPT.replace("time.sleep(60)", "time.sleep(0.3)")
    assert statuses(runs(Never, script, tuner_seconds=0.1).run()) == stopped_at()
    assert "has not answered for 0.1 s; no trial is stopped early\n" in capsys.readouterr().err


def test_an_attempt_is_judged_by_its_own_results(runs: Callable[..., Runs]) -> None:
    """One that was killed and runs again."""
    script = SCRIPT.replace(
        "nni.report_final",
        "import os, signal\n"
        "mark = f'{os.environ[\"NNI_OUTPUT_DIR\"]}/killed'\n"
        "if x == 0.9 and not os.path.exists(mark):\n"
        "    open(mark, 'w').close(); os.kill(os.getpid(), signal.SIGKILL)\n"
        "nni.report_final",
    )
    of = runs(Below, script, retries=1)
    report = of.run()
    assert report.history.trials[1].attempt == 2
    assert statuses(report) == stopped_at(AT)
    (assessor,) = of.made
    assert isinstance(assessor, Below)
    mine = [what for who, what in assessor.heard if who == "-1"]
    lengths = [what if isinstance(what, bool) else len(what) for what in mine]
    assert lengths == [1, 2, 3, False, 1, 2, 3, True]


def test_by_the_command_line(tmp_path: Path) -> None:
    """A real assessor by its name, and what is wrong with its arguments."""
    (tmp_path / "train.py").write_text(SCRIPT.replace("time.sleep(60)", "time.sleep(20)"))
    (tmp_path / "search_space.json").write_text(json.dumps(SPACE))
    (tmp_path / "tried.json").write_text(json.dumps([ORDER[n] for n in (0, 1, 3, 2)]))
    words: list[str | Path] = [
        tmp_path,
        "--maximize",
        "--experiments-dir",
        tmp_path / "experiments",
    ]
    done = run(
        "nni-run", *words, "--trials", "4", "--try", tmp_path / "tried.json", "--json",
        "--assessor", "median_stop", "--assessor-arg", "start_step=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["experiment"]["assessor"] == "Medianstop"
    assert report["experiment"]["assessor_arguments"] == {"start_step": 2}
    assert report["trials"][3]["status"] == "EARLY_STOPPED"
    assert report["trials"][3]["cause"] == (
        "Medianstop: its best 0.1 is worse than the median of 3 trials, 0.9, at step 2"
    )
    assert "1 stopped early" in done.stderr
    facts, _ = read(Path(report["experiment"]["path"]))
    assert facts["assessor"] == "Medianstop"
    for given, message in (
        (("--assessor", "Median"), "--assessor: expected an assessor out of Medianstop, "),
        (("--assessor", "Curvefitting"), "--assessor Curvefitting: epoch_num: expected a value, "),
        (("--assessor-arg", "gap=1"), "--assessor-arg: expected --assessor beside it"),
        (("--assessor", "medianstop", "--assessor-arg", "start"), "--assessor-arg start: expected"),
    ):
        refused = run("nni-run", *words, *given)
        assert refused.returncode == 2
        assert message in refused.stderr


def test_a_trial_that_was_stopped_waits_for_nothing() -> None:
    """It is over, but it didn't fail."""
    trial = Trial(0, {}, status=Status.EARLY_STOPPED)
    assert trial.is_over
    assert AssessResult(False) is AssessResult.Bad
