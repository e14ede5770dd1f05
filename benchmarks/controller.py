"""Prints what the runner itself costs for each trial, and what it holds, as an experiment grows.

python benchmarks/controller.py [--trials 10000] [--concurrency 100] [--reports 10] [--folder PATH]

Its trials are no processes: a stand-in writes down their results as a trial would, and they end.
The cost is also given as times that of appending a line to a file in the same folder and syncing
it, twice: so much has to be on the disk for a trial, whoever runs it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nni_trial
from nni_runner.experiment import Plan
from nni_runner.launchers.launcher import Exited, Job, Notices, Rang
from nni_runner.options import make
from nni_runner.session import run_experiment
from nni_runner.target import read_target

SPACE = {name: {"_type": "uniform", "_value": [0, 1]} for name in ("x", "y", "z")}


@dataclass(frozen=True)
class Held:
    """What the process holds after so many trials."""

    trials: int
    seconds: float
    kilobytes: int
    files: int
    threads: int


class StandIn:
    """A launcher whose trials report and end at once; it looks at the process as it goes."""

    def __init__(self, notices: Notices, trials: int, reports: int) -> None:
        self._notices = notices
        self._reports = reports
        self._looks = {trials * tenth // 10 for tenth in range(1, 11)}
        self._started = 0
        self.held = [held(0)]

    def start(self, job: Job) -> None:
        """Does what a trial does."""
        lines = [("intermediate", step) for step in range(self._reports)]
        with Path(job.environment[nni_trial.RESULTS_FILE]).open("a") as file:
            for kind, value in [*lines, ("final", job.number % 97)]:
                file.write(json.dumps({"kind": kind, "value": value, "time": 1.0}) + "\n")
        self._notices.put(Rang(frozenset({job.number})))
        self._notices.put(Exited(job.number, 0))
        self._started += 1
        if self._started in self._looks:
            self.held.append(held(self._started))

    def terminate(self, number: int) -> None:
        """Nothing runs."""

    def kill(self, number: int) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing is held."""


def held(trials: int) -> Held:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    kilobytes = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return Held(trials, time.process_time(), kilobytes, files, threading.active_count())


def run(folder: Path, trials: int, concurrency: int, reports: int) -> list[Held]:
    """An experiment to its end; what was held at its beginning and after each tenth."""
    (folder / "search_space.json").write_text(json.dumps(SPACE))
    (folder / "train.py").write_text("import nni\n")
    plan = Plan(
        maximize=True, trials=trials, seconds=None, concurrency=concurrency, tuner="Random", seed=0,
        baseline=False,
    )  # fmt: skip
    made: list[StandIn] = []

    def launch(notices: Notices) -> StandIn:
        made.append(StandIn(notices, trials, reports))
        return made[-1]

    target = read_target(folder / "train.py", folder / "experiments")
    with contextlib.redirect_stderr(io.StringIO()):
        report = run_experiment(
            folder / "train.py",
            target,
            ("train",),
            plan,
            make(plan),
            folder / "experiments",
            launcher=launch,
        )
    assert report.outcome.reason == "trial limit reached", report.outcome
    assert len(report.history.ranked()) == trials
    return made[0].held


def two_syncs(folder: Path) -> float:
    """The milliseconds of two lines appended and synced, the mean of a hundred."""
    line = json.dumps({"kind": "final", "value": 1, "time": 1.0}).encode() + b"\n"
    with (folder / "lines").open("ab", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(200):
            file.write(line)
            os.fdatasync(file.fileno())
    return (time.perf_counter() - start) * 1000 / 100


def main() -> None:
    """Prints a line for each tenth of the trials, and the cost of a trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--reports", type=int, default=10)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        syncs = two_syncs(folder)
        start = time.perf_counter()
        found = run(folder, given.trials, given.concurrency, given.reports)
        wall = (time.perf_counter() - start) * 1000 / given.trials
    print(f"{'trials':>8} {'CPU ms a trial':>15} {'kB':>8} {'files':>6} {'threads':>8}")
    for before, now in itertools.pairwise(found):
        cost = (now.seconds - before.seconds) * 1000 / (now.trials - before.trials)
        print(f"{now.trials:8} {cost:15.2f} {now.kilobytes:8} {now.files:6} {now.threads:8}")
    print(f"{wall:.2f} ms a trial, {wall / syncs:.1f} times two syncs ({syncs:.2f} ms)")


if __name__ == "__main__":
    main()
