"""An experiment that goes on until the test lets it end, and `nnictl` beside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment, command, run
from lab import Lab
from nni_runner.store import Store
from nni_runner.trial import Status
from waiting import wait_for

# The baseline ends by itself, every other trial when the test says so. It takes so long that a
# tuner is quick beside it, which is then not asked ahead.
SCRIPT = '''
"""@nni.variable(nni.randint(1, 1000), name=x)"""
x = 2
import os, sys, time
print("\\x1b[2Jtrial", os.environ["NNI_TRIAL_SEQ_ID"], "\\xe9", flush=True)
print("oops", file=sys.stderr, flush=True)
time.sleep(0.3 * (os.environ["NNI_TRIAL_SEQ_ID"] == "0"))
while os.environ["NNI_TRIAL_SEQ_ID"] != "0" and not os.path.exists("../go"):
    time.sleep(0.01)
print("going", flush=True)
"""@nni.report_final_result(x)"""
'''


class Running:
    """An experiment in a process of its own, and `nnictl` beside it."""

    def __init__(self, lab: Lab, *words: str) -> None:
        lab.write("train.py", SCRIPT)
        self.experiments = lab.experiments
        self.process = _background("nni-run", *lab.words("--maximize", "--json", *words))
        wait_for(lambda: self.is_recorded(0, Status.SUCCEEDED) and self.is_recorded(1))
        (self.folder,) = lab.experiments.iterdir()
        self.id = self.folder.name

    def ctl(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a command of `nnictl` to its end."""
        return run("nnictl", *words, "--experiments-dir", self.experiments)

    def done(self, *words: str | Path) -> str:
        """What a command that succeeds prints."""
        done = self.ctl(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def resume(self, *words: str) -> None:
        """Goes on with it in another process, once it has ended."""
        self.process = _background("nnictl", "resume", self.folder, "--json", *words)

    def is_recorded(self, number: int, status: Status = Status.RUNNING) -> bool:
        """Whether the history has that trial in that state."""
        for path in self.experiments.glob("*/history.sqlite"):
            try:
                store = Store(path, read_only=True)
                trial = store.history().trials.get(number)
                store.close()
            except Exception:  # noqa: BLE001 - it is only just being made
                return False
            return trial is not None and trial.status is status
        return False

    def go(self) -> None:
        """Lets every trial end."""
        (self.folder / "go").touch()

    def report(self, code: int) -> Any:
        """What `nni-run` prints at its end."""
        stdout, stderr = self.process.communicate(timeout=60)
        assert self.process.returncode == code, stderr
        return json.loads(stdout)


def _background(*words: str | Path) -> subprocess.Popen[str]:
    name, *others = words
    return subprocess.Popen(
        command(str(name), *others),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts experiments; whatever still runs in the end is killed."""
    started: list[Running] = []

    def make(*words: str) -> Running:
        started.append(Running(Lab(tmp_path), *words))
        return started[-1]

    yield make
    for one in started:
        one.process.kill()
        one.process.communicate()
