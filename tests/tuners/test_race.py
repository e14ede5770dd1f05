"""Races of tuners: what a tuner is told and when, what the curves amount to, what is kept."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import peer_space
import scores
from comparison import Comparison
from conftest import ROOT, clean_environment
from nni_annotate.domains import (
    Branch,
    Choice,
    LogNormal,
    LogUniform,
    Normal,
    Plain,
    QLogNormal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import NoMoreTrialError, TPETuner
from nni_tuners.quantiles import value_at
from peers import PEERS, Peer, make
from plot import draw
from problem import Problem
from race import Run, UnsupportedError, race
from run import main
from runs import PROBLEMS, Runs, Task
from scores import averaged, intervals, normalised, ranks

SPACE = SearchSpace({"x": Uniform(-1, 1), "k": RandInt(0, 5)})
EVERY_DOMAIN = SearchSpace(
    {
        "uniform": Uniform(-1, 3),
        "loguniform": LogUniform(1e-4, 1),
        "quniform": QUniform(0, 0.9, 0.3),
        "steps": QUniform(10, 50, 10),
        "askew": QUniform(1, 10, 4),
        "qloguniform": QLogUniform(1, 64, 1),
        "randint": RandInt(3, 9),
        "normal": Normal(5, 2),
        "lognormal": LogNormal(0, 1),
        "qnormal": QNormal(0, 4, 2),
        "qlognormal": QLogNormal(2, 1, 1),
        "choice": Choice((1, True, "1", None, 1.0)),
    }
)
NESTED = SearchSpace(
    {
        "model": Choice(
            (
                "none",
                Branch("svm", (("c", LogUniform(1e-3, 1e3)), ("shrink", Choice((False, True))))),
                Branch(
                    "net",
                    (
                        ("rate", Uniform(0, 1)),
                        (
                            "cell",
                            Choice((Branch("a", (("size", RandInt(1, 9)),)), Branch("b", ()))),
                        ),
                    ),
                ),
            )
        ),
        "rate": Uniform(2, 3),
    }
)


def bowl(noise: float = 0.0) -> Problem:
    """A small problem."""
    return Problem(
        "bowl", "small", SPACE, lambda p: float(p["x"] ** 2 + p["k"]), best=0.0, noise=noise
    )


class Scripted:
    """A tuner that tries given numbers, and writes down what happens."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers
        self.untold: list[int] = []
        self.waiting: list[int] = []  # how many trials were untold at each asking
        self.told: list[tuple[int, float]] = []
        self.ended: list[int] = []

    def update_search_space(self, search_space: SearchSpace, /) -> None:
        assert search_space is SPACE

    def generate_parameters(self, parameter_id: int, /) -> Parameters:
        if parameter_id == len(self.numbers):
            raise NoMoreTrialError("no number is left")
        self.waiting.append(len(self.untold))
        self.untold.append(parameter_id)
        return {"x": self.numbers[parameter_id], "k": 0}

    def receive_trial_result(
        self, parameter_id: int, parameters: Parameters, value: float, /
    ) -> None:
        assert parameters == {"x": self.numbers[parameter_id], "k": 0}
        self.untold.remove(parameter_id)
        self.told.append((parameter_id, value))

    def trial_end(self, parameter_id: int, success: bool, /) -> None:
        assert success
        self.ended.append(parameter_id)


@pytest.mark.parametrize("pending", [1, 4])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_same_seed_gives_the_same_curve(pending: int, noise: float) -> None:
    runs = [race(TPETuner(seed=3), bowl(noise), 40, pending, 3) for _ in range(2)]
    assert runs[0].curve == runs[1].curve
    assert runs[0].curve != race(TPETuner(seed=4), bowl(noise), 40, pending, 4).curve
    assert runs[0].seconds > 0


@pytest.mark.parametrize("name", ["Random", "TPE", "Anneal"])
def test_without_noise_the_curve_never_rises(name: str) -> None:
    run = race(make(name, trials=60, pending=4, seed=0), bowl(), 60, 4, 0)
    assert len(run.curve) == 60
    assert list(run.curve) == sorted(run.curve, reverse=True)


def test_the_curve_is_the_least_value_so_far() -> None:
    run = race(Scripted(0.5, 1.0, -0.25, 0.5), bowl(), 4, 1, 0)
    assert run.curve == (0.25, 0.25, 0.0625, 0.0625)


def test_with_noise_the_curve_is_the_noiseless_value_of_what_looks_best() -> None:
    numbers = np.random.default_rng(0).uniform(-1, 1, 30).tolist()
    tuner = Scripted(*numbers)
    curve = race(tuner, bowl(noise=1), 30, 1, 0).curve
    seen = [value for _, value in tuner.told]
    for count in range(1, 31):
        looks_best = int(np.argmin(seen[:count]))
        assert curve[count - 1] == pytest.approx(numbers[looks_best] ** 2)
    assert list(curve) != sorted(curve, reverse=True)
    errors = np.array(seen) - np.square(numbers)
    assert 0.6 < errors.std() < 1.4


def test_four_pending_trials_leave_three_untold_at_each_asking() -> None:
    tuner = Scripted(*np.linspace(-1, 1, 10).tolist())
    race(tuner, bowl(), 10, 4, 0)
    assert tuner.waiting == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3]
    assert [trial for trial, _ in tuner.told] == tuner.ended == list(range(10))


def test_the_curve_of_a_tuner_that_ends_goes_on_level() -> None:
    assert race(Scripted(1.0, 0.5), bowl(), 5, 4, 0).curve == (1.0, 0.25, 0.25, 0.25, 0.25)


def test_a_space_that_a_tuner_refuses_is_told_from_mistakes() -> None:
    with pytest.raises(UnsupportedError, match="found 2 parameters"):
        race(make("batch", trials=5, pending=1, seed=0), bowl(), 5, 1, 0)


def test_regret_is_a_share_of_the_median_regret_of_random_search() -> None:
    random = [[9, 5, 3], [11, 3, 3], [10, 8, 2]]  # medians 10, 5, 3: regrets 8, 3, 1
    assert normalised([6, 3.5, 2.5], random, best=2).tolist() == [0.5, 0.5, 0.5]
    assert normalised([50, 2, 2], random, best=2).tolist() == [3, 0, 0]
    assert normalised([1.9, 8, 8], random, best=2).tolist() == [0, 2, 3]


def test_where_random_search_finds_the_best_all_else_is_worst() -> None:
    random = [[1, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert normalised([1, 0, 0.1], random, best=0).tolist() == [1, 0, 3]


def test_regret_is_averaged_over_25_50_and_100_results() -> None:
    regrets = np.arange(1, 201, dtype=float)
    assert averaged(regrets) == pytest.approx((25 + 50 + 100) / 3)
    assert averaged(regrets[:60]) == pytest.approx((25 + 50) / 2)
    assert averaged(regrets[:10]) == 10


def test_ranks_leave_refused_problems_out() -> None:
    found = ranks(np.array([[[1.0], [2.0]], [[3.0], [np.nan]], [[0.5], [1.0]]]))
    np.testing.assert_array_equal(found[:, 0, 0], [2, 3, 1])
    np.testing.assert_array_equal(found[:, 1, 0], [2, np.nan, 1])


def test_intervals_hold_the_mean_and_are_the_same_each_time() -> None:
    table = np.random.default_rng(0).normal(1, 0.5, (3, 12, 2))
    table[1, 4] = np.nan
    table[2] = np.nan
    first, second, third = intervals(table)
    assert (first, second) == tuple(intervals(table)[:2])
    for one, values in ((first, table[0]), (second, table[1])):
        assert one.mean == pytest.approx(np.nanmean(values))
        assert one.low < one.mean < one.high
        # Seeds add to what problems differ by: up to sqrt(2) of the plain standard error.
        error = np.nanstd(np.nanmean(values[~np.isnan(values[:, 0])], axis=1)) / np.sqrt(12)
        assert 1.5 * error < (one.high - one.low) / 2 < 3.5 * error
    assert np.isnan(third.mean)
    (level,) = intervals(np.full((1, 5, 3), 0.25))
    assert (level.mean, level.low, level.high) == (0.25, 0.25, 0.25)


def test_examples_are_true() -> None:
    assert doctest.testmod(scores).attempted > 0
    assert doctest.testmod(scores).failed == 0


OPTIONS = ["--tuners", "TPE,batch", "--problems", "mixed/nk,noise/f1/4", "--trials", "8"]


def test_runs_that_are_kept_are_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture = tmp_path / "runs.jsonl", tmp_path / "regret.svg"
    options = [*OPTIONS, "--seeds", "2", "--out", str(file), "--plot", str(picture)]
    main(options, standalone_mode=False)
    first = capsys.readouterr()
    lines = file.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 2 * (30 + 2 * 2)
    assert "mixed/nk: left out for BatchTuner: BatchTuner takes one choice" in first.err
    assert "### all: 2 problems" in first.out
    assert "| TPE | 2 |" in first.out
    assert "| BatchTuner | 0 |" in first.out
    assert "TPE" in "".join(ElementTree.fromstring(picture.read_text()).itertext())

    main(options, standalone_mode=False)
    assert capsys.readouterr().out == first.out
    assert file.read_text().splitlines() == lines

    file.write_text("\n".join(lines)[:-20])  # stopped while it wrote the last line
    main(options, standalone_mode=False)
    again = file.read_text().splitlines()
    assert again[:-1] == lines[:-1]
    last, missing = json.loads(again[-1]), json.loads(lines[-1])
    assert {**last, "seconds": 0} == {**missing, "seconds": 0}


def test_a_run_comes_back_out_of_the_file(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs.jsonl")
    task = Task("TPE", "noise/f1/4", 12, 4, 1)
    runs.add(task, task.do())
    runs.add(other := Task("BatchTuner", "noise/f1/4", 12, 4, 1), other.do())
    assert Runs(tmp_path / "runs.jsonl").done == runs.done
    assert isinstance(runs.done[task], Run)
    assert runs.missing([task, other, task]) == []


def test_processes_make_no_difference(tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "tuners" / "run.py"
    curves = []
    for jobs in ("1", "2"):
        file = tmp_path / f"{jobs}.jsonl"
        done = subprocess.run(
            [sys.executable, str(script), *OPTIONS, "--seeds", "1", "--jobs", jobs, "--out", file],
            env=clean_environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "### noise: 1 problem" in done.stdout
        runs = Runs(file).done
        curves.append({task: one.curve for task, one in runs.items() if isinstance(one, Run)})
    assert curves[0] == curves[1]
    assert len(curves[0]) == 2 * (30 + 1)


def test_a_peer_that_fails_is_left_out_of_that_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "peer_failing.py").write_text("def make(**_): return 1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PEERS, "failing", Peer("peer_failing", "make", ()))
    main(
        ["--tuners", "failing,TPE", "--problems", "mixed/nk", "--trials", "2"],
        standalone_mode=False,
    )
    found = capsys.readouterr()
    assert "mixed/nk: left out for failing: ZeroDivisionError: division by zero\n" in found.err
    assert "| TPE | 1 |" in found.out


def test_a_peer_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PEERS, "absent", Peer("peer_absent", "make", ("sys", "no_such_module")))
    main(
        ["--tuners", "absent,rand-om", "--problems", "mixed/nk", "--trials", "2"],
        standalone_mode=False,
    )
    found = capsys.readouterr()
    assert "absent: left out, not installed: no_such_module\n" in found.err
    assert "| Random | 1 |" in found.out
    assert "absent" not in found.out


@pytest.mark.parametrize("space", [SPACE, EVERY_DOMAIN, NESTED], ids=["small", "every", "nested"])
@pytest.mark.parametrize("pending", [1, 3])
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.filterwarnings("ignore")  # theirs
def test_what_peers_suggest_is_in_the_space(name: str, pending: int, space: SearchSpace) -> None:
    if missing := PEERS[name].missing():
        pytest.skip(f"needs {', '.join(missing)}")
    seen: list[Parameters] = []

    def value(parameters: Parameters) -> float:
        seen.append(parameters)  # the race takes nothing from outside of the space
        return float(len(seen) % 5)

    tuner = make(name, trials=14, pending=pending, seed=0)
    try:
        race(tuner, Problem("any", "any", space, value, best=0.0), 14, pending, 0)
    except UnsupportedError:
        assert (name, space) == ("hebo", NESTED)
    else:
        assert len({json.dumps(parameters) for parameters in seen}) > 5


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_leaves_make_parameters_of_any_space(problem: Problem) -> None:
    rng = np.random.default_rng(0)
    known = dict(peer_space.leaves(problem.space.items()))

    def pick(name: str, domain: Plain) -> Any:
        assert known[name] is domain
        if isinstance(domain, Choice):
            return int(rng.integers(len(domain.options)))
        return value_at(domain, rng.random())

    for _ in range(20):
        assert problem.space.contains(peer_space.parameters_of(problem.space.items(), pick))


def test_names_of_leaves_say_in_which_branch_they_are() -> None:
    names = [name for name, _ in peer_space.leaves(NESTED.items())]
    assert names == [
        "model",
        "model/svm/c",
        "model/svm/shrink",
        "model/net/rate",
        "model/net/cell",
        "model/net/cell/a/size",
        "rate",
    ]
    assert peer_space.has_branches(NESTED.items())
    assert not peer_space.has_branches(EVERY_DOMAIN.items())


def test_the_picture_has_a_line_and_a_band_for_each_tuner() -> None:
    regrets = np.random.default_rng(0).uniform(0, 1.5, (3, 4, 2, 20))
    regrets[1] = np.nan
    picture = draw(["a<b", "refused", "c"], regrets)
    root = ElementTree.fromstring(picture)
    paths = root.findall("{*}path")
    assert (
        sum(path.get("stroke-width") == "2" and path.get("fill") == "none" for path in paths) == 2
    )
    assert sum(path.get("fill-opacity") is not None for path in paths) == 2
    texts = [text.text or "" for text in root.findall("{*}text")]
    assert any(text.startswith("a<b ") for text in texts)
    assert not any(text.startswith("refused") for text in texts)


def test_every_comparison_has_the_runs_of_random_search() -> None:
    comparison = Comparison(["TPE"], [PROBLEMS["noise/f1/4"]], 10, pending=4, seeds=2)
    tasks = list(comparison.tasks())
    assert {(task.seed, task.pending) for task in tasks if task.tuner == "Random"} == {
        (seed, 1) for seed in range(30)
    }
    assert [task for task in tasks if task.tuner == "TPE"] == [
        Task("TPE", "noise/f1/4", 10, 4, seed) for seed in range(2)
    ]
