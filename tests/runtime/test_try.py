"""`nni-run --try PARAMS.json`: parameters that somebody knows, run before the tuner's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab import TRAIN, Lab

KEYS = ("train/x/uniform", "train/kind/choice")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A fresh lab."""
    return Lab(tmp_path)


def written(lab: Lab, data: Any, name: str = "params.json") -> Path:
    """A file of parameters."""
    path = lab.source.parent / name
    path.write_text(json.dumps(data))
    return path


def values(report: Any) -> list[list[Any]]:
    """The parameters of all trials, without their names."""
    return [[trial["parameters"][key] for key in KEYS] for trial in report["trials"]]


def test_they_run_after_the_baseline_and_the_tuner_is_told(lab: Lab) -> None:
    """By keys or short names, several sets a file and several files; what is left out is own."""
    one = written(lab, {"x": 0.25}, "one.json")
    more = written(lab, [{"train/kind/choice": "b"}, {"x": -1, "kind": "b"}], "more.json")
    words = ("--minimize", "--trials", "6", "--try", one, "--try", more, "--concurrency", "2")
    report = lab.json(*words)
    tried = [[0.25, "a"], [0.5, "b"], [-1.0, "b"]]
    assert values(report)[:4] == [[0.5, "a"], *tried]
    assert [trial["is_baseline"] for trial in report["trials"]] == [True, *[False] * 5]
    assert len(report["trials"]) == 6
    assert report["trials"][3]["value"] == 1
    assert lab.facts()["tried"] == [dict(zip(KEYS, pair, strict=True)) for pair in tried]


DISCRETE = (
    '"""@nni.variable(nni.choice(1, 2, 3), name=x)"""\nx = 1\n'
    "if x == 3: raise SystemExit(1)\n"
    '"""@nni.report_final_result(x)"""\n'
)


@pytest.mark.parametrize("concurrency", ["1", "3"])
def test_what_was_tried_is_not_suggested(lab: Lab, concurrency: str) -> None:
    """Neither while it runs nor after it failed."""
    lab.write("train.py", DISCRETE)
    file = written(lab, [{"x": 3}, {"x": 2}])
    words = ("--tuner", "GridSearch", "--try", file, "--no-baseline", "--concurrency", concurrency)
    report = lab.json("--maximize", *words)
    assert [(trial["parameters"]["train/x/choice"]) for trial in report["trials"]] == [3, 2, 1]
    assert [trial["status"] for trial in report["trials"]] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]


def test_the_parameters_of_an_earlier_trial_are_such_a_file(lab: Lab) -> None:
    """The best of an experiment begins the next one."""
    best = lab.json("--minimize", "--trials", "4", "--seed", "1")["best"]
    file = Path(best["output"], "parameters.json")
    report = lab.json("--minimize", "--trials", "1", "--no-baseline", "--try", file)
    assert report["best"]["parameters"] == best["parameters"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": 2}, "params.json: train/x/uniform: expected a number from -1 to 1, found 2"),
        ({"lr": 2}, "params.json: lr: no such parameter in the search space; known are x, kind"),
        ([{"x": 0}, {"kind": "c"}], 'params.json: [1]: train/kind/choice: expected one of "a", '),
        (1, "params.json: expected a JSON object of parameters, or a list of them"),
        ([], "params.json: expected a JSON object of parameters, or a list of them"),
        ([{}, 1], "params.json: expected a JSON object of parameters, or a list of them"),
        ([{}] * 3, "--trials 3: expected 4 at least, for the baseline and 3 sets of parameters by"),
    ],
)
def test_refuses_what_can_t_be_run(lab: Lab, data: Any, message: str) -> None:
    """Before anything runs."""
    done = lab.run("--minimize", "--trials", "3", "--try", written(lab, data))
    assert done.returncode == 2
    assert message in done.stderr
    assert not lab.experiments.exists()


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("float(5)", "x: expected a value: the script's own isn't known"),
        (
            "5",
            "x: expected a value: the script's own lies outside: "
            "train/x/uniform: expected a number from -1 to 1, found 5",
        ),
    ],
)
def test_says_what_the_script_can_t_add(lab: Lab, own: str, message: str) -> None:
    """Its own value may be unknown, or no value that a tuner may try."""
    lab.write("train.py", TRAIN.replace("x = 0.5", f"x = {own}"))
    done = lab.run("--minimize", "--try", written(lab, {"kind": "b"}))
    assert done.returncode == 2
    assert f"params.json: {message}" in done.stderr
    assert lab.run("--minimize", "--trials", "2", "--try", written(lab, {"x": 1})).returncode == 0


def test_a_hand_written_space_has_no_values_of_its_own(lab: Lab) -> None:
    """All its parameters have to be given."""
    lab.write("train.py", "import nni\nnni.report_final_result(nni.get_parameters()['x'])\n")
    domain = {"_type": "randint", "_value": [1, 4]}
    lab.write("search_space.json", json.dumps({"x": domain, "y": domain}))
    done = lab.run("--maximize", "--try", written(lab, {"x": 1}))
    assert done.returncode == 2
    assert "y: expected a value: the script's own isn't known" in done.stderr
    report = lab.json("--maximize", "--trials", "1", "--try", written(lab, {"x": 3, "y": 1}))
    assert report["best"]["value"] == 3
