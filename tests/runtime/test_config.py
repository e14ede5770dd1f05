"""Experiments by files, run for real: `nnictl create --config` and `nni-run --config`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import run
from nni_runner.lock import running
from waiting import wait_for

API = """
import nni, sys, os
x = nni.get_next_parameter()["x"]
print(sys.executable, os.getcwd(), *sys.argv[1:])
nni.report_final_result(x)
"""
ANNOTATED = '''
import os
import sys
"""@nni.variable(nni.choice(1, 2, 3, 4, 5, 6, 7, 8, 9), name=x)"""
x = 2
assert not os.path.exists("secret.txt")
print("here", os.getcwd())
"""@nni.report_final_result(x)"""
'''
SPACE = '{"x": {"_type": "uniform", "_value": [1, 5]}}'
FIRST = """
authorName: ada
experimentName: small
trialConcurrency: 2
maxExecDuration: 1h
maxTrialNum: 3
trainingServicePlatform: local
searchSpacePath: ../space.json
useAnnotation: false
tuner:
  builtinTunerName: Random
  classArgs:
    optimize_mode: maximize
    seed: 1
trial:
  command: cd . && python3 train.py "$NNI_TRIAL_SEQ_ID" | cat
  codeDir: ../code
  gpuNum: 0
logDir: ../kept
"""
SECOND = """
trialCommand: python3 train.py
trialConcurrency: 1
maxTrialNumber: 3
useAnnotation: true
tuner:
  name: TPE
  class_args: {optimize_mode: minimize}
trainingService: {platform: local}
experimentWorkingDirectory: kept
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with code, a search space, and a folder for files of experiments."""
    (tmp_path / "code").mkdir()
    (tmp_path / "files").mkdir()
    (tmp_path / "code" / "train.py").write_text(API)
    (tmp_path / "space.json").write_text(SPACE)
    (tmp_path / "files" / "one.yml").write_text(FIRST)
    return tmp_path


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """A folder with annotated code and a file of the second format."""
    (tmp_path / "train.py").write_text(ANNOTATED)
    (tmp_path / "two.yml").write_text(SECOND)
    (tmp_path / "secret.txt").write_text("not for trials")
    (tmp_path / ".nniignore").write_text("secret.txt\n")
    return tmp_path


def report(name: str, *words: str | Path, cwd: Path | None = None) -> Any:
    """The JSON that a command prints when all goes well."""
    done = run(name, *words, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def create(*words: str | Path, cwd: Path | None = None) -> Any:
    """What an experiment in the foreground gave."""
    return report("nnictl", "create", "--foreground", "--config", *words, cwd=cwd)


def test_a_file_of_the_first_format_is_run(place: Path) -> None:
    """Its paths are relative to itself, its command is a shell's, its code runs where it lies."""
    result = create(place / "files" / "one.yml")
    assert result["experiment"]["optimize_mode"] == "maximize"
    assert result["experiment"]["tuner"] == "Random"
    assert result["experiment"]["seed"] == 1
    assert [trial["status"] for trial in result["trials"]] == ["SUCCEEDED"] * 3
    assert result["baseline"] is None
    folder = Path(result["experiment"]["path"])
    assert folder.parent == place / "kept"
    words = (folder / "trials" / "2" / "stdout").read_text().split()
    python = Path(words[0])
    assert python.samefile(sys.executable)
    assert words[1:] == [str(place / "code"), "2"]


def test_annotated_code_is_compiled(annotated: Path) -> None:
    """From any folder; what .nniignore names stays out, and trial 0 is the baseline."""
    result = create(annotated / "two.yml", cwd=annotated.parent)
    assert [trial["is_baseline"] for trial in result["trials"]] == [True, False, False]
    assert result["best"]["value"] == min(trial["value"] for trial in result["trials"])
    folder = Path(result["experiment"]["path"])
    said = (folder / "trials" / "0" / "stdout").read_text().split()
    assert said == ["here", str(folder / "code")]
    assert not (folder / "code" / "secret.txt").exists()


def test_options_of_the_command_line_count_more(place: Path) -> None:
    """Each of them, the file's for the rest."""
    result = report(
        "nni-run", "--config", "files/one.yml", "--trials", "2", "--minimize", "--tuner", "tpe",
        "--concurrency", "1", "--experiments-dir", "elsewhere", "--tuner-arg", "n_startup_jobs=3",
        cwd=place,
    )  # fmt: skip
    experiment = result["experiment"]
    assert experiment["optimize_mode"] == "minimize"
    assert (experiment["tuner"], experiment["tuner_arguments"]) == ("TPE", {"n_startup_jobs": 3})
    assert (experiment["concurrency"], experiment["trial_limit"]) == (1, 2)
    assert experiment["seed"] == 1
    assert Path(experiment["path"]).parent == place / "elsewhere"


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["code"], "TARGET"),
        (["--script", "train.py"], "--script"),
        (["--command", "true"], "--command"),
        (["--with", "params.json"], "--with"),
        (["code", "--script", "x", "--", "y"], "TARGET, ARGUMENTS, --script"),
    ],
)
def test_what_the_file_says_is_not_said_twice(words: list[str], refused: str, place: Path) -> None:
    """What to run is the file's alone."""
    done = run("nni-run", "--config", "files/one.yml", *words, cwd=place)
    assert done.returncode == 2
    assert f"--config says what to run; leave out {refused}\n" in done.stderr


def test_a_wrong_file_runs_nothing(place: Path) -> None:
    """Everything is said, by both commands, and no folder is made."""
    (place / "files" / "one.yml").write_text(FIRST.replace("maxTrialNum: 3", "maxTrialNum: many"))
    wrong = run("nnictl", "create", "-c", "files/one.yml", cwd=place)
    assert wrong.returncode == 1
    assert wrong.stderr == (
        'files/one.yml:6:14: error: maxTrialNum: expected an int from 1 on, found "many"\n'
        "    maxTrialNum: many\n"
        "                 ^^^^\n"
        "1 error\n"
    )
    again = run("nni-run", "--config", "files/one.yml", cwd=place)
    assert (again.returncode, again.stderr) == (wrong.returncode, wrong.stderr)
    assert not (place / "kept").exists()


@pytest.mark.parametrize(("name", "budget"), [("Hyperband", 2), ("BOHB", 1)])
def test_an_advisor_chooses(name: str, budget: int, place: Path) -> None:
    """Trials find their budget among their parameters."""
    written = f"advisor:\n  builtinAdvisorName: {name}\n  classArgs: {{optimize_mode: maximize}}\n"
    head, _, tail = FIRST.partition("tuner:")
    (place / "files" / "one.yml").write_text(head + written + tail[tail.index("trial:") :])
    result = create(place / "files" / "one.yml")
    assert result["experiment"]["tuner"] == name
    given = Path(result["experiment"]["path"], "results", "0.jsonl")
    assert json.loads(given.read_text().splitlines()[0])["given"]["TRIAL_BUDGET"] == budget


def test_an_assessor_is_that_of_the_experiment(place: Path) -> None:
    """With its arguments; the options of nni-run count more."""
    text = (
        "assessor:\n  builtinAssessorName: Medianstop\n"
        "  classArgs: {start_step: 4, optimize_mode: minimize}\n"
    )
    file = place / "files" / "one.yml"
    file.write_text(FIRST + text)
    experiment = create(file)["experiment"]
    assert experiment["assessor"] == "Medianstop"
    assert experiment["assessor_arguments"]["start_step"] == 4
    words = ("nni-run", "--config", file, "--experiments-dir", place / "experiments", "--json")
    done = run(*words, "--assessor-arg", "start_step=5")
    assert done.returncode == 0, done.stderr
    experiment = json.loads(done.stdout)["experiment"]
    assert experiment["assessor_arguments"]["start_step"] == 5
    done = run(*words, "--assessor", "Curvefitting", "--assessor-arg", "epoch_num=9")
    experiment = json.loads(done.stdout)["experiment"]
    assert experiment["assessor_arguments"] == {"epoch_num": 9}


def test_such_an_experiment_can_be_resumed(place: Path) -> None:
    """With the search space that it began with, whatever became of the file."""
    result = create(place / "files" / "one.yml")
    (place / "space.json").unlink()
    (place / "files" / "one.yml").unlink()
    path = result["experiment"]["path"]
    resumed = report("nnictl", "resume", path, "--trials", "5")
    assert [trial["status"] for trial in resumed["trials"]] == ["SUCCEEDED"] * 5
    assert resumed["trials"][:3] == result["trials"]


def test_compiled_code_of_a_file_can_be_resumed(annotated: Path) -> None:
    """By its source, which is read again."""
    path = create(annotated / "two.yml")["experiment"]["path"]
    resumed = report("nnictl", "resume", path, "--trials", "4")
    assert [trial["status"] for trial in resumed["trials"]] == ["SUCCEEDED"] * 4


class Background:
    """An experiment that `nnictl create` started and left."""

    def __init__(self, place: Path) -> None:
        text = FIRST.replace("maxTrialNum: 3\n", "").replace("maxExecDuration: 1h", "maxTrialNum:")
        (place / "files" / "one.yml").write_text(text)
        self.begun = report("nnictl", "create", "--config", place / "files" / "one.yml")
        self.folder = Path(self.begun["path"])
        self.experiments = place / "kept"

    def ctl(self, *words: str | Path) -> str:
        """What a command of `nnictl` says."""
        done = run("nnictl", *words, "--experiments-dir", self.experiments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def background(place: Path) -> Iterator[Background]:
    """One without limits, ended at last."""
    started = Background(place)
    yield started
    if running(started.folder):
        started.ctl("stop")


def test_an_experiment_goes_on_in_the_background(background: Background) -> None:
    """In a session of its own, so without the terminal; nnictl finds and ends it."""
    holder = running(background.folder)
    assert holder is not None
    assert os.getsid(holder.pid) == holder.pid
    shown = json.loads(background.ctl("experiment", "show", "--json"))
    assert shown["id"] == background.begun["id"]
    assert (shown["trial_limit"], shown["time_limit"]) == (99999, 999 * 86400)
    wait_for(lambda: json.loads(background.ctl("experiment", "show", "--json"))["best"])
    assert "interrupted" in background.ctl("stop")
    assert not running(background.folder)
    log = Path(background.begun["log"])
    assert log.parent == background.folder
    assert "trial 0 SUCCEEDED" in log.read_text()
    assert background.ctl("log", "stderr", background.folder) == log.read_text()
    assert background.ctl("log", "stderr", background.folder, "--head", "1").endswith("started\n")
    assert len(background.ctl("log", "stderr", background.folder, "--tail", "2").splitlines()) == 2
    assert background.ctl("log", "stderr", background.folder, "--path") == f"{log}\n"
    assert f"Everything: {background.folder}" in background.ctl("log", "stdout", background.folder)


def test_the_background_says_where_it_is(place: Path) -> None:
    """In words; an experiment that is over soon is there all the same."""
    done = run("nnictl", "create", "--config", place / "files" / "one.yml", "--port", "8081")
    assert done.returncode == 0, done.stderr
    (folder,) = (place / "kept").iterdir()
    assert done.stdout == (
        f"experiment {folder.name} runs in the background; nnictl stop ends it\n"
    )
    assert done.stderr == "--port has no effect: there is no web page\n"
    wait_for(lambda: not running(folder))


def test_experiments_inside_of_the_code_are_no_code(annotated: Path) -> None:
    """In the background too, wherever the command line says that they are kept."""
    words = ("create", "-c", annotated / "two.yml", "--experiments-dir", annotated / "runs")
    for _ in range(2):
        place = Path(report("nnictl", *words)["path"])
        printed = place / "nnictl.stdout"
        wait_for(lambda file=printed: "trial limit reached" in file.read_text())  # type: ignore[misc]
        assert not (place / "code" / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--minimize", "--maximize"], "say --maximize or --minimize"),
        (["--trials", "1", "--try", "x.json"], "x.json: can't be read"),
        (["--tuner", "TPEE"], "did you mean TPE?"),
        (["--time", "soon"], "expected a duration"),
    ],
)
def test_options_are_checked_as_without_a_file(words: list[str], message: str, place: Path) -> None:
    """Before anything is written."""
    done = run("nni-run", "--config", "files/one.yml", *words, cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (place / "kept").exists()


def test_what_fails_to_start_leaves_nothing(place: Path) -> None:
    """Where experiments can't be kept, say."""
    (place / "kept").write_text("no folder")
    done = run("nnictl", "create", "--config", place / "files" / "one.yml")
    assert done.returncode == 1
    assert "logDir: is no folder" in done.stderr


def test_trials_of_the_batch_tuner_get_a_set_of_parameters(place: Path) -> None:
    """As NNI's do: the script knows nothing of the key that the sets have in the search space."""
    sets = [{"x": 3, "name": "a"}, {"x": 5, "name": "b"}]
    space = {"combine_params": {"_type": "choice", "_value": sets}}
    (place / "space.json").write_text(json.dumps(space))
    (place / "code" / "train.py").write_text(
        "import nni\n"
        "given = nni.get_next_parameter()\n"
        "assert nni.get_current_parameter('x') == given['x']\n"
        "assert given.keys() == {'x', 'name'}, given\n"
        "nni.report_final_result(given['x'])\n"
    )
    file = place / "files" / "one.yml"
    file.write_text(FIRST.replace("Random", "BatchTuner"))
    trials = report("nni-run", "--config", file)["trials"]
    assert [trial["value"] for trial in trials] == [3, 5]
    assert [trial["parameters"] for trial in trials] == [{"combine_params": one} for one in sets]
