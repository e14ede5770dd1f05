"""`nni-run --learn-from`: the tuner knows what earlier experiments found."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lab import Lab
from nni_annotate.domains import Branch, Choice, Domain, RandInt, Uniform
from nni_annotate.space import Parameters, SearchSpace
from nni_runner import given, matching
from nni_runner.earlier import Earlier
from nni_runner.learning import learn
from nni_runner.matching import matches
from nni_runner.store import Store
from nni_runner.trial import Status, Trial


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A fresh lab."""
    return Lab(tmp_path)


def script(*annotated: str) -> str:
    """A script of lines such as `x = 1  # nni.choice(1, 2)`, the sum of them its result."""
    lines = []
    for line in annotated:
        assignment, _, annotation = line.partition("  # ")
        name = assignment.partition(" ")[0]
        if annotation:
            lines.append(f'"""@nni.variable({annotation}, name={name})"""')
        lines.append(assignment)
    total = " + ".join(line.partition(" ")[0] for line in annotated)
    return "\n".join([*lines, f'"""@nni.report_final_result({total})"""']) + "\n"


def tried(report: Any) -> set[tuple[Any, ...]]:
    """The parameters of all trials, without their names."""
    return {tuple(trial["parameters"].values()) for trial in report["trials"]}


def test_a_grid_goes_on_where_an_earlier_one_ended(lab: Lab) -> None:
    """What is known isn't run again. An experiment goes by id or folder, and counts once."""
    lab.write("train.py", script("x = 1  # nni.choice(1, 2, 3)", "y = 10  # nni.choice(10, 20)"))
    words = ("--maximize", "--tuner", "GridSearch", "--no-baseline")
    first = lab.json(*words, "--trials", "4")
    name, folder = first["experiment"]["id"], Path(first["experiment"]["path"])
    done = lab.run(*words, "--learn-from", name, "--learn-from", folder, "--json")
    best = max(trial["value"] for trial in first["trials"])
    assert done.stderr.startswith(f"learned 4 of 4 results of {name}, the best {best}\nexperiment ")
    second = json.loads(done.stdout)
    assert second["experiment"]["learned"] == 4
    assert len(tried(first) | tried(second)) == 6
    assert len(second["trials"]) == 2
    facts = lab.facts(Path(second["experiment"]["path"]))
    assert [(entry["experiment"], entry["value"]) for entry in facts["learned"]] == [
        (name, value) for value in sorted((t["value"] for t in first["trials"]), reverse=True)
    ]
    both = ("--learn-from", folder, "--learn-from", second["experiment"]["id"])
    assert lab.json(*words, *both, code=1)["trials"] == []


def test_the_default_tuner_begins_where_an_earlier_experiment_led(lab: Lab) -> None:
    """Its first trials are better than all of the earlier ones, and than those from nothing."""
    lab.write("train.py", script("x = 0.5  # nni.uniform(-1, 1)", "y = 0.5  # nni.uniform(-1, 1)"))
    words = ("--maximize", "--no-baseline", "--seed", "1", "--trials")
    first = lab.json(*words, "12", "--tuner", "Random")
    learned = lab.json(*words, "3", "--learn-from", first["experiment"]["id"])
    anew = lab.json(*words, "3")
    assert learned["experiment"]["tuner"] == anew["experiment"]["tuner"] == "auto"
    others = [trial["value"] for trial in first["trials"] + anew["trials"]]
    assert min(trial["value"] for trial in learned["trials"]) > max(others)


def test_a_tuner_that_forgets_knows_the_best(lab: Lab) -> None:
    """One trial makes this one's population: its child differs from the best in one parameter."""
    names = [f"x{number}" for number in range(6)]
    lab.write("train.py", script(*(f"{name} = 1  # nni.randint(0, 100)" for name in names)))
    words = ("--minimize", "--no-baseline", "--seed", "1", "--trials")
    first = lab.json(*words, "9", "--tuner", "Random")
    own = ("--tuner", "RegularizedEvolution", "--tuner-arg", "population_size=1")
    second = lab.json(*words, "1", *own, "--learn-from", first["experiment"]["id"])
    [parent], [child] = tried({"trials": [first["best"]]}), tried(second)
    assert sum(one != other for one, other in zip(parent, child, strict=True)) == 1


def test_a_changed_space(lab: Lab) -> None:
    """What still holds is learned, and standard error says what doesn't and why."""
    three = ("gone = 1  # nni.choice(1, 2)", "typed = 3  # nni.choice(1, 3)")
    lab.write("train.py", script(*three, "narrow = 5  # nni.choice(5, 6, 7)"))
    words = ("--maximize", "--tuner", "GridSearch", "--trials", "20")
    report = lab.json(*words)
    assert len(report["trials"]) == 12
    lab.write(
        "train.py",
        script(
            "gone = 1",
            "typed = 3  # nni.randint(1, 4)",
            "narrow = 5  # nni.choice(5, 6)",
            "new = 0  # nni.choice(0, 9)",
        ),
    )
    name = report["experiment"]["id"]
    done = lab.run(*words, "--learn-from", name, "--json")
    assert done.stderr.splitlines()[:4] == [
        f"learned 4 of 12 results of {name}, the best 10.0",
        "    6 left out: gone, which is gone, was not the script's own",
        "    2 left out: narrow is outside the search space",
        "    new is new, and taken to have been the script's own 0",
    ]
    again = json.loads(done.stdout)
    assert len(again["trials"]) == 1 + 3 * 2 * 2 - 4
    assert again["experiment"]["learned"] == 4


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("nothing", 2, "--learn-from nothing: no such experiment in "),
        ("{source}", 2, "and no folder that has a history.sqlite"),
        ("{id}", 2, "that experiment was to minimize, this one is to maximize"),
        ("{empty}", 1, "history.sqlite: is no experiment's history: 'optimize_mode'"),
        ("{other}", 1, "history.sqlite: "),
    ],
)
def test_refuses_what_can_t_be_learned_from(
    lab: Lab, tmp_path: Path, name: str, code: int, message: str
) -> None:
    """Before anything runs."""
    report = lab.json("--minimize", "--trials", "1")
    (tmp_path / "empty").mkdir()
    Store(tmp_path / "empty" / "history.sqlite", create=True).close()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "history.sqlite").write_text("something else")
    name = name.format(
        source=lab.source, id=report["experiment"]["id"], empty=tmp_path / "empty",
        other=tmp_path / "other",
    )  # fmt: skip
    done = lab.run("--maximize", "--learn-from", name)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(list(lab.experiments.iterdir())) == 1


X, LR = "train/x/uniform", "train/lr/uniform"
UNIT = Uniform(0, 1)


def space(*keys: str, **domains: Domain) -> SearchSpace:
    """A search space with these keys, all of them in [0, 1], and others."""
    return SearchSpace({**dict.fromkeys(keys, UNIT), **domains})


@pytest.mark.parametrize(
    ("today", "earlier", "expected"),
    [
        (space(X, LR), space(LR, X), {X: X, LR: LR}),
        (space(X), space("model/x/uniform"), {X: "model/x/uniform"}),
        (space(X), space("train/x/choice"), {X: "train/x/choice"}),
        (space(X), space(x=UNIT), {X: "x"}),
        (space(X), space(x=RandInt(0, 2)), {}),
        (space(X), space("a/x/uniform", "b/x/uniform"), {}),
        (space(X, "b/x/uniform"), space("a/x/uniform"), {}),
        (space(X, "b/x/uniform"), space("a/x/uniform", X), {X: X, "b/x/uniform": "a/x/uniform"}),
        (space(X), space("train/x/choice", "train/x/randint"), {}),
        (space("train/mutable_block_3"), space("train/mutable_block_4"), {}),
        (space("a/b"), space("a/c"), {}),
    ],
)
def test_which_parameters_are_the_same(
    today: SearchSpace, earlier: SearchSpace, expected: dict[str, str]
) -> None:
    """By key, by place and name, by name and type; never where it could be another."""
    assert matches(today, earlier) == expected


def earlier(
    domains: SearchSpace, own: Parameters, *found: Parameters, baseline: int = -1
) -> Earlier:
    """An experiment whose trials had these parameters, and their numbers as results."""
    trials = (
        Trial(number, parameters, number == baseline, Status.SUCCEEDED, float(number))
        for number, parameters in enumerate(found)
    )
    return Earlier("before", domains, own, "minimize", tuple(trials))


def test_what_is_gone_counts_by_the_script_s_own_value() -> None:
    """Whatever type it was written with; a baseline has it, even where nobody knows it."""
    domains = space(X, LR)
    found: list[Parameters] = [{X: 0.1, LR: 1.0}, {X: 0.2, LR: 0.5}, {X: 0.3}]
    lesson = learn(earlier(domains, {LR: 1}, *found, baseline=2), space(X), {})
    assert [entry["parameter"] for entry in lesson.results] == [{X: 0.1}, {X: 0.3}]
    assert [entry["trial"] for entry in lesson.results] == [0, 2]
    for own in ({}, {LR: 7}):
        lesson = learn(earlier(domains, own, *found), space(X), {})
        assert lesson.results == ()
        assert lesson.left_out == {"lr, which is gone, was not the script's own": 3}


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({}, "lr is new, and the script's own value is not known"),
        ({LR: 3}, "lr is new, and the script's own value is outside the search space"),
    ],
)
def test_what_is_new_needs_a_value(own: Parameters, reason: str) -> None:
    """Without one nothing can be told."""
    lesson = learn(earlier(space(X), {}, {X: 0.1}), space(X, LR), own)
    assert lesson.to_text() == f"learned 0 of 1 results of before\n    1 left out: {reason}"
    lesson = learn(earlier(space(X), {}, {X: 0.1}), space(X, LR), {LR: 1})
    assert [entry["parameter"] for entry in lesson.results] == [{X: 0.1, LR: 1.0}]


def test_a_baseline_counts_as_far_as_it_is_known() -> None:
    """Its own values may be unknown, or none that JSON has."""
    known: list[Parameters] = [{X: 0.5}, {}, {X: "inf"}]
    lesson = learn(earlier(space(X), {}, *known, baseline=1), space(X), {})
    assert [entry["trial"] for entry in lesson.results] == [0]
    assert lesson.left_out == {"x is not known": 1, "x is outside the search space": 1}


def test_branches_have_to_fit_as_a_whole() -> None:
    """A nested choice is one parameter."""
    before = Choice((Branch("conv", (("size", RandInt(1, 9)),)), "none"))
    after = Choice((Branch("conv", (("size", RandInt(1, 4)),)), "none"))
    sizes = [{"layer": {"_name": "conv", "size": size}} for size in (3, 8)]
    lesson = learn(
        earlier(space(layer=before), {}, *sizes, {"layer": "none"}), space(layer=after), {}
    )
    assert [entry["trial"] for entry in lesson.results] == [0, 2]


@pytest.mark.parametrize("module", [given, matching])
def test_examples_in_docstrings(module: ModuleType) -> None:
    """They are the shortest explanations."""
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 0) == (0, True)
