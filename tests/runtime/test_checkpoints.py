"""`nni-run --tuner PBT`: trials that go on from each other's checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import ROOT, run
from invariants import check_invariants
from lab import Lab
from nni_runner.store import Store
from nni_runner.trial import Chosen

KEY = "train/rate/loguniform"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab with the example that the documentation shows."""
    made = Lab(tmp_path)
    script = (ROOT / "examples" / "pbt" / "train.py").read_text()
    assert f"```python\n{script}```\n" in (ROOT / "docs" / "tuners.md").read_text()
    made.write("train.py", script)
    return made


def test_trains_a_population(lab: Lab) -> None:
    """The report has the best trial's checkpoint, and parameters that can be given once more."""
    words = ("--minimize", "--tuner", "PBT", "--tuner-arg", "population_size=4", "--seed", "1")
    report = lab.json(*words, "--trials", "21", "--concurrency", "2")
    trials, best = report["trials"], report["best"]
    assert {trial["status"] for trial in trials} == {"SUCCEEDED"}
    assert {tuple(trial["parameters"]) for trial in trials} == {(KEY,)}
    assert best["value"] < report["baseline"]["value"] / 2
    place = lab.experiment() / "checkpoints"
    steps = [f"{member}/{step}" for member in range(4) for step in range(1, 6)]
    saved = {str(place / step) for step in steps}
    assert {trial["checkpoint"] for trial in trials} == {None, *saved}
    assert {str(path) for path in place.glob("*/*")} == saved
    model = json.loads(Path(best["checkpoint"], "model.json").read_text())
    assert abs(model) == best["value"]

    store = Store(lab.experiment() / "history.sqlite")
    starts = [event for event in store.events() if isinstance(event, Chosen)]
    store.close()
    assert starts[0].extra == {}
    for start, trial in zip(starts[1:], trials[1:], strict=True):
        load = Path(start.extra["load_checkpoint_dir"])
        assert start.extra["save_checkpoint_dir"] == trial["checkpoint"]
        x = json.loads((load / "model.json").read_text()) if load.name != "0" else 0.9
        for _ in range(5):
            x -= trial["parameters"][KEY] if x > 0 else -trial["parameters"][KEY]
        assert trial["value"] == pytest.approx(abs(x))

    given = Path(best["output"]) / "parameters.json"
    assert json.loads(given.read_text()) == best["parameters"]
    once = run("nni-run", lab.source, "--with", given)
    assert once.returncode == 0
    assert "final result: " in once.stderr


def test_a_population_goes_on_elsewhere(lab: Lab, tmp_path: Path) -> None:
    """In a copy of the experiment, as the whole experiment would have in its place."""
    words = ("--minimize", "--tuner", "PBT", "--tuner-arg", "population_size=3", "--seed", "1")
    lab.json(*words, "--trials", "8")
    first, copy = lab.experiment(), tmp_path / "copy"
    shutil.copytree(first, copy)
    runs = [run("nnictl", "resume", at, "--trials", "12", "--json") for at in (copy, first)]
    assert "suggests something else" not in runs[0].stderr
    moved, stayed = (json.loads(done.stdout)["trials"] for done in runs)
    assert [trial["value"] for trial in moved] == [trial["value"] for trial in stayed]
    assert moved[11]["checkpoint"].startswith(f"{copy}/checkpoints/")
    check_invariants(copy)


def test_checkpoints_where_the_user_wants_them(lab: Lab, tmp_path: Path) -> None:
    """The report names the best one, as text too, and other tuners' trials have none."""
    words = ("--minimize", "--no-baseline", "--trials", "2")
    folder = f"all_checkpoint_dir={tmp_path / 'kept'}"
    done = lab.run(*words, "--tuner", "PBTTuner", "--tuner-arg", folder)
    assert f"Checkpoint of the best trial: {tmp_path / 'kept'}/" in done.stdout
    saved = {str(path.relative_to(tmp_path)) for path in (tmp_path / "kept").rglob("*.json")}
    assert saved == {"kept/0/1/model.json", "kept/1/1/model.json"}
    other = lab.run(*words, "--tuner", "Random")
    assert other.returncode == 0
    assert "Checkpoint" not in other.stdout
    assert not list(lab.experiments.glob("*/checkpoints"))


def test_a_folder_that_cannot_be_made(lab: Lab, tmp_path: Path) -> None:
    """The experiment ends with its reason."""
    (tmp_path / "file").write_text("")
    words = ("--minimize", "--no-baseline", "--tuner", "PBT")
    done = lab.run(*words, "--tuner-arg", f"all_checkpoint_dir={tmp_path / 'file'}")
    assert done.returncode == 1
    assert f"{tmp_path / 'file'}" in done.stdout
    assert "can't be written: Not a directory" in done.stdout
