"""`import nni` as a trial uses it: inside an experiment and outside."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from argparse import Namespace
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nni
import nni_trial
from conftest import clean_environment
from nni.env_vars import trial_env_vars
from nni.runtime import env_vars as later
from nni.utils import merge_parameter

pytestmark = pytest.mark.usefixtures("_standalone")


class Level(IntEnum):
    """A number with a name."""

    HIGH = 3


class Tensor:
    """What a torch scalar looks like from outside."""

    def item(self) -> float:
        """The number inside."""
        return 0.25


class EagerTensor:
    """What a tensorflow scalar looks like from outside."""

    def numpy(self) -> Any:
        """The number inside."""
        return np.float32(0.5)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes this process a trial with two parameters; the file of its results."""
    (tmp_path / "given.json").write_text('{"given": {"lr": 1, "k": "a"}}\n')
    monkeypatch.setenv(nni_trial.PARAMETERS_FILE, str(tmp_path / "given.json"))
    monkeypatch.setenv(nni_trial.RESULTS_FILE, str(tmp_path / "results.jsonl"))
    monkeypatch.setenv("NNI_EXP_ID", "abc")
    monkeypatch.setenv("NNI_TRIAL_JOB_ID", "abc-7")
    monkeypatch.setenv("NNI_TRIAL_SEQ_ID", "7")
    monkeypatch.setattr(nni_trial, "_trial", nni_trial._Trial())
    return tmp_path / "results.jsonl"


def records(path: Path) -> list[dict[str, Any]]:
    """What was reported."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_outside_an_experiment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parameters are {}, with a warning; reports are printed; ids say STANDALONE."""
    monkeypatch.setattr(nni_trial, "_trial", nni_trial._Trial())
    for ask in (nni.get_next_parameter, nni.get_parameters, nni.get_next_parameters):
        with pytest.warns(UserWarning, match="outside an experiment"):
            assert ask() == {}
    assert nni.get_current_parameter("lr") is None
    nni.report_intermediate_result(1)
    nni.report_final_result({"default": np.float32(1)})
    printed = "nni: intermediate result 1\nnni: final result {'default': 1.0}\n"
    assert capsys.readouterr() == (printed, "")
    with pytest.raises(TypeError, match="expected a number"):
        nni.report_final_result("1")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    sys.stdout.close()
    nni.report_final_result(1)
    assert nni.get_experiment_id() == nni.get_trial_id() == "STANDALONE"
    assert nni.get_sequence_id() == 0


def test_the_environment_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when somebody asks."""
    assert trial_env_vars is later.trial_env_vars
    assert trial_env_vars.NNI_OUTPUT_DIR is None
    monkeypatch.setenv("NNI_OUTPUT_DIR", "here")
    assert trial_env_vars.NNI_OUTPUT_DIR == "here"
    with pytest.raises(AttributeError):
        trial_env_vars.HOME  # noqa: B018


def test_inside_an_experiment(results: Path) -> None:
    """Parameters are the tuner's, ids the experiment's."""
    assert nni.get_next_parameter() == nni.get_parameters() == {"lr": 1, "k": "a"}
    assert nni.get_current_parameter() == {"lr": 1, "k": "a"}
    assert nni.get_current_parameter("k") == "a"
    assert (nni.get_experiment_id(), nni.get_trial_id()) == ("abc", "abc-7")
    assert nni.get_sequence_id() == 7
    assert not results.exists()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (1, 1),
        (0.5, 0.5),
        (10**30, 10**30),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array(0.5), 0.5),
        (np.array([0.5]), 0.5),
        (Decimal("0.5"), 0.5),
        (Level.HIGH, 3),
        (Tensor(), 0.25),
        (EagerTensor(), 0.5),
        ({"default": np.float32(0.5), "loss": 1}, {"default": 0.5, "loss": 1}),
        ({"default": 1, "curve": np.array([1, 2])}, {"default": 1, "curve": [1, 2]}),
    ],
)
def test_what_counts_as_a_result(results: Path, metric: object, expected: object) -> None:
    """Numbers, scalars of other libraries, and dicts with one under `default`."""
    nni.report_intermediate_result(metric)
    nni.report_final_result(metric)
    found = records(results)
    assert [record["kind"] for record in found] == ["intermediate", "final"]
    for record in found:
        assert record["value"] == expected
        assert type(record["value"]) is type(expected)


@pytest.mark.parametrize(
    "metric",
    [None, "0.5", True, [1], np.array([1, 2]), {"loss": 1}, {"default": "x"}, {}, object()],
)
def test_what_does_not_count(results: Path, metric: object) -> None:
    """An error at the line that reports it; nothing is sent."""
    with pytest.raises(TypeError, match=r"nni\.report_final_result expected a number"):
        nni.report_final_result(metric)
    assert not results.exists()


def test_nan_is_sent_and_judged_by_the_runner(results: Path) -> None:
    """The trial goes on; its experiment says what was wrong with the result."""
    nni.report_final_result(float("nan"))
    assert records(results)[0]["value"] != records(results)[0]["value"]


def test_a_missing_bell_costs_no_result(
    results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The runner may be gone: the result is in the file all the same."""
    monkeypatch.setenv(nni_trial.BELL, str(tmp_path / "nowhere"))
    nni.report_final_result(1)
    assert len(records(results)) == 1


def test_chosen_by_type_and_value(results: Path) -> None:  # noqa: ARG001 - it makes a trial
    """1 is not True, and an option is not chosen where nothing was."""
    assert nni_trial.chose("k", "a")
    assert not nni_trial.chose("k", "b")
    assert nni_trial.chose("lr", 1)
    assert not nni_trial.chose("lr", True)
    assert not nni_trial.chose("lr", 1.0)
    assert not nni_trial.chose("unknown", None)


@pytest.mark.parametrize("value", [1, 1.0, True, "1", 0, 0.0, -0.0, False, "", None, "None"])
def test_options_are_told_apart_by_type_and_value(
    value: object, results: Path, tmp_path: Path
) -> None:
    """Nothing else is the option that was chosen, alone or at any depth."""
    options = [1, 1.0, True, "1", 0, 0.0, -0.0, False, "", None, "None"]
    nested = {"_name": "a", "a": value}
    (tmp_path / "given.json").write_text(json.dumps({"given": {"x": value, "y": nested}}))
    for option in options:
        is_same = type(option) is type(value) and repr(option) == repr(value)
        assert nni_trial.chose("x", option) == is_same
        assert nni_trial.chose("y", "a", option) == is_same
        assert not nni_trial.chose("y", option)
    assert not results.exists()


@pytest.mark.parametrize("module", ["nni", "nni_trial", "nni_annotate.space"])
def test_imports_the_standard_library_only(module: str) -> None:
    """What decides how fast trials start stays light."""
    script = (
        f"import sys; before = set(sys.modules); import {module}\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "ours = {'nni', 'nni_trial', 'nni_annotate'}\n"
        "print(sorted(new - ours - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_importing_nni_loads_almost_nothing() -> None:
    """Not even json, until it is needed."""
    script = "import sys; import nni; print('json' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False False\n"


@pytest.mark.parametrize("make", [dict, lambda **values: Namespace(**values)])
def test_merge_parameter(make: Any) -> None:
    """NNI's way to put parameters over a command line's."""
    base = make(lr=0.1, epochs=3, name=None)
    merged = merge_parameter(base, {"lr": 1, "name": "x"})
    assert merged is base
    values = merged if isinstance(merged, dict) else vars(merged)
    assert values == {"lr": 1.0, "epochs": 3, "name": "x"}
    assert type(values["lr"]) is float
    assert merge_parameter(base, None) is base
    with pytest.raises(ValueError, match="rate: no such name in the base parameters"):
        merge_parameter(base, {"rate": 1})
    with pytest.raises(TypeError, match="epochs: expected int as in the base parameters, found"):
        merge_parameter(base, {"epochs": 0.5})


def test_waits_for_a_folder_that_was_moved(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report isn't lost for that, and a script doesn't fail for it."""
    folder = results.parent / "results"
    monkeypatch.setenv(nni_trial.RESULTS_FILE, str(folder / "0.jsonl"))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            folder.mkdir()

    monkeypatch.setattr(time, "sleep", pause)
    nni_trial.report_final_result(7)
    assert len(pauses) == 3
    assert json.loads((folder / "0.jsonl").read_text())["value"] == 7
    assert capsys.readouterr().err == (
        f"nni: {folder / '0.jsonl'}: No such file or directory; waiting until it can be written\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_waits_for_room(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the disk is full."""
    link = results.parent / "link"
    link.symlink_to("/dev/full")
    monkeypatch.setenv(nni_trial.RESULTS_FILE, str(link))

    def make_room(_: float) -> None:
        link.unlink()
        link.symlink_to(results)

    monkeypatch.setattr(time, "sleep", make_room)
    nni_trial.report_final_result(7)
    assert json.loads(results.read_text())["value"] == 7
