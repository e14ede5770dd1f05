"""`nnictl resume`: an experiment goes on where it stood, whatever ended it."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import FIXTURES, environment_of_tests, run
from invariants import check_invariants, read
from lab import TRAIN, Lab
from nni_annotate.space import SearchSpace
from nni_runner.errors import RunnerError
from nni_runner.experiment import Plan
from nni_runner.history import History
from nni_runner.lock import locked
from nni_runner.options import make
from nni_runner.reliving import relive, tell
from nni_runner.store import Store
from nni_runner.trial import (
    Chosen,
    Ended,
    Event,
    Reported,
    SpaceChanged,
    Started,
    Status,
)
from nni_runner.watching import Watch
from nni_tuners import TUNERS, Medianstop
from spied import check_tuner

OLD = FIXTURES / "histories" / "version1"
TRIAL = """printf '{"kind":"intermediate","value":0,"time":1}\\n' >> "$NNI_RESULTS_FILE"
sleep 0.03
printf '{"kind":"final","value":%s,"time":2}\\n' "$NNI_TRIAL_SEQ_ID" >> "$NNI_RESULTS_FILE"
"""
# Which trials are good shows at their first result; the others take their time.
STOPPED = """good=$((NNI_TRIAL_SEQ_ID % 7))
for step in 1 2 3 4 5 6 7 8 9 10; do
printf '{"kind":"intermediate","value":%s,"time":1}\\n' $good >> "$NNI_RESULTS_FILE"
printf '%s\\n' "$NNI_TRIAL_SEQ_ID" > "$NNI_BELL"
sleep "0.00$((7 - good))"
done
printf '{"kind":"final","value":%s,"time":2}\\n' "$NNI_TRIAL_SEQ_ID" >> "$NNI_RESULTS_FILE"
"""


def check_assessor(folder: Path) -> None:
    """Whatever was stopped is what an assessor stops that lives through the whole history at once.

    And some were.
    """
    store = Store(folder / "history.sqlite", read_only=True)
    watch = Watch(Medianstop(optimize_mode="maximize"), "Medianstop", folder.name)
    found: dict[tuple[int, int], str] = {}
    stopped = []
    for event in store.events():
        cause = watch.take(event)
        if isinstance(event, Reported) and cause:
            found.setdefault((event.number, event.attempt), cause)
        if isinstance(event, Ended) and event.status is Status.EARLY_STOPPED:
            stopped.append(event.number)
            assert event.cause == found[event.number, event.attempt]
    store.close()
    assert len(stopped) > 5
    assert 0 not in stopped


@pytest.mark.parametrize("when", ["writes", "moments", "stops"])
def test_killed(tmp_path: Path, when: str) -> None:
    """By kill -9 at each of its writes in turn, and at random moments."""
    source = tmp_path / "source"
    shutil.copytree(OLD / "code", source)
    (source / "train.sh").write_text(STOPPED if when == "stops" else TRIAL)
    lives = Path(__file__).with_name("lives.py")
    done = subprocess.run(
        [sys.executable, lives, when, source, tmp_path / "experiments"],
        env=environment_of_tests(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folders = [path.parent for path in (tmp_path / "experiments").glob("*/*/tuner.json")]
    assert len(folders) == len(list((tmp_path / "experiments").iterdir()))
    for folder in folders:
        check_invariants(folder)
        check_tuner(folder)
        if when == "stops":
            check_assessor(folder)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An experiment of schema version 1, interrupted in its third trial of five."""
    folder = tmp_path / "evyzmmm9"
    shutil.copytree(OLD, folder)
    (folder / "trials").mkdir()
    connection = sqlite3.connect(folder / "history.sqlite")
    connection.executescript((OLD / "history.sql").read_text())
    connection.close()
    return folder


def test_an_old_history_goes_on(old: Path, tmp_path: Path) -> None:
    """By the beginning of its id, then from a copy elsewhere with a larger limit."""
    done = run("nnictl", "resume", "evy", "--experiments-dir", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    trials = json.loads(done.stdout)["trials"]
    assert [trial["attempts"] for trial in trials] == [1, 1, 2, 1, 1]
    assert trials[2]["parameters"] == {"train/x/uniform": 0.4409199136369161}
    assert "warning" not in done.stderr
    check_invariants(old)
    backup = sqlite3.connect(old / "history.version1.sqlite")
    assert backup.execute("PRAGMA user_version").fetchone() == (1,)
    backup.close()
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(old, copy)
    shutil.rmtree(old)
    done = run("nnictl", "resume", copy, "--trials", "7", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["trials"][:5] == [
        {**trial, "output": str(copy / "trials" / str(trial["number"]))} for trial in trials
    ]
    assert report["experiment"]["id"] == "evyzmmm9"
    check_invariants(copy)
    fewer = run("nnictl", "resume", copy, "--trials", "6")
    assert fewer.returncode == 2
    assert "--trials 6: expected 7 at least: so many there are already" in fewer.stderr


def test_a_second_runner_is_refused(old: Path) -> None:
    """It is told who the first one is; nobody holds what a dead one held."""
    with locked(old):
        done = run("nnictl", "resume", old)
    assert done.returncode == 1
    assert f"process {os.getpid()} on {socket.gethostname()} runs this experiment" in done.stderr
    assert not (old / "history.version1.sqlite").exists()


def no_lock(_file: int, _how: int) -> None:
    """As where the file system has none."""
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["reused", "dead"])
def test_a_stale_lock_without_file_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    """A dead process, or a living one with the pid of a dead one, holds nothing."""

    monkeypatch.setattr(fcntl, "flock", no_lock)
    held = {"pid": pid, "host": socket.gethostname(), "started": "1"}
    (tmp_path / "lock").write_text(json.dumps(held))
    mine = f"process {os.getpid()} on "
    with locked(tmp_path), pytest.raises(RunnerError, match=mine), locked(tmp_path):
        pass
    held["host"] = "elsewhere"
    (tmp_path / "lock").write_text(json.dumps(held))
    with pytest.raises(RunnerError, match=f"process {pid} on elsewhere"), locked(tmp_path):
        pass


def test_a_file_system_without_any_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused, with what to do instead."""
    for kind in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, kind, no_lock)
    with pytest.raises(RunnerError, match="has no file locks"), locked(tmp_path):
        pass


def test_changed_code_and_a_changed_space(tmp_path: Path) -> None:
    """The one is said, with both hashes; the other refused unless accepted, and results kept."""
    lab = Lab(tmp_path)
    lab.json("--minimize", "--trials", "4", "--seed", "1", "--tuner", "TPE")
    folder = lab.experiment()
    lab.write("train.py", TRAIN.replace('print("x is"', 'print("x was"'))
    before = lab.facts()["code_hash"]
    done = run("nnictl", "resume", folder, "--trials", "5")
    assert done.returncode == 0, done.stderr
    now = lab.facts()["code_hash"]
    assert f"the code has changed, from {before} to {now}" in done.stderr
    assert "x is" in (folder / "trials" / "3" / "stdout").read_text()
    assert "x was" in (folder / "trials" / "4" / "stdout").read_text()

    lab.write("train.py", TRAIN.replace("uniform(-1, 1)", "uniform(0, 1)"))
    refused = run("nnictl", "resume", folder, "--trials", "6")
    assert refused.returncode == 2
    assert "the search space has changed (train/x/uniform is another)" in refused.stderr
    for limit in ("9", "10"):  # the second time the tuner relives the change too
        done = run("nnictl", "resume", folder, "--trials", limit, "--accept-new-space")
        assert done.returncode == 0, done.stderr
        assert "suggests something else" not in done.stderr
    check_invariants(folder)
    _, events = read(folder)
    new = [row.data["parameters"] for row in events if row.kind == "chosen"][5:]
    assert all(0 <= parameters["train/x/uniform"] <= 1 for parameters in new)
    assert [row.kind for row in events].count("space") == 2


@pytest.mark.parametrize("name", TUNERS)
def test_every_tuner_relives(name: str) -> None:
    """Same history, same tuner state: the next suggestions are the same."""
    space: dict[str, Any] = {
        "x": {"_type": "choice", "_value": [0.1, 0.5, 0.9]},
        "y": {"_type": "choice", "_value": [*range(20)]},
    }
    if name != "BatchTuner":
        space["z"] = {"_type": "uniform", "_value": [0, 1]}
    else:
        space = {"combine": {"_type": "choice", "_value": [{"x": n} for n in range(40)]}}
    plan = Plan(False, None, None, 3, name, 5, baseline=False)
    tuner = make(plan)
    events: list[Event] = [SpaceChanged(space, 0.0)]
    tuner.checkpoints = Path("/nowhere")
    history, domains = History(), SearchSpace.from_json(space)
    tuner.update_search_space(space)

    def record(event: Event) -> None:
        events.append(event)
        history.add(event)

    for number in range(14):
        given = tuner.generate_parameters(number)
        extra = {key: given.pop(key) for key in tuner.extra_keys}
        record(Chosen(number, domains.canonical(given), False, 0.0, extra))
        record(Started(number, 1, 0.0))
        if number >= 2:  # the third from last ends, so that two are always running
            ends = number - 2
            record(Reported(ends, "final", math.sin(ends), 0.0))
            status = Status.FAILED if ends % 5 == 4 else Status.SUCCEEDED
            record(Ended(ends, status, "", 0.0, 0.0))
            tell(tuner, domains, history.trials[ends], history.trials[ends].value)
    again = make(plan)
    again.checkpoints = Path("/nowhere")
    assert relive(again, plan, events) == []
    following = [[one.generate_parameters(n) for n in range(14, 18)] for one in (tuner, again)]
    assert following[0] == following[1]
