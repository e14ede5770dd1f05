"""Runs an experiment through several lives, each a process that may be killed; run by tests.

`python lives.py writes|moments|stops SOURCE EXPERIMENTS`, with the project's packages on the path.
Its trials are shell scripts, since a Python takes longer to start than an experiment of theirs.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nni_runner import resumption, session
from nni_runner.experiment import Plan
from nni_runner.store import Store
from nni_runner.target import find_command, read_target
from spied import calls_made, make, to_the_end


def dies(at: int, committed: bool) -> type[Store]:
    """A store whose process is killed at its so many-th write, before or after it is on disk."""

    class Dying(Store):
        writes = 0

        @contextmanager
        def _transaction(self) -> Iterator[None]:
            self.writes += 1
            if self.writes == at and not committed:
                os.kill(os.getpid(), signal.SIGKILL)
            with super()._transaction():
                yield
            if self.writes == at:
                os.kill(os.getpid(), signal.SIGKILL)

    return Dying


class Lives:
    """The lives of one experiment; the first is of a new one, each other goes on."""

    def __init__(self, source: Path, experiments: Path, plan: Plan) -> None:
        self.source, self.experiments, self.plan = source, experiments, plan
        experiments.mkdir(parents=True)

    def live(self, store: type[Store] = Store, after: float = math.inf) -> bool:
        """One life, ended by kill -9 after so many seconds; whether it came to its own end."""
        child = os.fork()
        if child == 0:
            to_the_end(lambda: self._child(store))
        if after < math.inf:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, -signal.SIGKILL), code
        return code == 0

    def experiment(self) -> Path | None:
        """The folder of the one that has begun."""
        for history in sorted(self.experiments.glob("*/history.sqlite")):
            connection = sqlite3.connect(history)
            with contextlib.suppress(sqlite3.OperationalError):
                if connection.execute("SELECT 1 FROM experiment").fetchall():
                    return history.parent
            connection.close()
        return None

    def _child(self, store: type[Store]) -> None:
        for module in (resumption, session):
            setattr(module, "Store", store)  # noqa: B010
            setattr(module, "make", make)  # noqa: B010
        begun = self.experiment()
        if begun is not None:
            report = resumption.resume_experiment(begun, resumption.Changes())
        else:
            target = read_target(self.source, self.experiments)
            words = find_command(target, None, "sh train.sh", ())
            tuner = make(self.plan)
            report = session.run_experiment(
                self.source, target, words, self.plan, tuner, self.experiments
            )
        assert report.outcome.status == "done", report.outcome
        (report.place.folder / "tuner.json").write_text(json.dumps(calls_made()))


def at_each_write(source: Path, experiments: Path) -> None:
    """An experiment for every write of a life: killed there, resumed and killed there again."""
    plan = Plan(True, 3, None, 2, "TPE", 7, baseline=True)
    for committed in (False, True):
        done = False
        for at in itertools.count(1):
            if done:
                break
            lives = Lives(source, experiments / f"{committed:d}-{at}", plan)
            done = lives.live(dies(at, committed))
            assert done or lives.live(dies(at, committed)) or lives.live()


def at_random_moments(source: Path, experiments: Path) -> None:
    """One experiment, killed at moments from fixed seeds."""
    lives = Lives(source, experiments / "0", Plan(True, 40, None, 3, "TPE", 7, baseline=True))
    for seed in range(10):
        lives.live(after=random.Random(seed).uniform(0.02, 0.3))
    assert lives.live()


def while_some_are_stopped(source: Path, experiments: Path) -> None:
    """The same with an assessor."""
    plan = Plan(True, 60, None, 3, "TPE", 7, baseline=True, assessor="Medianstop")
    lives = Lives(source, experiments / "0", plan)
    for seed in range(10):
        lives.live(after=random.Random(seed).uniform(0.1, 0.4))
    assert lives.live()


if __name__ == "__main__":
    {
        "writes": at_each_write, "moments": at_random_moments, "stops": while_some_are_stopped
    }[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))  # fmt: skip
