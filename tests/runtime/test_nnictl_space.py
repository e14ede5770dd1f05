"""A running experiment gets another search space, and results from elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ongoing
from conftest import run
from invariants import check_invariants, read
from lab import Lab
from nni_annotate.space import SearchSpace
from nni_runner.config.problems import ConfigError
from nni_runner.config.replacing import read_new_space
from nni_runner.earlier import read_earlier
from nni_runner.experiment import Plan
from nni_runner.learning import learn
from nni_runner.options import make
from nni_runner.reliving import relive
from nni_runner.store import Store
from nni_runner.trial import Chosen, Ended, Event, Imported, Reported, Started, Status
from ongoing import Running
from waiting import wait_for

start = ongoing.start
KEY = "train/x/randint"


def within(low: int, high: int, key: str = KEY) -> str:
    """The text of a search space file."""
    return json.dumps({key: {"_type": "randint", "_value": [low, high]}})


def others(folder: Path, but: type[Event] | tuple[()] = ()) -> list[int]:
    """The trials for which a fresh tuner suggests something else; `but` for events of that type."""
    store = Store(folder / "history.sqlite", read_only=True)
    plan = Plan.from_facts(store.description())
    events = [event for event in store.events() if not isinstance(event, but)]
    store.close()
    return relive(make(plan), plan, events)


def chosen(folder: Path) -> dict[int, int]:
    """What each trial runs with."""
    _, events = read(folder)
    return {row.trial: row.data["parameters"][KEY] for row in events if row.kind == "chosen"}


def test_it_searches_elsewhere_from_then_on(start: Callable[..., Running], tmp_path: Path) -> None:
    """What it learned there counts, and so it is after a resume, whose tuner stands as before."""
    one = start("--trials", "6", "--tuner", "TPE", "--seed", "1")
    (tmp_path / "space.json").write_text(within(500, 600, "x"))
    told = one.done("update", "searchspace", "-f", tmp_path / "space.json")
    assert told == f"experiment {one.id}: the search space is another now, of 1 parameter\n"
    results = [{"parameter": {"x": 500 + n % 100}, "value": 1e6 - n} for n in range(400)]
    (tmp_path / "results.json").write_text(json.dumps(results))
    told = one.done("experiment", "import", "-f", tmp_path / "results.json")
    assert told == f"experiment {one.id}: the tuner knows 400 more results\n"
    (tmp_path / "outside.json").write_text('[{"parameter": {"x": 499}, "value": 1}]')
    refused = one.ctl("experiment", "import", "-f", tmp_path / "outside.json")
    assert refused.returncode == 1
    one.go()
    report = one.report(0)
    assert report["experiment"]["search_space"] == json.loads(within(500, 600))
    assert all(500 <= chosen(one.folder)[number] < 600 for number in range(2, 6))
    check_invariants(one.folder)
    assert others(one.folder) == []
    assert others(one.folder, but=Imported) != []

    one.resume("--trials", "8")
    one.report(0)
    assert all(500 <= chosen(one.folder)[number] < 600 for number in (6, 7))
    assert json.loads(one.done("experiment", "show", one.id, "--json"))["imported"] == 400
    assert others(one.folder) == []


def test_code_that_changes_afterwards(start: Callable[..., Running], tmp_path: Path) -> None:
    """Its search space is a new one, to be accepted, and counts then."""
    one = start("--trials", "2")
    (tmp_path / "space.json").write_text(within(500, 600))
    one.done("update", "searchspace", "-f", tmp_path / "space.json")
    one.go()
    one.report(0)
    script = tmp_path / "src" / "train.py"
    script.write_text(script.read_text().replace("randint(1, 1000)", "randint(1, 50)"))
    refused = one.ctl("resume", one.id, "--trials", "4")
    assert refused.returncode == 2
    assert f"the search space has changed ({KEY} is another)" in refused.stderr
    one.done("resume", one.id, "--trials", "4", "--accept-new-space")
    assert all(chosen(one.folder)[number] < 50 for number in (2, 3))
    one.done("resume", one.id, "--trials", "5")
    assert chosen(one.folder)[4] < 50
    assert others(one.folder) == []


def test_what_waits_outside_is_ended(start: Callable[..., Running], tmp_path: Path) -> None:
    """What runs goes on."""
    one = start("--concurrency", "3", "--trials", "5", "--seed", "3")
    wait_for(lambda: one.is_recorded(3))
    one.done("stop")
    one.report(130)
    one.resume("--concurrency", "1")
    wait_for(lambda: one.is_recorded(1))
    values = chosen(one.folder)
    (tmp_path / "space.json").write_text(within(values[2], values[2] + 1))
    one.done("update", "searchspace", "-f", tmp_path / "space.json")
    one.go()
    trials = one.report(0)["trials"]
    statuses = ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SYS_CANCELED"]
    assert [trial["status"] for trial in trials[:4]] == statuses
    assert trials[3]["cause"] == "outside the new search space"
    assert others(one.folder) == []


def test_results_for_one_that_has_ended(tmp_path: Path) -> None:
    """Its next tuner knows them."""
    lab = Lab(tmp_path)
    lab.json("--minimize", "--trials", "3", "--tuner", "TPE", "--seed", "5")
    folder = lab.experiment()
    words = ("--experiments-dir", lab.experiments)
    results = [{"parameter": {"x": n / 99, "kind": "b"}, "value": n} for n in range(99)]
    file = tmp_path / "results.json"
    file.write_text(json.dumps([*results, {"parameter": {}, "value": None, "status": "FAILED"}]))
    done = run("nnictl", "experiment", "import", folder.name, "-f", file, "--json", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "id": folder.name, "imported": 99, "left_out": {"has not succeeded": 1}
    }  # fmt: skip
    assert done.stderr == "1 row left out: has not succeeded\n"
    resumed = run("nnictl", "resume", folder, "--trials", "7")
    assert resumed.returncode == 0, resumed.stderr
    assert others(folder) == []
    assert others(folder, but=Imported) != []


def test_what_others_learn_of_it(tmp_path: Path) -> None:
    """What was no part of the search space had the script's own value."""
    space = {"t/x/uniform": uniform(0, 1), "t/n/choice": choice(1, 2)}
    narrow = {"t/x/uniform": uniform(0.5, 1)}
    facts = {"optimize_mode": "minimize", "defaults": {"t/x/uniform": 0.5, "t/n/choice": 2}}
    store = Store(tmp_path / "history.sqlite", create=True)
    store.describe({**facts, "search_space": narrow, "code_space": space})
    for number, parameters in enumerate(({"t/x/uniform": 0, "t/n/choice": 1}, {"t/x/uniform": 1})):
        store.record([Chosen(number, parameters, False, 1.0), Started(number, 1, 1.0)])
        store.record([Reported(number, "final", number, 1.0)])
        store.record([Ended(number, Status.SUCCEEDED, "", 1.0, 1.0)])
    store.close()
    earlier = read_earlier(tmp_path)
    assert earlier.space == SearchSpace.from_json(space)
    assert [trial.parameters["t/n/choice"] for trial in earlier.trials] == [1, 2]
    lesson = learn(earlier, earlier.space, {})
    assert [result["value"] for result in lesson.results] == [0, 1]


FACTS = {
    "search_space": {
        "t/x/uniform": {"_type": "uniform", "_value": [0, 1]},
        "t/n/choice": {"_type": "choice", "_value": [1, 2]},
        "t/f/choice": {"_type": "choice", "_value": ["relu", "tanh"]},
        "t/b/choice": {"_type": "choice", "_value": [
            {"_name": "conv", "size": {"_type": "randint", "_value": [1, 9]}}, {"_name": "fc"},
        ]},
    },
    "defaults": {},
    "optimize_mode": "minimize", "trials": 9, "seconds": None, "concurrency": 1, "tuner": "TPE",
    "seed": 1, "baseline": True,
}  # fmt: skip


def uniform(low: float, high: float) -> dict[str, Any]:
    """A domain's JSON."""
    return {"_type": "uniform", "_value": [low, high]}


def choice(*options: Any) -> dict[str, Any]:
    """A domain's JSON."""
    return {"_type": "choice", "_value": list(options)}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "expected a parameter at least"),
        ({"lr": uniform(0, 1)}, "lr: the code has no such parameter, and would not ask for it; "
                                "known are x, n, f, b"),
        ({"x": uniform(1, 0)}, "x: uniform needs low <= high, found 1 and 0"),
        ({"x": uniform(0, 1), "t/x/uniform": uniform(0, 1)}, "t/x/uniform: is given twice"),
        ({"f": choice("relu", "gelu")}, 'f: expected options out of "relu", "tanh": the code has '
                                        'no "gelu"'),
        ({"f": uniform(0, 1)}, 'f: expected a choice of "relu", "tanh"; found uniform'),
        ({"b": choice({"_name": "conv"})}, "b: conv: expected size; found none"),
        ({"b": choice("fc")}, 'b: expected options out of {"_name": "conv"}, {"_name": "fc"}: the '
                              'code has no "fc"'),
        ({"n": choice({"_name": "conv"})}, "n: expected options without parameters, found conv"),
    ],
)  # fmt: skip
def test_search_spaces_that_the_code_can_t_do_with(
    tmp_path: Path, space: Any, message: str
) -> None:
    """Each problem is said at its name."""
    file = tmp_path / "space.json"
    file.write_text(json.dumps(space))
    with pytest.raises(ConfigError) as error:
        read_new_space(file, FACTS)
    (problem,) = error.value.diagnostics
    assert (problem.path, problem.line, problem.message) == (str(file), 1, message)


def test_search_spaces_that_are_fine(tmp_path: Path) -> None:
    """Fewer parameters, fewer options, other numbers; of code that asks for them any."""
    file = tmp_path / "space.yml"
    branch = {"_name": "conv", "size": uniform(1, 2)}
    space = {"n": choice(1, 2, 16), "f": choice("tanh"), "b": choice(branch)}
    file.write_text(json.dumps(space))
    assert read_new_space(file, FACTS).to_json() == {
        "t/n/choice": choice(1, 2, 16), "t/f/choice": choice("tanh"), "t/b/choice": choice(branch)
    }  # fmt: skip
    assert read_new_space(file, {**FACTS, "defaults": None}).to_json() == space


def test_a_tuner_that_can_t_take_it(tmp_path: Path) -> None:
    """It is not left with it."""
    file = tmp_path / "space.json"
    file.write_text(json.dumps({"x": uniform(0, 1)}))
    with pytest.raises(ConfigError, match="tuner BatchTuner: "):
        read_new_space(file, {**FACTS, "tuner": "BatchTuner"})


def test_only_a_running_experiment_gets_one(tmp_path: Path) -> None:
    """One that has ended is resumed first."""
    lab = Lab(tmp_path)
    lab.json("--minimize", "--trials", "1")
    done = run("nnictl", "update", "searchspace", lab.experiment(), "-f", "no.json")
    assert done.returncode == 1
    assert done.stderr == f"error: experiment {lab.experiment().name} is not running\n"


def test_a_running_experiment_keeps_its_own_where_the_file_is_wrong(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    """Nothing is recorded."""
    one = start("--trials", "2")
    (tmp_path / "space.json").write_text('{"y": 1}')
    done = one.ctl("update", "searchspace", "-f", tmp_path / "space.json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "/space.json:1:2: error: y: " in done.stderr
    assert "Traceback" not in done.stderr
    connection = sqlite3.connect(one.folder / "history.sqlite")
    (spaces,) = connection.execute("SELECT count(*) FROM events WHERE kind = 'space'").fetchone()
    connection.close()
    assert spaces == 1
