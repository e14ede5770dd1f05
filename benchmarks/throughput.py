"""Prints how long a trial takes, and a bare `python train.py`, a bare fork, and Optuna's ways.

python benchmarks/throughput.py [--trials 60] [--only T0] [--folder PATH]

T0 reports one result; T2 fits a linear model of scikit-learn with five reports; T3 trains a small
network of torch, where that is installed. Two at a time; all is on: the history, logs, TPE. The
first trials, during which imports are learned, are not counted. Optuna, where it is installed, runs
the same script in threads of one process, which has imported everything: without isolation.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from nni_runner.experiment import Plan
from nni_runner.options import make
from nni_runner.session import run_experiment
from nni_runner.target import find_command, read_target

CONCURRENCY = 2
OPTUNA = {
    "memory": "None",
    "journal": "optuna.storages.JournalStorage("
    "optuna.storages.journal.JournalFileBackend('journal'))",
    "SQLite": "'sqlite:///optuna.db'",
}
WARM_UP = 12  # trials
SPACE = {"c": {"_type": "loguniform", "_value": [0.001, 1000]}}
SCRIPTS = {
    "T0": "import nni\nnni.report_final_result(nni.get_next_parameter().get('c', 1))\n",
    "T2": """import nni
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
c = nni.get_next_parameter().get("c", 1)
images, labels = load_digits(return_X_y=True)
model = SGDClassifier(alpha=1 / c / 1e4, random_state=0)
for _ in range(5):
    model.partial_fit(images, labels, classes=range(10))
    nni.report_intermediate_result(model.score(images, labels))
nni.report_final_result(model.score(images, labels))
""",
    "T3": """import nni
import torch
rate = nni.get_next_parameter().get("c", 1) / 1e5
torch.manual_seed(0)
x = torch.randn(256, 16)
net = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=rate)
for _ in range(5):
    for _ in range(4):
        optimizer.zero_grad()
        loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step()
    nni.report_intermediate_result(loss.item())
nni.report_final_result(loss.item())
""",
}
NEEDS = {"T2": "sklearn", "T3": "torch"}


def main() -> None:
    """Prints a line for each script and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--only", choices=SCRIPTS)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    # As for every trial of an experiment with two at a time, on two cores.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    print(f"{'':4} {'':18} {'ms a trial':>10} {'x python':>9} {'x fork':>7}")
    for name, script in SCRIPTS.items():
        if given.only not in (None, name) or find_spec(NEEDS.get(name, "nni")) is None:
            continue
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            (Path(folder) / "train.py").write_text(script)
            (Path(folder) / "search_space.json").write_text(json.dumps(SPACE))
            ways: dict[str, Callable[[], float]] = {
                "python train.py": lambda: pythons(Path(folder), given.trials),
                "fork": lambda: forks(Path(folder), given.trials),
                "subprocess": lambda: experiment(Path(folder), given.trials, "subprocess"),
                "preloaded": lambda: experiment(Path(folder), given.trials, "preloaded"),
            }
            if find_spec("optuna"):
                for way, storage in OPTUNA.items():
                    ways[f"optuna {way}"] = partial(optuna, Path(folder), given.trials, storage)
            costs = {way: run() for way, run in ways.items()}
        for way, cost in costs.items():
            by_python, by_fork = cost / costs["python train.py"], cost / costs["fork"]
            print(f"{name:4} {way:18} {cost:10.1f} {by_python:9.2f} {by_fork:7.2f}", flush=True)


def pythons(folder: Path, trials: int) -> float:
    """Milliseconds for each of these processes, two at a time."""
    start = time.perf_counter()
    running: list[subprocess.Popen[bytes]] = []
    for _ in range(trials):
        if len(running) == CONCURRENCY:
            running.pop(0).wait()
        words = [sys.executable, "-W", "ignore", "train.py"]
        process = subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
        running.append(process)
    for process in running:
        process.wait()
    return (time.perf_counter() - start) * 1000 / trials


def forks(folder: Path, trials: int) -> float:
    """The same for bare forks of a process that has imported all that the script does: the limit.

    It has run nothing, as nothing but imports is safe before a fork.
    """
    code = f"""
import gc, json, os, sys, time, warnings
warnings.simplefilter("ignore")
script = compile(open("train.py").read(), "train.py", "exec")
names, told = os.pipe()
if os.fork() == 0:
    exec(script, {{}})
    os.write(told, json.dumps(list(sys.modules)).encode())
    os._exit(0)
os.close(told)
for name in json.load(open(names)):
    try:
        __import__(name)
    except ImportError:
        pass
os.wait()
gc.collect(); gc.freeze()
start = time.perf_counter()
running = 0
for _ in range({trials}):
    if running == {CONCURRENCY}:
        os.wait(); running -= 1
    if os.fork() == 0:
        exec(script, {{}}); os._exit(0)
    running += 1
while running:
    os.wait(); running -= 1
print((time.perf_counter() - start) * 1000 / {trials})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])  # behind what the script prints


def optuna(folder: Path, trials: int, storage: str) -> float:
    """The same for trials of Optuna in threads of one process, after a first one."""
    code = f"""
import sys, threading, time, types, warnings
import optuna
warnings.simplefilter("ignore")
optuna.logging.disable_default_handler()
script = compile(open("train.py").read(), "train.py", "exec")
own = threading.local()
nni = sys.modules["nni"] = types.ModuleType("nni")
nni.get_next_parameter = lambda: {{"c": own.trial.suggest_float("c", 0.001, 1000, log=True)}}
def report(value):
    own.trial.report(value, own.step)
    own.step += 1
nni.report_intermediate_result = report
nni.report_final_result = lambda value: setattr(own, "final", value)
def objective(trial):
    own.trial, own.step = trial, 0
    exec(script, {{}})
    return own.final
study = optuna.create_study(
    direction="maximize", storage={storage}, sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=1)
start = time.perf_counter()
study.optimize(objective, n_trials={trials}, n_jobs={CONCURRENCY})
print((time.perf_counter() - start) * 1000 / {trials})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def experiment(folder: Path, trials: int, launcher: str) -> float:
    """The same for the trials of an experiment, but for the first ones."""
    plan = Plan(
        maximize=True, trials=trials + WARM_UP, seconds=None, concurrency=CONCURRENCY, tuner="TPE",
        seed=0, baseline=False, launcher=launcher,
    )  # fmt: skip
    target = read_target(folder / "train.py", folder / launcher)
    words = find_command(target, None, None, ())
    with contextlib.redirect_stderr(io.StringIO()):
        report = run_experiment(
            folder / "train.py", target, words, plan, make(plan), folder / launcher
        )
    trials_of = report.history.trials
    assert len(report.history.ranked()) == trials + WARM_UP
    ends = sorted(trial.started + trial.seconds for trial in trials_of.values())
    return (ends[-1] - ends[WARM_UP - 1]) * 1000 / trials


def environment() -> dict[str, str]:
    """Where `import nni` works also from a clone."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"}


if __name__ == "__main__":
    main()
