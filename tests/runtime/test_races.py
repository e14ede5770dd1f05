"""Two things at the same moment: each comes to one end, and nothing is lost between them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from bench import PRINT_PIDS, Bench, is_alive, parent, pids
from conftest import clean_environment, command
from invariants import acknowledged, check_invariants
from lab import Lab
from nni_runner import lock, session
from nni_runner.errors import RunnerError, StorageError
from nni_runner.experiment import Plan
from nni_runner.launchers.launcher import End, Exited, Notices
from nni_runner.launchers.local import LocalLauncher
from nni_runner.report import Report
from nni_runner.requests import Asked, Kill
from nni_runner.session import run_experiment
from nni_runner.store import Store
from nni_runner.target import find_command, read_target
from nni_runner.trial import Event, Reported, Started, Status
from nni_tuners import RandomTuner
from waiting import wait_for

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="by Linux's own means")
SCRIPT = (
    '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 0.5\n"""@nni.report_final_result(x)"""\n'
)


class Hooked(Store):
    """Does something before it records what is waited for, once."""

    is_it: Callable[[Event], bool]
    act: Callable[[], None]

    def record(self, events: Iterable[Event]) -> None:
        """Perhaps with something else before it."""
        events = list(events)
        if any(map(type(self).is_it, events)):
            type(self).is_it = staticmethod(lambda _: False)
            type(self).act()
        super().record(events)


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_it: Callable[[Any], bool],
    act: Callable[[Notices], None],
) -> Report:  # fmt: skip
    """Runs five trials, one after the other, with such a store."""
    told: list[Notices] = []

    def launcher(notices: Notices) -> LocalLauncher:
        told.append(notices)
        return LocalLauncher(notices)

    kind = type("Hook", (Hooked,), {
        "is_it": staticmethod(is_it), "act": staticmethod(lambda: act(told[0])),
    })  # fmt: skip
    monkeypatch.setattr(session, "Store", kind)
    monkeypatch.setenv("PYTHONPATH", clean_environment()["PYTHONPATH"])
    source, experiments = folder / "train.py", folder / "experiments"
    source.write_text(SCRIPT)
    target = read_target(source, experiments)
    plan = Plan(True, 5, None, 1, "Random", 0, baseline=True)
    tuner = RandomTuner(optimize_mode="maximize", seed=0)
    words = find_command(target, None, None, ())
    return run_experiment(source, target, words, plan, tuner, experiments, launcher=launcher)


def test_a_trial_that_is_killed_before_it_can_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its start can't be written: it never runs, and whoever asked is answered."""
    answers: list[dict[str, str]] = []

    def kill(notices: Notices) -> None:
        notices.put(Asked(Kill(3), answers.append))
        raise StorageError("no room")

    report = run(tmp_path, monkeypatch, lambda e: isinstance(e, Started) and e.number == 3, kill)
    assert report.outcome.reason == "trial limit reached"
    assert report.history.trials[3].status is Status.USER_CANCELED
    assert answers == [{"done": "trial 3: USER_CANCELED, killed by the user"}]
    assert not acknowledged(report.place.folder, 3, 1)
    check_invariants(report.place.folder)


def test_a_result_that_can_t_be_recorded_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner fails over it; that which it reported counts all the same."""

    def fail(_notices: Notices) -> None:
        raise RunnerError("something is broken")

    report = run(tmp_path, monkeypatch, lambda e: isinstance(e, Reported) and e.number == 2, fail)
    assert report.outcome.reason == "something is broken"
    trial = report.history.trials[2]
    assert (trial.status, trial.cause) == (
        Status.SUCCEEDED, "the runner failed, after its final result"
    )  # fmt: skip
    store = Store(report.place.history, read_only=True)
    assert store.history().trials == report.history.trials
    store.close()


FINAL = '''
"""@nni.variable(nni.uniform(0, 1), name=x)"""
x = 0.5
import os, signal
"""@nni.report_final_result(RESULT)"""
os.kill(WHOM, signal.SIGKILL)
signal.pause()
'''


@pytest.mark.parametrize("whom", ["os.getpid()", "os.getppid()"])
@pytest.mark.parametrize("result", ["x", "float('nan')"])
def test_what_has_its_final_result_is_not_tried_again(
    tmp_path: Path, whom: str, result: str
) -> None:
    """Whatever ends it from outside: it is judged by that result, and has one that counts."""
    lab = Lab(tmp_path)
    lab.write("train.py", FINAL.replace("WHOM", whom).replace("RESULT", result))
    is_number = result == "x"
    words = ("--maximize", "--trials", "2", "--retries", "2")
    report = lab.json(*words, code=0 if is_number else 1)
    assert {trial["attempts"] for trial in report["trials"]} == {1}
    assert {trial["status"] for trial in report["trials"]} == {
        "SUCCEEDED" if is_number else "FAILED"
    }
    cause = report["trials"][0]["cause"]
    assert "after its final result" in cause if is_number else "no finite number: NaN" in cause
    check_invariants(lab.experiment())


def test_whoever_looks_doesn_t_keep_a_runner_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is theirs for an instant."""
    looker = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(looker, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(looker, fcntl.LOCK_UN))
    with lock.locked(tmp_path):
        pass
    os.close(looker)


@pytest.fixture
def bench(tmp_path: Path) -> Iterable[Bench]:
    """A launcher with its notices."""
    bench = Bench(None, tmp_path)
    yield bench
    bench.launcher.close()


@LINUX
@pytest.mark.parametrize("order", ["terminate", "kill", "close"])
def test_a_stopped_watcher(bench: Bench, order: str) -> None:
    """Keeps no trial alive that is to end."""
    trial, watcher = pids(bench.start(0, PRINT_PIDS))
    os.kill(watcher, signal.SIGSTOP)
    if order == "close":
        bench.launcher.close()
    else:
        getattr(bench.launcher, order)(0)
        assert bench.exited() == Exited(0, None, End.LOST)
    wait_for(lambda: not is_alive(trial) and not is_alive(watcher))
    if order == "close":
        bench.launcher = LocalLauncher(bench.notices)


@LINUX
def test_all_that_watches_is_killed_at_once(bench: Bench) -> None:
    """The trial goes with it."""
    trial, watcher = pids(bench.start(0, PRINT_PIDS))
    server = parent(watcher)
    os.kill(server, signal.SIGSTOP)
    os.kill(watcher, signal.SIGKILL)
    os.kill(server, signal.SIGKILL)
    assert bench.exited() == Exited(0, None, End.LOST)
    wait_for(lambda: not is_alive(trial))


@LINUX
def test_a_watcher_that_is_killed_after_its_report(bench: Bench) -> None:
    """Is no second end of its trial."""
    launcher = bench.launcher
    assert isinstance(launcher, LocalLauncher)
    bench.start(0, "")
    assert bench.exited() == Exited(0, 0)
    (supervisor,) = launcher._supervisors
    _, watcher = pids(bench.start(1, PRINT_PIDS))
    late = b'{"number": 0, "end": "lost"}\n'
    Path(f"/proc/{parent(watcher)}/fd/1").write_bytes(late)
    bench.launcher.kill(1)
    assert bench.exited() == Exited(1, -signal.SIGKILL)
    assert supervisor.running == []


@LINUX
def test_a_stopped_supervisor_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Ctrl-C twice ends all that it would have had to end."""
    lab = Lab(tmp_path)
    lab.write("train.py", SCRIPT + f"{PRINT_PIDS}\n")
    words = command("nni-run", *lab.words("--maximize", "--json"))
    runner = subprocess.Popen(
        words, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: any(lab.experiments.glob("*/trials/0/stdout")))
    trial, watcher = pids(lab.experiment() / "trials" / "0")
    os.kill(parent(watcher), signal.SIGSTOP)
    for number in (signal.SIGINT, signal.SIGTERM):
        runner.send_signal(number)
    stdout, stderr = runner.communicate(timeout=60)
    assert runner.returncode in (130, 143), stderr
    assert json.loads(stdout)["experiment"]["reason"] == "interrupted"
    wait_for(lambda: not is_alive(trial))
