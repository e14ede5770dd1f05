"""Tuners and assessors of the user's own: named in a file, registered, resumed, and at fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment, command
from invariants import check_invariants, read

TRAIN = """import time
import nni
x = nni.get_next_parameter()["x"]
for step in range(4):
    nni.report_intermediate_result({"default": x, "step": step})
if x < 0.02:
    time.sleep(60)  # until it is stopped
nni.report_final_result({"default": x, "other": "text"})
"""
SPACE = {"x": {"_type": "uniform", "_value": [0, 1]}}
# Writes down what it hears, so that tests see it.
TUNER = """import json
import nni
from nni.tuner import Tuner
from nni.utils import ClassArgsValidator, extract_scalar_reward
from helper import number


class Counting(Tuner):
    def __init__(self, optimize_mode, log, most=99):
        self.log, self.most, self.sum = log, most, 0.0
        self.note("made", optimize_mode)

    def note(self, *words):
        with open(self.log, "a") as file:
            file.write(json.dumps(words) + "\\n")

    def update_search_space(self, search_space):
        self.note("space", search_space)

    def generate_parameters(self, parameter_id, **kwargs):
        if parameter_id >= self.most:
            raise nni.NoMoreTrialError("no more")
        self.note("ask", parameter_id)
        return {"x": number(parameter_id) + self.sum / 1000}

    def receive_trial_result(self, parameter_id, parameters, value, **kwargs):
        self.sum += extract_scalar_reward(value)
        self.note("receive", parameter_id, parameters, value)

    def import_data(self, data):
        self.note("import", data)

    def trial_end(self, parameter_id, success, **kwargs):
        self.note("end", parameter_id, success)
"""
HELPER = "def number(trial):\n    return (trial % 10) / 16\n"
ASSESSOR = """from nni.assessor import Assessor, AssessResult


class Low(Assessor):
    def __init__(self, least=0.0):
        self.least = least

    def assess_trial(self, trial_job_id, trial_history):
        assert trial_history[0] == {"default": trial_history[-1]["default"], "step": 0}
        good = len(trial_history) < 2 or trial_history[-1]["default"] >= self.least
        return AssessResult.Good if good else AssessResult.Bad
"""
FIRST = """authorName: ada
experimentName: own
trialConcurrency: 1
maxTrialNum: 4
maxExecDuration: 1h
trainingServicePlatform: local
searchSpacePath: search_space.json
useAnnotation: false
tuner:
  codeDir: algorithms
  classFileName: my_tuner.py
  className: Counting
  classArgs: {optimize_mode: maximize, log: LOG}
assessor:
  codeDir: algorithms
  classFileName: stop/early.py
  className: Low
  classArgs: {least: 0.02}
trial:
  command: python3 train.py
  codeDir: .
  gpuNum: 0
"""
SECOND = """searchSpaceFile: search_space.json
trialCommand: python3 train.py
trialConcurrency: 1
maxTrialNumber: 4
tuner:
  className: my_tuner.Counting
  codeDirectory: algorithms
  classArgs: {optimize_mode: maximize, log: LOG}
assessor:
  className: stop.early.Low
  codeDirectory: algorithms
  classArgs: {least: 0.02}
trainingService: {platform: local}
"""


class Own:
    """A folder with an experiment, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log.jsonl"
        (folder / "algorithms" / "stop").mkdir(parents=True)
        self.write("train.py", TRAIN)
        self.write("search_space.json", json.dumps(SPACE))
        self.write("algorithms/my_tuner.py", TUNER)
        self.write("algorithms/helper.py", HELPER)
        self.write("algorithms/stop/early.py", ASSESSOR)
        self.write("first.yml", FIRST.replace("LOG", str(self.log)))
        self.write("second.yml", SECOND.replace("LOG", str(self.log)))

    def write(self, name: str, text: str) -> None:
        """A file in it."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, name: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A command, with a registry of its own."""
        environment = clean_environment() | {"NNI_CONFIG_DIR": str(self.folder / "registry")}
        done = subprocess.run(
            command(name, *words), cwd=self.folder, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    def create(self, file: str, *words: str) -> dict[str, Any]:
        """The report of an experiment."""
        given = ("--config", file, "--experiments-dir", "experiments", "--json", *words)
        report: dict[str, Any] = json.loads(self.run("nni-run", *given).stdout)
        return report

    def heard(self) -> list[Any]:
        """What the tuners wrote down, since the last look."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        made = [json.loads(line) for line in lines]
        starts = [n for n, words in enumerate(made) if words[0] == "made"]
        return made[starts[-1] :] if starts else made


@pytest.fixture
def own(tmp_path: Path) -> Own:
    """One of these."""
    return Own(tmp_path)


def test_the_classes_need_the_standard_library_only() -> None:
    """And `import nni` doesn't import them."""
    code = (
        "import sys; before = set(sys.modules); import nni, nni_trial\n"
        "assert 'nni.tuner' not in sys.modules\n"
        "import nni.tuner, nni.assessor, nni.utils\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - {'nni', 'nni_trial'} - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("file", ["first.yml", "second.yml"])
def test_a_file_names_them(own: Own, file: str) -> None:
    """They are told what NNI tells them: parameters as they gave them, results as reported."""
    report = own.create(file)
    statuses = [trial["status"] for trial in report["trials"]]
    assert statuses == ["EARLY_STOPPED", *["SUCCEEDED"] * 3]
    assert report["trials"][0]["cause"] == "stop.early.Low: bad at step 2"
    values = [trial["value"] for trial in report["trials"][1:]]
    assert values == pytest.approx([0.0625, 0.1250625, 0.1876875625], rel=1e-4)
    heard = own.heard()
    assert heard[:3] == [["made", "maximize"], ["space", SPACE], ["ask", 0]]
    final = {"default": 0.0625, "other": "text"}
    assert heard[3:8] == [
        ["receive", 0, {"x": 0.0}, 0.0], ["end", 0, False],
        ["ask", 1], ["receive", 1, {"x": 0.0625}, final], ["end", 1, True],
    ]  # fmt: skip
    assert report["experiment"]["tuner"] == "my_tuner.Counting"
    assert report["experiment"]["assessor"] == "stop.early.Low"
    folder = Path(report["experiment"]["path"])
    facts, _ = read(folder)
    assert facts["tuner_directory"] == str(own.folder / "algorithms")
    again = own.run("nnictl", "resume", str(folder), "--trials", "6", "--json")
    assert "warning" not in again.stderr
    assert own.heard()[: len(heard)] == heard
    trials = json.loads(again.stdout)["trials"]
    assert trials[:4] == report["trials"]
    assert [trial["status"] for trial in trials[4:]] == ["SUCCEEDED"] * 2


def test_parameters_of_others_are_data(own: Own) -> None:
    """Those of --try and of earlier experiments."""
    own.write("known.json", '{"x": 0.5}')
    earlier = own.create("second.yml")["experiment"]["id"]
    own.heard()
    own.create("second.yml", "--try", "known.json", "--learn-from", earlier)
    heard = own.heard()
    (kind, data) = heard[2]
    assert kind == "import"
    assert len(data) == 3
    final = {"default": 0.5, "other": "text"}
    assert heard[3] == ["import", [{"parameter": {"x": 0.5}, "value": final}]]
    assert heard[4] == ["ask", 1]
    assert ["end", 0, True] not in heard


def test_a_tuner_may_have_no_more(own: Own) -> None:
    """Then the experiment ends."""
    own.write("second.yml", SECOND.replace("log: LOG", f"log: {own.log}, most: 2"))
    report = own.create("second.yml")
    assert report["experiment"]["reason"] == "search space exhausted"
    assert len(report["trials"]) == 2


def test_several_parameters_at_once_will_do(own: Own) -> None:
    """A tuner that has only generate_multiple_parameters."""
    text = TUNER.replace(
        "    def generate_parameters(self, parameter_id, **kwargs):\n",
        "    def generate_multiple_parameters(self, parameter_id_list, **kwargs):\n"
        "        return [self.one(number) for number in parameter_id_list]\n\n"
        "    def one(self, parameter_id):\n",
    )
    own.write("algorithms/my_tuner.py", text)
    own.write("second.yml", SECOND.replace("log: LOG", f"log: {own.log}, most: 3"))
    assert len(own.create("second.yml")["trials"]) == 3


def test_a_fault_costs_one_suggestion(own: Own) -> None:
    """As with all tuners."""
    text = TUNER.replace(
        'return {"x"', 'if parameter_id == 1: return {"x": 7}\n        return {"x"'
    )
    own.write("algorithms/my_tuner.py", text)
    done = own.run("nnictl", "create", "--config", "second.yml", "--foreground",
                   "--experiments-dir", "experiments", "--json")  # fmt: skip
    assert "random parameters for trial 1 instead" in done.stderr
    folder = Path(json.loads(done.stdout)["experiment"]["path"])
    (imported,) = [words for words in own.heard() if words[0] == "import"]
    _, events = read(folder)
    chosen = [row.data for row in events if row.kind == "chosen"]
    assert imported[1][0]["parameter"] == chosen[1]["parameters"]
    assert len(chosen) == 4


WRONG = {
    "syntax": ("import nni\ndef x(:\n", "my_tuner.py:2: my_tuner can't be imported: SyntaxError: "),
    "import": ("import os\nimport no_such_thing\n", "my_tuner.py:2: my_tuner can't be imported: "
               "ModuleNotFoundError: No module named 'no_such_thing'"),
    "helper": ("import helper\nhelper.number('a')\n", "helper.py:2: my_tuner can't be imported: "
               "TypeError: "),
    "exit": ("import sys\n\nsys.exit(3)\n", "my_tuner.py:3: my_tuner can't be imported: "
             "SystemExit: 3"),
    "nni": ("from nni.algorithms.hpo.tpe_tuner import TpeTuner\n", "No module named "
            "'nni.algorithms'; NNI's own algorithms aren't here: derive from nni.tuner.Tuner\n"),
    "name": ("class Other: pass\n", "my_tuner.py: expected a class Counting in it, found none"),
    "like": (TUNER.replace("Counting", "Countin"), "expected a class Counting in it, found "
             "Countin\n"),
    "kind": ("class Counting: pass\n", "my_tuner.py: Counting: expected a subclass of "
             "nni.tuner.Tuner"),
    "arguments": (TUNER.replace("log, most=99", "most=99"), "algorithms: my_tuner.Counting("),
    "made": (TUNER.replace('self.note("made", ', "self.nothing("), "my_tuner.py:11: "
             "my_tuner.Counting("),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_with_its_line(own: Own, wrong: str) -> None:
    """Before there is an experiment; a file that isn't run isn't imported."""
    text, message = WRONG[wrong]
    own.write("algorithms/my_tuner.py", text)
    own.run("nnictl", "config", "validate", "second.yml")
    done = own.run("nnictl", "create", "--config", "second.yml", "--foreground",
                   "--experiments-dir", "experiments", code=1)  # fmt: skip
    assert f"error: tuner: {own.folder / 'algorithms'}" in done.stderr
    assert message in done.stderr
    assert not (own.folder / "experiments").exists()


def test_a_module_that_hides_behind_another(own: Own) -> None:
    """As one that is called like one of Python's own."""
    (own.folder / "algorithms" / "my_tuner.py").rename(own.folder / "algorithms" / "json.py")
    own.write("second.yml", SECOND.replace("my_tuner", "json"))
    done = own.run("nnictl", "create", "--config", "second.yml", "--foreground", code=1)
    assert "algorithms: there is another json already, " in done.stderr


def test_the_folder_is_needed_to_go_on(own: Own) -> None:
    """The error says so."""
    folder = own.create("second.yml")["experiment"]["path"]
    (own.folder / "algorithms").rename(own.folder / "elsewhere")
    done = own.run("nnictl", "resume", folder, "--trials", "5", code=1)
    assert (
        f"{own.folder / 'algorithms'}: no such folder; my_tuner.Counting is to be in it"
        in done.stderr
    )


META = """algorithms:
  - algoType: tuner
    builtinName: Counting
    className: my_tuner.Counting
  - algoType: assessor
    builtinName: Low
    className: stop.early.Low
    classArgsValidator: stop.early.Validator
"""


def test_registered_ones_go_by_their_names(own: Own) -> None:
    """In files and on the command line."""
    own.write("algorithms/meta.yml", META)
    done = own.run("nnictl", "algo", "register", "--meta", "algorithms/meta.yml")
    assert done.stdout.splitlines() == [
        f"tuner Counting is my_tuner.Counting in {own.folder / 'algorithms'}",
        f"assessor Low is stop.early.Low in {own.folder / 'algorithms'}",
    ]
    shown = json.loads(own.run("nnictl", "algo", "show", "counting").stdout)
    assert shown["class_name"] == "my_tuner.Counting"
    listed = own.run("nnictl", "algo", "list").stdout
    assert ["Counting", "tuner", "user", "my_tuner.Counting"] in [
        line.split() for line in listed.splitlines()
    ]
    assert len(json.loads(own.run("nnictl", "algo", "list", "--json").stdout)) == 2
    given = SECOND.replace("className: my_tuner.Counting", "name: counting")
    given = given.replace("className: stop.early.Low", "name: Low")
    given = given.replace("  codeDirectory: algorithms\n", "").replace("LOG", str(own.log))
    own.write("named.yml", given)
    report = own.create("named.yml")
    assert report["experiment"]["tuner"] == "my_tuner.Counting"
    assert report["trials"][0]["status"] == "EARLY_STOPPED"
    done = own.run(
        "nni-run", "train.py", "--maximize", "--trials", "2", "--tuner", "Counting", "--json",
        "--tuner-arg", f"log={own.log}", "--tuner-arg", "optimize_mode=maximize",
        "--assessor", "low", "--assessor-arg", "least=0.02", "--experiments-dir", "experiments",
    )  # fmt: skip
    assert json.loads(done.stdout)["trials"][0]["status"] == "EARLY_STOPPED"
    own.run("nnictl", "algo", "unregister", "Counting")
    own.run("nnictl", "resume", report["experiment"]["path"], "--trials", "5")
    gone = own.run("nnictl", "create", "--config", "named.yml", code=1)
    assert "tuner.name: expected a tuner out of auto, " in gone.stderr
    assert "no such algorithm" in own.run("nnictl", "algo", "unregister", "x", code=1).stderr
    assert "no such algorithm" in own.run("nnictl", "algo", "show", "x", code=2).stderr


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("algoType: tuner", "algoType: tune", "algoType: expected tuner or assessor, found 'tune'"),
        ("algoType: tuner", "algoType: advisor", "algoType: advisors of your own aren't offered"),
        ("builtinName: Counting", "builtinName: tpe", "builtinName: tpe is built in"),
        ("builtinName: Counting", "x: 1", "builtinName: expected a text, found None"),
        ("my_tuner.Counting", "Counting", "className: expected module.Class, found 'Counting'"),
        ("my_tuner.Counting", "no.such.One", "className: there is no module no.such, neither "),
        ("my_tuner.Counting", "my_tuner.One", "my_tuner.py: expected a class One in it, found"),
        ("my_tuner.Counting", "stop.early.Low", "Low: expected a subclass of nni.tuner.Tuner"),
        ("algorithms:", "other:", "meta.yml: algoType: expected a text, found None"),
        ("algorithms:", "[", "meta.yml: is no YAML"),
    ],
)
def test_wrong_meta_files(own: Own, before: str, after: str, message: str) -> None:
    """Nothing is registered then."""
    own.write("algorithms/meta.yml", META.replace(before, after, 1))
    done = own.run("nnictl", "algo", "register", "-m", "algorithms/meta.yml", code=1)
    assert message in done.stderr
    assert own.run("nnictl", "algo", "list", "--json").stdout == "[]\n"


def test_everything_holds_that_holds_of_experiments(own: Own) -> None:
    """One state a trial, results once."""
    check_invariants(Path(own.create("first.yml")["experiment"]["path"]))
