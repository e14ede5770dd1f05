"""`nni.experiment`, as programs and notebooks use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nni.experiment
from conftest import ROOT, clean_environment, run
from invariants import read
from nni.experiment import (
    AlgorithmConfig,
    CustomAlgorithmConfig,
    Experiment,
    ExperimentConfig,
    LocalConfig,
)
from nni_runner.lock import running
from waiting import wait_for

TRAIN = """
import os, time
import nni
x = nni.get_next_parameter()["x"]
nni.report_intermediate_result(x / 2)
while x and not os.path.exists("go"):
    time.sleep(0.01)
nni.report_final_result({"default": x, "other": 1})
"""
SPACE = {"x": {"_type": "uniform", "_value": [1, 2]}}
KEPT = ("--experiments-dir", "kept")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program and of its trials' code, where the program runs."""
    monkeypatch.setenv("PYTHONPATH", clean_environment()["PYTHONPATH"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(TRAIN)
    return tmp_path


def config(**others: Any) -> ExperimentConfig:
    """Settings as NNI's users write them, by keywords."""
    values: dict[str, Any] = {
        "trial_command": "python train.py",
        "trial_code_directory": "code",
        "search_space": SPACE,
        "tuner": AlgorithmConfig("Random", {"optimize_mode": "minimize", "seed": 3}),
        "max_trial_number": 4,
        "trial_concurrency": 2,
        "experiment_working_directory": "kept",
    }
    return ExperimentConfig(**(values | others))


def let_go(folder: Path) -> None:
    """Trials end."""
    (folder / "code" / "go").touch()


def test_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Attribute by attribute, as in NNI's tutorial; what was found is there afterwards."""
    let_go(folder)
    experiment = Experiment("local")
    experiment.config.trial_command = "python train.py"
    experiment.config.trial_code_directory = Path("code")
    experiment.config.search_space = SPACE
    experiment.config.tuner.name = "TPE"
    experiment.config.tuner.class_args["optimize_mode"] = "minimize"
    experiment.config.max_trial_number = 3
    experiment.config.trial_concurrency = 2
    experiment.config.max_experiment_duration = "1h"
    experiment.config.experiment_working_directory = "kept"
    assert experiment.get_status() == "INITIALIZED"
    assert experiment.run(8080)
    assert experiment.get_status() == "DONE"
    assert experiment.get_job_statistics() == [{"trialJobStatus": "SUCCEEDED", "trialJobNumber": 3}]
    place = folder / "kept" / str(experiment.id)
    facts, _ = read(place)
    assert (facts["tuner"], facts["optimize_mode"], facts["seconds"]) == ("TPE", "minimize", 3600)
    results = experiment.export_data()
    assert [result.trialJobId for result in results] == [f"{experiment.id}-{n}" for n in range(3)]
    assert all(result.parameter == {"x": result.value} for result in results)
    jobs = experiment.list_trial_jobs()
    assert [job.hyperParameters for job in jobs] == [result.parameter for result in results]
    assert jobs[0] == experiment.get_trial_job(jobs[0].trialJobId)
    assert (jobs[0].status, jobs[0].logPath) == ("SUCCEEDED", str(place / "trials" / "0"))
    assert jobs[0].startTime < jobs[0].endTime  # type: ignore[operator]
    reported = experiment.get_job_metrics(jobs[1].trialJobId)[jobs[1].trialJobId]
    x = results[1].value
    assert [(one.type, one.sequence, one.data) for one in reported] == [
        ("PERIODICAL", 0, x / 2), ("FINAL", 1, {"default": x, "other": 1})
    ]  # fmt: skip
    assert list(experiment.get_job_metrics()) == [job.trialJobId for job in jobs]
    assert experiment.get_experiment_profile()["best"]["value"] == min(r.value for r in results)
    said = capsys.readouterr().err
    assert said.count("SUCCEEDED") == 3
    assert "Best parameters" in said


def test_start_look_change_and_stop(folder: Path) -> None:
    """It goes on meanwhile, and nnictl and another object see the same."""
    experiment = Experiment(config())
    experiment.start()
    with pytest.raises(RuntimeError, match="is running: stop it first"):
        experiment.start()
    place = folder / "kept" / str(experiment.id)
    wait_for(lambda: len(experiment.list_trial_jobs()) == 2)
    assert experiment.get_status() == "RUNNING"
    experiment.update_trial_concurrency(3)
    experiment.update_max_trial_number(5)
    experiment.update_max_experiment_duration("2h")
    with pytest.raises(ValueError, match="search_space: x: "):
        experiment.update_search_space({"x": {"_type": "uniform", "_value": [2, 1]}})
    experiment.update_search_space({"x": {"_type": "uniform", "_value": [3, 4]}})
    wait_for(lambda: len(experiment.list_trial_jobs()) == 3)
    other = Experiment().view(str(experiment.id), experiments_dir="kept")
    profile = other.get_experiment_profile()
    assert (profile["trial_limit"], profile["time_limit"], profile["concurrency"]) == (5, 7200, 3)
    shown = run("nnictl", "experiment", "show", place, "--json")
    assert json.loads(shown.stdout)["status"] == "running"
    other.stop()
    assert experiment.get_status() == "STOPPED"
    assert not running(place)
    experiment.stop()
    with pytest.raises(RuntimeError, match="is not running"):
        experiment.update_trial_concurrency(1)
    let_go(folder)
    assert experiment.resume(str(place))
    assert experiment.get_status() == "DONE"
    assert len(experiment.export_data()) == 5
    assert experiment.export_data()[4].value >= 3


def test_it_outlives_the_program(folder: Path) -> None:
    """Which may end without a word."""
    program = (
        "from nni.experiment import *\n"
        f"config = ExperimentConfig(**{config().to_json(folder)!r})\n"
        "experiment = Experiment(config); experiment.start(); print(experiment.id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    experiment = Experiment().view(done.stdout.strip(), experiments_dir="kept")
    assert experiment.get_status() == "RUNNING"
    let_go(folder)
    assert experiment.wait()


def test_everything_wrong_is_said_at_once(folder: Path) -> None:
    """With the names that Python code has; nothing is left behind."""
    wrong = config(max_trial_number=0, trial_concurrency="2", tuner=AlgorithmConfig("TPEE"))
    with pytest.raises(ValueError, match="max_trial_number: expected an int") as error:
        Experiment(wrong).start()
    assert "trial_concurrency: expected an int from 1 on" in str(error.value)
    assert "did you mean TPE" in str(error.value)
    with pytest.raises(ValueError, match="trial_command: is missing"):
        Experiment(ExperimentConfig()).start()
    with pytest.raises(ValueError, match="no JSON"):
        Experiment(config(search_space={"x": {"_type": "choice", "_value": [object()]}})).start()
    assert not (folder / "kept").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c, "max_trail_number", 1), "did you mean max_trial_number?"),
        (lambda c: setattr(c.tuner, "args", {}), "tuner.args: no such setting"),
        (lambda c: c.trial_gpu_nmber, "did you mean trial_gpu_number?"),
    ],
)
def test_misspelt_settings(change: Any, message: str) -> None:
    """They are told when they are set, or asked for."""
    with pytest.raises(AttributeError, match=message):
        change(ExperimentConfig())


def test_settings_as_a_file_has_them() -> None:
    """Names of both spellings, sections as mappings or settings; paths become absolute."""
    settings = ExperimentConfig(
        trialConcurrency=2,
        training_service=LocalConfig(use_active_gpu=True, gpu_indices=[0, 1]),
        tuner=CustomAlgorithmConfig("mine.Mine", "tuners"),
        assessor={"name": "Medianstop"},
    )
    settings.advisor = None
    settings.trial_code_directory = "~"
    assert settings.to_json(Path("/here")) == {
        "trialConcurrency": 2,
        "trialCodeDirectory": str(Path.home()),
        "trainingService": {"platform": "local", "useActiveGpu": True, "gpuIndices": [0, 1]},
        "tuner": {"className": "mine.Mine", "codeDirectory": "/here/tuners"},
        "assessor": {"name": "Medianstop"},
    }
    with pytest.raises(TypeError, match="tuner: expected its fields, found 'TPE'"):
        settings.tuner = "TPE"


def test_as_nni_s_programs_have_it(folder: Path) -> None:
    """The platform in its place, code and classes where the program runs, and its name is kept."""
    (folder / "train.py").write_text(TRAIN)
    (folder / "mine.py").write_text(
        "from nni.tuner import Tuner\n"
        "class Mine(Tuner):\n"
        "    update_search_space = receive_trial_result = lambda self, *args: None\n"
        "    generate_parameters = lambda self, number: {'x': number}\n"
    )
    settings = ExperimentConfig("local")
    settings.experiment_name = "first try"
    settings.trial_command = "python train.py"
    settings.trial_concurrency = 1
    settings.max_trial_number = 2
    settings.max_experiment_duration = "1h"
    settings.tuner.class_name = "mine.Mine"
    settings.experiment_working_directory = "kept"
    (folder / "go").touch()
    experiment = Experiment(settings)
    assert experiment.run(8080)
    assert [result.value for result in experiment.export_data()] == [0, 1]
    profile = experiment.get_experiment_profile()
    assert profile["name"] == "first try"
    assert profile["params"] == {
        "experimentName": "first try",
        "trialConcurrency": 1,
        "maxTrialNumber": 2,
        "maxExperimentDuration": "3600s",
    }
    assert profile["logDir"] == str(folder / "kept" / str(experiment.id))
    assert "first try" in run("nnictl", "experiment", "list", "--all", *KEPT, cwd=folder).stdout
    assert (
        "first try" in run("nnictl", "experiment", "show", profile["id"], *KEPT, cwd=folder).stdout
    )

    seen = Experiment.view(str(experiment.id), non_blocking=True, experiments_dir="kept")
    assert seen.export_data() == experiment.export_data()
    resumed = Experiment.resume(profile["id"], wait_completion=False, experiments_dir="kept")
    assert resumed.id == experiment.id
    assert resumed.wait()


def test_settings_from_a_file(folder: Path) -> None:
    """Of either format; what is wrong there is told with its place."""
    (folder / "space.json").write_text(json.dumps(SPACE))
    file = folder / "config.yml"
    file.write_text(
        "trainingServicePlatform: local\nsearchSpacePath: space.json\ntrialConcurrency: 2\n"
        "maxTrialNum: 7\nmaxExecDuration: 1h\ntrial: {command: python train.py, codeDir: code}\n"
        "tuner: {builtinTunerName: Random, classArgs: {optimize_mode: maximize}}\n"
    )
    settings = ExperimentConfig.load("config.yml")
    assert settings.trial_code_directory == str(folder / "code")
    assert (settings.max_trial_number, settings.search_space) == (7, SPACE)
    assert settings.tuner.class_args == {"optimize_mode": "maximize"}
    file.write_text(file.read_text().replace("7", "-7"))
    with pytest.raises(ValueError, match=r"config.yml:4:14: error: maxTrialNum: exp"):
        ExperimentConfig.load(file)


@pytest.mark.parametrize("platform", ["remote", ["local", "remote"]])
def test_other_platforms(platform: Any) -> None:
    """What to do instead is told at once."""
    with pytest.raises(ValueError, match=r"platform: .* isn't offered: write platform local"):
        Experiment(platform)


def test_what_nni_has_for_other_platforms() -> None:
    """A program that imports it learns why it isn't there."""
    program = "from nni.experiment import Experiment, RemoteConfig"
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        words, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert "has no RemoteConfig: trials run on this machine only" in done.stderr
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        nni.experiment.other  # noqa: B018


def test_a_frame(folder: Path) -> None:
    """A row a trial, a column a parameter."""
    pandas = pytest.importorskip("pandas")
    let_go(folder)
    experiment = Experiment(config(max_trial_number=3))
    assert experiment.run()
    found = experiment.to_frame()
    assert isinstance(found, pandas.DataFrame)
    assert list(found.columns) == ["status", "value", "seconds", "x"]
    assert list(found.index) == [0, 1, 2]
    assert (found["value"] == found["x"]).all()
    assert found["value"].dtype == float
    assert found.loc[found["value"].idxmin()]["status"] == "SUCCEEDED"


def test_before_it_has_begun() -> None:
    """There is nothing to see."""
    with pytest.raises(RuntimeError, match="no experiment yet"):
        Experiment().list_trial_jobs()
    with pytest.raises(RuntimeError, match="no such experiment"):
        Experiment().view("nothing", experiments_dir=ROOT / "docs")


def test_a_trial_s_import_brings_none_of_it() -> None:
    """`import nni` stays the standard library."""
    code = (
        "import sys, nni, nni.utils\n"
        "assert not {'nni_runner', 'numpy', 'nni.experiment'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], env=clean_environment(), check=True)
