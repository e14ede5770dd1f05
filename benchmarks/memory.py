"""Prints how much memory the runner takes and each trial of scikit-learn, forked and started anew.

python benchmarks/memory.py [--trials 16]

All trials run at the same time. The figures are proportional set sizes (PSS): of a page that
processes share each counts its part, so that they add up.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = """
import os, time
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

'''@nni.variable(nni.loguniform(0.0001, 1), name=alpha)'''
alpha = 0.01
images, labels = load_digits(return_X_y=True)
model = SGDClassifier(alpha=alpha, max_iter=5, tol=None).fit(images, labels)
'''@nni.report_intermediate_result(model.score(images, labels))'''
open(os.path.join(os.environ["READY"], str(os.getpid())), "w").close()
time.sleep(600)
"""
START = "from nni_runner.entry import main; main(prog_name='nni-run')"


def main() -> None:
    """Prints a line for each way of starting trials."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=16)
    trials = parser.parse_args().trials
    print(f"{'':10} {'nni-run':>8} {'rest of it':>11} {'a trial':>8}   MB, {trials} at a time")
    for launcher in ("preloaded", "subprocess"):
        with tempfile.TemporaryDirectory() as folder:
            own, rest, each = measure(Path(folder), trials, launcher)
        print(f"{launcher:10} {own:8.1f} {rest:11.1f} {each:8.1f}", flush=True)


def measure(folder: Path, trials: int, launcher: str) -> tuple[float, float, float]:
    """MB of the runner, of its other processes together, and of a trial on average."""
    (folder / "train.py").write_text(SCRIPT)
    ready = folder / "ready"
    ready.mkdir()
    options = ["--trials", trials, "--concurrency", trials, "--launcher", launcher, "--maximize"]
    words = [folder / "train.py", *options, "--experiments-dir", folder / "experiments"]
    runner = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)],
        env={**os.environ, "READY": str(ready), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while len(list(ready.iterdir())) < trials:
            if runner.poll() is not None:
                sys.exit("the experiment has ended before all of its trials ran")
            time.sleep(0.1)
        sizes = {pid: size(pid) for pid in below(runner.pid)}
        of_trials = [sizes[int(path.name)] for path in ready.iterdir()]
    finally:
        runner.send_signal(signal.SIGINT)
        runner.wait()
    own = sizes[runner.pid]
    return own, sum(sizes.values()) - own - sum(of_trials), sum(of_trials) / trials


def below(root: int) -> list[int]:
    """A process and all that are below it."""
    found = [root]
    for pid in found:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        found += map(int, children.split())
    return found


def size(pid: int) -> float:
    """Its proportional set size in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
