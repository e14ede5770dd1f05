"""Tuners of the user's own that need no search space, or one of types that only they know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import run
from invariants import check_invariants, read
from nni.experiment import Experiment
from nni_annotate.errors import SpaceError
from nni_annotate.space import OwnSpace, SearchSpace, from_record
from nni_runner.requests import OWN_SPACE
from nni_runner.store import Store
from nni_runner.trial import Event, Imported

# A population that grows by what has a result, as that of NNI's example for graphs: no seed.
TUNER = """
import random
import numpy as np
from nni.tuner import Tuner


class Growing(Tuner):
    def __init__(self, optimize_mode, fails_at=None, twice=False):
        self.fails_at, self.twice = fails_at, twice
        self.population = [{"layers": [{"kind": np.int64(n), "to": [n]}]} for n in range(3)]
        self.results = []

    def update_search_space(self, search_space):
        self.space = search_space

    def generate_parameters(self, parameter_id):
        if parameter_id == self.fails_at:
            raise ValueError("out of ideas")
        made = self.population.pop(0)
        last = {"kind": 1 if self.twice else random.random(), "to": sorted(self.space)}
        return {"layers": [*made["layers"], last], "seen": len(self.results)}

    def receive_trial_result(self, parameter_id, parameters, value):
        self.results.append(self.extract_scalar_reward(value))
        self.population.append({"layers": parameters["layers"]})
"""
TRAIN = """
import nni
layers = nni.get_next_parameter()["layers"]
assert isinstance(layers[0]["kind"], int)
nni.report_final_result({"default": len(layers), "to": layers[-1]["to"]})
"""
FILE = """
trialCommand: python3 train.py
trialConcurrency: 1
maxTrialNumber: 7
tuner:
  className: growing.Growing
  codeDirectory: .
  classArgs: {optimize_mode: maximize}
trainingService: {platform: local}
experimentWorkingDirectory: kept
"""
TYPES = """
searchSpace:
  tile: {_type: factor, _value: [192, 4]}
  unroll: {_type: choice, _value: [0, 1]}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with such a tuner and a file that names it."""
    (tmp_path / "growing.py").write_text(TUNER)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "config.yml").write_text(FILE)
    return tmp_path


def started(place: Path, *, code: int = 0) -> Any:
    """The report of the experiment, and what else was said."""
    done = run("nni-run", "--config", place / "config.yml", "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout), done.stderr


def folder_of(report: Any) -> Path:
    """That of the experiment."""
    return Path(report["experiment"]["path"])


def events_of(folder: Path) -> list[Event]:
    """All that is recorded of it."""
    store = Store(folder / "history.sqlite", read_only=True)
    try:
        return list(store.events())
    finally:
        store.close()


def test_a_tuner_may_suggest_anything(place: Path) -> None:
    """What it suggests is what its trials get, numpy's numbers as Python's."""
    report, said = started(place)
    assert "warning" not in said
    values = [trial["value"] for trial in report["trials"]]
    assert values == [2, 2, 2, 3, 3, 3, 4]
    assert [trial["parameters"]["seen"] for trial in report["trials"]] == list(range(7))
    check_invariants(folder_of(report))
    for words in (("experiment", "show"), ("trial", "ls")):
        shown = run("nnictl", *words, folder_of(report)).stdout
        assert "layers=[" in shown
        assert "seen=6" in shown


def test_what_ran_counts_for_a_tuner_without_a_seed(place: Path) -> None:
    """When an experiment is resumed it gets the results that there were, with their parameters."""
    folder = folder_of(started(place)[0])
    done = run("nnictl", "resume", folder, "--trials", "10", "--json")
    assert done.returncode == 0, done.stderr
    assert "suggests something else for trial 0" in done.stderr
    before, after = json.loads(done.stdout)["trials"][:7], json.loads(done.stdout)["trials"][7:]
    assert [trial["parameters"]["seen"] for trial in after] == [7, 8, 9]
    last = [trial["parameters"]["layers"] for trial in before[4:]]
    assert [trial["parameters"]["layers"][:-1] for trial in after] == last


def test_types_that_only_the_tuner_knows(place: Path) -> None:
    """A warning says that nothing is checked; the tuner gets the search space as it stands."""
    (place / "config.yml").write_text(TYPES + FILE)
    report, said = started(place)
    assert "config.yml:3:3: warning: tile: is left to the tuner as it is" in said
    found = [trial["parameters"]["layers"][-1]["to"] for trial in report["trials"]]
    assert found == [["tile", "unroll"]] * 7
    shown = run("nnictl", "config", "show", place / "config.yml", "--json")
    tile = json.loads(shown.stdout)["searchSpace"]["tile"]
    assert tile == {"_type": "factor", "_value": [192, 4]}


def test_the_types_that_all_know_are_checked(place: Path) -> None:
    """Then parameters have to lie in the search space, as ever."""
    types = TYPES.replace("factor", "choice").replace("[0, 1]", "[]")
    (place / "config.yml").write_text(types + FILE)
    done = run("nnictl", "config", "validate", place / "config.yml")
    assert done.returncode == 1
    assert "unroll: choice needs at least one option" in done.stderr


def test_nothing_can_take_the_place_of_its_suggestion(place: Path) -> None:
    """No parameters can be drawn where nobody knows which there are."""
    text = FILE.replace("maximize}", "maximize, fails_at: 2}")
    (place / "config.yml").write_text(text)
    report, said = started(place, code=1)
    assert [trial["value"] for trial in report["trials"]] == [2, 2]
    expected = "ValueError when it was asked for trial 2: out of ideas; nothing can take its place"
    assert f"{expected}, as the search space is its own" in said


def test_the_same_twice_is_what_the_tuner_wants(place: Path) -> None:
    """Only it knows whether that makes sense."""
    text = FILE.replace("maximize}", "maximize, twice: true}")
    (place / "config.yml").write_text(text)
    assert len(started(place)[0]["trials"]) == 7


def test_nobody_else_changes_the_search_space(place: Path) -> None:
    """Neither nnictl nor Python; what a file holds doesn't matter."""
    (place / "train.py").write_text("import time; time.sleep(60)")
    (place / "space.json").write_text('{"x": {"_type": "uniform", "_value": [0, 1]}}')
    made = run("nnictl", "create", "--config", place / "config.yml", "--json")
    folder = json.loads(made.stdout)["path"]
    try:
        done = run("nnictl", "update", "searchspace", folder, "-f", place / "space.json")
        assert done.returncode == 1
        assert done.stderr == f"error: {OWN_SPACE}\n"
        with pytest.raises(RuntimeError, match=OWN_SPACE):
            Experiment.view(folder).update_search_space(
                json.loads((place / "space.json").read_text())
            )
    finally:
        assert run("nnictl", "stop", folder).returncode == 0


def test_results_go_out_and_in(place: Path) -> None:
    """With whatever parameters they have."""
    report = started(place)[0]
    folder, file = folder_of(report), place / "trials.json"
    run("nnictl", "experiment", "export", folder, "-f", file)
    done = run("nnictl", "experiment", "import", folder, "-f", file)
    assert done.returncode == 0, done.stderr
    assert "7 results kept" in done.stdout + done.stderr
    found = [trial["parameters"] for trial in report["trials"]]
    kept = [event for event in events_of(folder) if isinstance(event, Imported)]
    assert [result["parameter"] for result in kept[0].results] == found
    assert [result["value"] for result in kept[0].results] == [2, 2, 2, 3, 3, 3, 4]

    words = ("--learn-from", folder, "--try", place / "tried.json", "--trials", "2", "--json")
    (place / "tried.json").write_text('{"layers": [{"kind": 7, "to": []}]}')
    done = run("nni-run", "--config", place / "config.yml", *words)
    assert done.returncode == 0, done.stderr
    trials = json.loads(done.stdout)["trials"]
    assert trials[0]["parameters"] == {"layers": [{"kind": 7, "to": []}]}
    assert json.loads(done.stdout)["experiment"]["learned"] == 7
    facts, _ = read(folder_of(json.loads(done.stdout)))
    learned = sorted(facts["learned"], key=lambda result: result["trial"])
    assert [result["parameter"] for result in learned] == found


def test_a_tuner_that_needs_one(place: Path) -> None:
    """Nobody else's can take the place of such a tuner."""
    done = run("nni-run", "--config", place / "config.yml", "--tuner", "TPE")
    assert done.returncode == 2
    assert "--tuner TPE needs a search space, which the file has none of" in done.stderr


def test_a_recorded_one_is_read_again() -> None:
    """Apart from those that everybody knows, and nobody can write one by hand."""
    own = OwnSpace(data={"tile": {"_type": "factor", "_value": [192, 4]}})
    assert from_record(own.to_json()) == own
    assert bool(own)
    assert from_record({}) == SearchSpace({})
    with pytest.raises(SpaceError, match="expected a _type out of choice"):
        SearchSpace.from_json(own.to_json())


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_has_no_form_for(value: Any) -> None:
    """It could not be given to a trial."""
    with pytest.raises(SpaceError, match="expected values that JSON has"):
        OwnSpace().canonical({"x": value})
