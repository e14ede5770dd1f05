"""An adversary: for some time it does to an experiment, at random, what can befall one.

`python nemesis.py FOLDER SEED SECONDS`, with the project's packages on the path; run by tests, and
by hand for longer. The invariants have to hold all the same. Of odd seeds the trials are started
anew, of even ones they are forks.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nni_annotate.compile  # noqa: F401 - takes long, and each life would do it anew
from invariants import acknowledged, check_invariants
from nni_runner import resumption, session
from nni_runner.errors import RunnerError
from nni_runner.experiment import Plan
from nni_runner.report import Report
from nni_runner.target import find_command, read_target
from spied import calls_made, check_tuner, make, to_the_end

SPACE = {"x": {"_type": "uniform", "_value": [0, 1]}}
# What it was told is on disk it writes down elsewhere, where the disk is never full.
TRIAL = """
import json, os, random, signal, sys, time
sys.path.append(os.environ["NEMESIS_PACKAGES"])
import nni_trial as nni

number = int(os.environ["NNI_TRIAL_SEQ_ID"])
results = os.environ["NNI_RESULTS_FILE"]
with open(os.path.join(os.environ["NEMESIS_PIDS"], str(os.getpid())), "w") as file:
    file.write(results)

def report(kind, value):
    getattr(nni, f"report_{kind}_result")(value)
    with open(os.path.join(os.environ["NEMESIS_HEARD"], os.path.basename(results)), "a") as file:
        file.write(json.dumps([kind, value]) + "\\n")

def daemon():
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork():
            os._exit(0)
        while True:
            time.sleep(9)

def last_words(*_):
    report("final", number)
    os._exit(0)

kind = number % 14
report("intermediate", 0)
if kind in (1, 12):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if kind in (2, 12):
    daemon()
if kind == 3:
    with open(results, "a") as file:
        file.write('{"kind": "final", "val')
    sys.exit()
if kind == 4:
    report("final", float("nan"))
if kind == 5:
    sys.exit(1)
if kind == 6 and random.random() < 0.7:
    os.kill(os.getpid(), signal.SIGKILL)
if kind == 7:
    for step in range(3000):
        report("intermediate", step)
if kind == 9:
    signal.signal(signal.SIGTERM, last_words)
    time.sleep(random.uniform(0, 0.5))
if kind == 10 and os.fork() == 0:
    time.sleep(99)
time.sleep(random.uniform(0, 0.15))
report("final", number)
if kind == 8:
    report("final", -number)
if kind == 11:
    sys.exit(3)
if kind == 13:
    time.sleep(random.uniform(0, 0.5))
"""
DONE, INTERRUPTED, FAILED, REFUSED, BROKEN = range(5)  # how a life ends: its exit code
ENDS = (-signal.SIGKILL, -signal.SIGTERM, DONE, INTERRUPTED, FAILED, REFUSED)
MORE = 40  # trials whenever there have been enough
PATIENCE_S = 120.0
OUTLIVES_S = 10.0  # 2 s on an idle machine


class Nemesis:
    """An experiment, the process that runs it, and what is to be made good again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.source, self.experiments = folder / "source", folder / "disk" / "experiments"
        self.heard, self.log = folder / "heard", folder / "log"
        self.pids = folder / "pids"  # a fork's environment is not to be seen from outside
        for made in (self.source, self.experiments, self.heard, self.pids):
            made.mkdir(parents=True)
        (self.source / "search_space.json").write_text(json.dumps(SPACE))
        (self.source / "train.py").write_text(TRIAL)
        self.is_forked = seed % 2 == 0
        self.token = f"NEMESIS={os.getpid()}-{seed}"
        os.environ["NEMESIS"] = self.token.partition("=")[2]
        os.environ["NEMESIS_HEARD"] = str(self.heard)
        os.environ["NEMESIS_PIDS"] = str(self.pids)
        os.environ["NEMESIS_PACKAGES"] = str(Path(resumption.__file__).parents[1])
        with self.log.open("wb") as file:  # by way of a pipe, which takes any limit on files
            self.writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
        self.known: Path | None = None
        self.limit = MORE
        self.pid = 0
        self.repairs: list[tuple[float, Callable[[], None]]] = []
        self.was_at = time.monotonic()  # the last time that something was broken
        self.counts: dict[str, int] = {}

    def close(self) -> None:
        """Leaves nothing behind."""
        self.repair(float("inf"))
        for pid in [*([self.pid] if self.pid else []), *self.family()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self, seconds: float) -> Path:
        """Torments it for so long; its folder, when it has come to its end all the same."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.repair(time.monotonic())
            self.revive()
            action = self.random.choice(ACTIONS if self.known else (kill_runner, nothing))
            self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                action(self)
            time.sleep(self.random.uniform(0.01, 0.3))
        self.repair(float("inf"))
        self.was_at = time.monotonic()
        end = time.monotonic() + PATIENCE_S
        while self.revive(is_last=True):
            assert time.monotonic() < end, "it doesn't come to its end"
            time.sleep(0.02)
        self.wait_until_gone()
        print(self.counts, file=sys.stderr)
        return self.experiment()

    def experiment(self) -> Path:
        """The folder of the one that has begun."""
        if self.known is None:
            for path in self.experiments.iterdir():
                self.known = path if begun(path) else self.known
        if self.known is None:
            raise FileNotFoundError
        return self.known

    def is_away(self) -> bool:
        """Whether its folder is elsewhere just now."""
        return any((self.experiments.parent / "away").glob("*"))

    # Its lives

    def revive(self, is_last: bool = False) -> bool:
        """Goes on where it has ended; whether it lives."""
        if self.pid:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended == 0:
                return True
            self.pid = 0
            code = os.waitstatus_to_exitcode(status)
            assert code in ENDS, f"a life ended with {code}: see {self.log}"
            if code == DONE and is_last:
                return False
            if code == DONE:
                self.limit += MORE
            if code == REFUSED:
                is_broken = self.repairs or time.monotonic() - self.was_at < 20
                assert is_broken, f"refused: see {self.log}"
                time.sleep(0.1)
        if self.is_away():
            return True
        with contextlib.suppress(FileNotFoundError):
            self.experiment()
        self.pid = os.fork()
        if self.pid == 0:
            to_the_end(self.live)
        return True

    def live(self) -> int:
        """One life."""
        assert self.writer.stdin is not None
        os.dup2(self.writer.stdin.fileno(), 2)
        print(f"--- {time.time():.3f}", file=sys.stderr)
        for module in (resumption, session):
            setattr(module, "make", make)  # noqa: B010
        try:
            report = self.run_or_resume()
        except KeyboardInterrupt:  # before or after the runner's own ways
            return INTERRUPTED
        except RunnerError as error:
            print("refused:", error, file=sys.stderr)
            return REFUSED
        if report.outcome.status == "done":
            try:
                (report.place.folder / "tuner.json").write_text(json.dumps(calls_made()))
            except OSError:  # where something is broken: another life will come to the end
                return FAILED
            return DONE
        print(report.outcome, file=sys.stderr)
        if report.outcome.status == "interrupted":
            return INTERRUPTED
        return FAILED if report.outcome.reason.startswith("the first") else BROKEN

    def run_or_resume(self) -> Report:
        """Begins the experiment, or goes on with it."""
        with contextlib.suppress(FileNotFoundError):
            folder = self.experiment()
            return resumption.resume_experiment(folder, resumption.Changes(trials=self.limit))
        target = read_target(self.source, self.experiments)
        script, command = ("train.py", None) if self.is_forked else (None, "python -S train.py")
        words = find_command(target, script, command, ())
        plan = Plan(True, self.limit, None, 3, "TPE", 7, baseline=False, retries=2)
        return session.run_experiment(
            self.source, target, words, plan, make(plan), self.experiments
        )

    # Its processes

    def family(self) -> dict[int, tuple[int, str]]:
        """The processes below a runner: their parents, and the results file of a trial's."""
        found = {}
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                words = (path / "environ").read_bytes().decode("utf-8", "replace").split("\0")
                if self.token in words and int(path.name) not in (self.pid, self.writer.pid):
                    state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
                    if state not in "ZX":
                        found[int(path.name)] = int(parent), self.results_of(path.name)
        return found

    def results_of(self, pid: str) -> str:
        """The results file of a trial's process, "" of others."""
        try:
            return (self.pids / pid).read_text()
        except FileNotFoundError:
            return ""

    def servers(self) -> list[int]:
        """The one that the runner has started."""
        return [pid for pid, (parent, _) in self.family().items() if parent == self.pid]

    def watchers(self) -> list[int]:
        """Those that watch a trial each."""
        family = self.family()
        return [
            pid for pid, (parent, file) in family.items()
            if not file and parent in family and not family[parent][1]
        ]  # fmt: skip

    def trials(self) -> list[int]:
        """Whatever a trial consists of."""
        return [pid for pid, (_, file) in self.family().items() if file]

    def wait_until_gone(self) -> None:
        """Nothing of any trial is left."""
        end = time.monotonic() + OUTLIVES_S
        while left := self.family():
            assert time.monotonic() < end, f"left behind: {left}"
            time.sleep(0.02)

    # What is made good again

    def repair(self, until: float) -> None:
        """Makes good what is to be made good by then."""
        for item in list(self.repairs):
            if item[0] <= until:
                item[1]()
                self.repairs.remove(item)
                self.was_at = time.monotonic()

    def later(self, repair: Callable[[], None]) -> None:
        """What makes good again what was done."""
        self.repairs.append((time.monotonic() + self.random.uniform(0.02, 1.2), repair))

    def one_of(self, pids: list[int]) -> int:
        """Any of them. Raises ProcessLookupError where there is none."""
        if not pids:
            raise ProcessLookupError
        return self.random.choice(pids)


def begun(folder: Path) -> bool:
    """Whether an experiment in there can be gone on with."""
    try:
        connection = sqlite3.connect(f"file:{folder}/history.sqlite?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    try:
        return bool(connection.execute("SELECT 1 FROM experiment").fetchall())
    except sqlite3.Error:
        return False
    finally:
        connection.close()


def kill_runner(nemesis: Nemesis) -> None:
    """As kill -9 does."""
    if nemesis.pid:
        os.kill(nemesis.pid, signal.SIGKILL)


def kill_trial(nemesis: Nemesis) -> None:
    """Any process of one."""
    os.kill(nemesis.one_of(nemesis.trials()), signal.SIGKILL)


def kill_watcher(nemesis: Nemesis) -> None:
    """Of a trial."""
    os.kill(nemesis.one_of(nemesis.watchers()), signal.SIGKILL)


def kill_server(nemesis: Nemesis) -> None:
    """Of all trials."""
    os.kill(nemesis.one_of(nemesis.servers()), signal.SIGKILL)


def stop_some(nemesis: Nemesis) -> None:
    """The runner, a supervisor, a watcher or a trial, and goes on with it."""
    which = [[nemesis.pid] if nemesis.pid else [], nemesis.servers(), nemesis.watchers()]
    pid = nemesis.one_of(nemesis.random.choice(which))

    def go_on() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    os.kill(pid, signal.SIGSTOP)
    nemesis.later(go_on)


def limit_files(nemesis: Nemesis) -> None:
    """No file of the runner may grow."""
    if not nemesis.pid:
        return
    pid, (_, most) = nemesis.pid, resource.prlimit(nemesis.pid, resource.RLIMIT_FSIZE)

    def lift() -> None:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (nemesis.random.choice((0, 4096, 30000)), most))
    nemesis.later(lift)


def fill_disk(nemesis: Nemesis) -> None:
    """Where it is a small one of its own."""
    disk = nemesis.experiments.parent
    if not os.path.ismount(disk):
        return
    name = disk / f"full{len(nemesis.repairs)}"
    with contextlib.suppress(OSError), name.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096 * 256)
    with contextlib.suppress(OSError), name.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * nemesis.random.choice((1, 100, 4096)))
    nemesis.later(lambda: name.unlink(missing_ok=True))


def lock_history(nemesis: Nemesis) -> None:
    """As somebody who looks into it may."""
    path = nemesis.experiment() / "history.sqlite"
    other = os.fork()
    if other == 0:
        to_the_end(lambda: hold(path))

    def let_go() -> None:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)

    nemesis.later(let_go)


def hold(history: Path) -> None:
    """Until this process is killed."""
    with contextlib.suppress(sqlite3.Error):
        connection = sqlite3.connect(history, isolation_level=None, timeout=0.2)
        connection.execute("BEGIN IMMEDIATE")
        signal.pause()


def move_away(nemesis: Nemesis) -> None:
    """The experiment's folder, and back."""
    folder = nemesis.experiment()
    away = nemesis.experiments.parent / "away" / folder.name
    away.parent.mkdir(exist_ok=True)
    folder.rename(away)

    def back() -> None:
        away.rename(folder)

    nemesis.later(back)


def kill_by_request(nemesis: Nemesis) -> None:
    """As `nnictl trial kill` does."""
    running = [int(file.rpartition("/")[2].split(".")[0]) for _, file in nemesis.family().values()
               if file]  # fmt: skip
    ask(nemesis, {"do": "kill", "trial": nemesis.one_of(running)})


def update(nemesis: Nemesis) -> None:
    """As `nnictl update concurrency` does."""
    value = nemesis.random.randint(1, 5)
    ask(nemesis, {"do": "update", "limit": "concurrency", "value": value})


def ask(nemesis: Nemesis, request: dict[str, Any]) -> None:
    """The answer is nobody's business."""
    words = json.dumps(request).encode() + b"\n"
    path = (nemesis.experiment() / "control").read_text()

    def talk() -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(path)
            connection.sendall(words)
            connection.recv(1000)

    threading.Thread(target=talk, daemon=True).start()


def interrupt(nemesis: Nemesis) -> None:
    """As Ctrl-C does, perhaps twice."""
    if nemesis.servers():  # before that it is no runner yet
        for _ in range(nemesis.random.choice((1, 1, 2))):
            os.kill(nemesis.pid, nemesis.random.choice((signal.SIGINT, signal.SIGTERM)))
            time.sleep(0.05)


def nothing(nemesis: Nemesis) -> None:
    """Lets it run for a while."""
    time.sleep(nemesis.random.uniform(0, 0.5))


ACTIONS = (
    kill_runner, kill_runner, kill_trial, kill_watcher, kill_server, stop_some, stop_some,
    limit_files, fill_disk, lock_history, move_away, kill_by_request, update, interrupt, nothing,
    nothing,
)  # fmt: skip


def check(experiment: Path, heard: Path) -> None:
    """Asserts what holds of an experiment at its end, whatever befell it."""
    check_invariants(experiment)
    check_tuner(experiment)
    for path in heard.iterdir():
        number, *attempt = path.name.removesuffix(".jsonl").split(".")
        written = acknowledged(experiment, int(number), int(*attempt or ("1",)))
        told = [
            tuple(json.loads(line, parse_constant=str.lower))
            for line in path.read_text().splitlines()
        ]
        left = iter(written)
        assert all(str(one) in map(str, left) for one in told), f"{path.name}: a report is lost"


def small_disk(folder: Path) -> bool:
    """Mounts one of its own there; whether that may be done."""
    words = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(words, capture_output=True).returncode == 0


def main(folder: Path, seed: int, seconds: float) -> None:
    """Runs one."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    is_mounted = small_disk(disk)
    nemesis = Nemesis(folder, seed)
    try:
        experiment = nemesis.run(seconds)
        if is_mounted:
            subprocess.run(["cp", "-a", str(experiment), str(folder / "experiment")], check=True)
            experiment = folder / "experiment"
        check(experiment, nemesis.heard)
    finally:
        nemesis.close()
        nemesis.writer.communicate()
        if is_mounted:
            subprocess.run(["umount", "-l", str(disk)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
