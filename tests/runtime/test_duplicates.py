"""Parameters that have been tried: not again, again, or again and by their mean."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import Lab
from nni_annotate.space import SearchSpace
from nni_runner.history import History
from nni_runner.trial import Chosen, Ended, Reported, Started, Status
from nni_tuners import TUNERS, random_parameters

NOISY = '''
"""@nni.variable(nni.choice(1, 2, 3), name=x)"""
x = 2
import os
noise = int(os.environ["NNI_TRIAL_SEQ_ID"]) % 3 - 1
"""@nni.report_final_result(x + noise)"""
'''


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """With a script of three values and a noise that is known."""
    made = Lab(tmp_path)
    made.write("train.py", NOISY)
    return made


def parameters(report: Any) -> list[str]:
    """Those of all trials."""
    return [json.dumps(trial["parameters"], sort_keys=True) for trial in report["trials"]]


@pytest.mark.parametrize("tuner", ["auto", "Random", "TPE", "CMA-ES", "GridSearch"])
def test_a_space_that_is_used_up_ends_the_experiment(lab: Lab, tuner: str) -> None:
    """The script's own value is one of its three."""
    report = lab.json("--maximize", "--trials", "100", "--tuner", tuner, "--concurrency", "2")
    assert report["experiment"]["reason"] == "search space exhausted"
    assert len(set(parameters(report))) == len(report["trials"]) == 3


def test_a_branched_space_that_is_used_up(lab: Lab) -> None:
    """Every combination once, none twice, also where few are left to be drawn by chance."""
    lab.write("train.py", "import nni\nnni.report_final_result(1)\n")
    branch = {"_name": "deep", "width": {"_type": "randint", "_value": [0, 3]}}
    space = {
        "x": {"_type": "choice", "_value": [{"_name": "flat"}, branch]},
        "y": {"_type": "quniform", "_value": [0, 1, 0.5]},
    }
    lab.write("search_space.json", json.dumps(space))
    report = lab.json("--maximize", "--trials", "100", "--tuner", "Random", "--concurrency", "2")
    assert report["experiment"]["reason"] == "search space exhausted"
    assert len(set(parameters(report))) == len(report["trials"]) == 12


def test_repeats_where_asked(lab: Lab) -> None:
    """Each result counts by itself."""
    report = lab.json("--maximize", "--trials", "12", "--duplicates", "allow", "--tuner", "Random")
    assert report["experiment"]["reason"] == "trial limit reached"
    assert len(report["trials"]) == 12
    assert report["best"]["value"] == max(trial["value"] for trial in report["trials"])
    assert report["best_result"] == report["best"]["value"]


def test_repeats_by_their_mean(lab: Lab) -> None:
    """The best parameters are those of the best mean; a resume keeps to it."""
    words = ["--maximize", "--trials", "12", "--duplicates", "average", "--seed", "3"]
    report = lab.json(*words, "--tuner", "Random")
    results: dict[str, list[float]] = defaultdict(list)
    for trial in report["trials"]:
        results[json.dumps(trial["parameters"])].append(trial["value"])
    means = {key: fmean(values) for key, values in results.items()}
    best = json.dumps(report["best"]["parameters"])
    assert means[best] == max(means.values()) == pytest.approx(report["best_result"])
    assert report["best"]["number"] == next(
        trial["number"] for trial in report["trials"] if json.dumps(trial["parameters"]) == best
    )
    text = lab.run(*words, "--tuner", "Random").stdout
    assert "mean of" in text


@pytest.mark.parametrize("average", [False, True])
@given(
    results=st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(-9, 9))), max_size=30
    ),
    maximize=st.booleans(),
)
def test_the_best_is_the_best_of_all(
    average: bool, results: list[tuple[int, int | None]], maximize: bool
) -> None:
    """However it is kept: it is the one that looking at all would find; None is a failure."""
    history = History(maximize, average)
    values: dict[int, list[int]] = defaultdict(list)
    first: dict[int, int] = {}
    for number, (x, value) in enumerate(results):
        history.add(Chosen(number, {"x": x}, False, 0.0))
        history.add(Started(number, 1, 0.0))
        if value is not None:
            history.add(Reported(number, "final", value, 0.0))
            key = x if average else number
            values[key].append(value)
            first.setdefault(key, number)
        status = Status.FAILED if value is None else Status.SUCCEEDED
        history.add(Ended(number, status, "", 1.0, 0.0))
    sign = -1 if maximize else 1
    order = sorted(values, key=lambda key: (sign * fmean(values[key]), first[key]))
    assert [trial.number for trial in history.ranked()] == [first[key] for key in order]
    assert history.best == (history.trials[first[order[0]]] if order else None)
    summary = history.summary()
    assert summary.done == summary.seconds == len(results)
    assert summary.running == 0
    assert summary.best == (fmean(values[order[0]]) if order else None)


@given(st.sets(st.integers(0, 5000)), st.integers(0, 99))
def test_random_parameters_are_untried(tried: set[int], seed: int) -> None:
    """And the same for the same seed."""
    space = SearchSpace.from_json({"x": {"_type": "randint", "_value": [0, 5000]}})
    found = random_parameters(space, (seed, 1), lambda one: one["x"] in tried)
    assert found is not None
    assert found["x"] not in tried
    assert found == random_parameters(space, (seed, 1), lambda one: one["x"] in tried)


def test_the_last_one_of_many_is_found() -> None:
    """Also where chance would hardly come by it; and where there is none, that is said."""
    space = SearchSpace.from_json({"x": {"_type": "randint", "_value": [0, 20_000]}})
    assert random_parameters(space, (0,), lambda one: one["x"] != 77) == {"x": 77}
    assert random_parameters(space, (0,), lambda _: True) is None


def test_all_tuners_bear_being_asked_again() -> None:
    """For the same trial: the later suggestion is the one that counts."""
    space = {
        "x": {"_type": "uniform", "_value": [0, 1]},
        "y": {"_type": "choice", "_value": [1, 2]},
    }
    for name, kind in TUNERS.items():
        if name in ("BatchTuner", "PBTTuner"):
            continue
        tuner = kind(seed=1)
        tuner.update_search_space(space)
        for number in range(8):
            tuner.generate_parameters(number)
            again = tuner.generate_parameters(number)
            tuner.receive_trial_result(number, again, 1.0)
            tuner.trial_end(number, success=True)
        assert not tuner.pending, name
