"""What befalls trials, the disk and the machine: nothing is lost, and it goes on afterwards."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment, command
from invariants import check_invariants, read
from lab import Lab, hear_signals
from waiting import wait_for

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="by Linux's own means")

# Trials after the second wait for a word of the test.
SCRIPT = '''
"""@nni.variable(nni.uniform(0, 1), name=x)"""
x = 0.5
import os, time
number = int(os.environ["NNI_TRIAL_SEQ_ID"])
while number >= 2 and not os.path.exists(GO):
    time.sleep(0.01)
"""@nni.report_intermediate_result(number)"""
"""@nni.report_final_result(number)"""
'''


class Run:
    """An experiment in a process of its own, whose messages can be waited for."""

    def __init__(self, lab: Lab, *words: str, before: str = "") -> None:
        self.go = lab.source.parent / "go"
        lab.write("train.py", f"GO = {str(self.go)!r}\n" + SCRIPT)
        self.lab = lab
        self.messages = lab.source.parent / "messages"
        nni_run = command("nni-run", *lab.words("--maximize", "--json", *words))
        if before:
            nni_run = ["sh", "-c", f'{before}; exec "$@"', "sh", *nni_run]
        with self.messages.open("w") as file:  # by way of a pipe, which takes any limit on files
            self._writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
        self.process = subprocess.Popen(
            nni_run, env=clean_environment(), stdout=subprocess.PIPE, stderr=self._writer.stdin,
            text=True, preexec_fn=hear_signals,
        )  # fmt: skip
        assert self._writer.stdin is not None
        self._writer.stdin.close()

    @property
    def folder(self) -> Path:
        """That of the experiment."""
        return self.lab.experiment()

    def wait_until_told(self, words: str) -> None:
        """Waits for a message."""
        wait_for(lambda: words in self.messages.read_text())

    def wait_until_running(self, number: int) -> None:
        """Waits for a trial to be started."""
        wait_for(lambda: (self.folder / "results" / f"{number}.jsonl").exists())

    def report(self, code: int = 0) -> Any:
        """The result, after its end."""
        stdout, _ = self.process.communicate(timeout=60)
        self._writer.wait()
        assert self.process.returncode == code, self.messages.read_text()
        assert "Traceback" not in self.messages.read_text()
        return json.loads(stdout)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab."""
    return Lab(tmp_path)


@pytest.fixture
def runs(lab: Lab) -> Iterator[Any]:
    """Starts experiments that don't outlive the test."""
    started: list[Run] = []

    def start(*words: str, before: str = "") -> Run:
        started.append(Run(lab, *words, before=before))
        wait_for(lambda: any(lab.experiments.glob("*/history.sqlite")))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.communicate()


def check(run: Run, trials: int) -> None:
    """Every trial has succeeded with the results that it reported, once each."""
    _, events = read(run.folder)
    for number in range(trials):
        rows = [row for row in events if row.trial == number]
        finals = [row.data["value"] for row in rows if row.data.get("kind") == "final"]
        assert finals == [number]
        ends = [row.data for row in rows if row.kind == "ended"]
        assert [end["status"] for end in ends if not end["interrupted"]] == ["SUCCEEDED"]
    assert max(row.trial for row in events if row.trial is not None) == trials - 1


@contextmanager
def limited(pid: int, what: int, value: int) -> Iterator[None]:
    """A process with a resource limit, for some time."""
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (value, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, what, before)


@LINUX
def test_a_disk_without_room(runs: Any) -> None:
    """Files that may not grow: it says so, starts no trial, and goes on when they may."""
    run = runs("--trials", "6", "--concurrency", "2")
    run.wait_until_running(3)
    with limited(run.process.pid, resource.RLIMIT_FSIZE, 0):
        run.go.touch()
        run.wait_until_told("no trial is started until it can be; results are kept")
        assert not (run.folder / "results" / "4.jsonl").exists()
    report = run.report()
    assert report["experiment"]["reason"] == "trial limit reached"
    assert "it can be written again; going on" in run.messages.read_text()
    check(run, 6)


@LINUX
def test_ctrl_c_while_there_is_no_room(runs: Any) -> None:
    """Ends it; what trials reported is recorded by the resume."""
    run = runs("--trials", "6", "--concurrency", "2")
    run.wait_until_running(3)
    with limited(run.process.pid, resource.RLIMIT_FSIZE, 0):
        run.go.touch()
        run.wait_until_told("no trial is started until")
        wait_for(lambda: '"final"' in (run.folder / "results" / "2.jsonl").read_text())
        run.process.send_signal(signal.SIGINT)
        report = run.report(code=130)
    assert report["experiment"]["status"] == "interrupted"
    done = subprocess.run(
        command("nnictl", "resume", run.folder), env=clean_environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check(run, 6)


def test_a_history_that_somebody_locks(runs: Any) -> None:
    """It waits, says so, and goes on. Trials have run as long as they have, whatever that takes."""
    run = runs("--trials", "5", "--concurrency", "2", "--launcher", "subprocess")
    run.wait_until_running(3)
    other = sqlite3.connect(run.folder / "history.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    run.go.touch()
    run.wait_until_told("database is locked; no trial is started until it can be")
    wait_for(lambda: not processes_in(run.folder))
    before = time.time()
    other.execute("ROLLBACK")
    assert run.report()["experiment"]["reason"] == "trial limit reached"
    check(run, 5)
    ends = other.execute("SELECT time FROM events WHERE kind = 'ended'").fetchall()
    other.close()
    assert sum(end < before for (end,) in ends) == 4


def processes_in(folder: Path) -> list[str]:
    """The processes that work in there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if path.readlink().is_relative_to(folder) else []
    return found


def test_a_folder_that_is_moved_away(runs: Any) -> None:
    """While it is gone nothing is written anywhere; back again, all is in it."""
    run = runs("--trials", "6", "--concurrency", "2")
    run.wait_until_running(3)
    here = run.folder
    away = run.lab.source.parent / "away"
    here.rename(away)
    run.go.touch()

    def is_told() -> bool:
        """By a trial that can't report, or by the runner, if it is just about to write."""
        trials = "".join(path.read_text() for path in away.glob("trials/*/stderr"))
        told = "waiting until it can be written" in trials
        return told or "is gone; was the experiment's folder moved?" in run.messages.read_text()

    wait_for(is_told)
    away.rename(here)
    report = run.report()
    assert report["experiment"]["reason"] == "trial limit reached"
    assert len(report["trials"]) == 6


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EROFS"])
def test_system_calls_that_fail(lab: Lab, error: str) -> None:
    """Three syncs in a row that fail cost nothing but time."""
    lab.write("train.py", f"GO = {str(lab.source)!r}\n{SCRIPT}\ntime.sleep(0.4)\n")
    words = command("nni-run", *lab.words("--maximize", "--json", "--trials", "4"))
    # The first eight make the file; only the thread that runs the experiment writes to it.
    inject = f"inject=fdatasync:error={error}:when=10..12"
    done = subprocess.run(
        ["strace", "-qq", "-o", lab.source.parent / "trace", "-e", inject, *words],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no trial is started until it can be" in done.stderr
    assert "going on" in done.stderr
    assert len(json.loads(done.stdout)["trials"]) == 4


def test_a_power_cut_takes_the_latest_moment_only(runs: Any, tmp_path: Path) -> None:
    """All else is in the history's file itself, which has been synced, while a trial goes on."""
    run = runs("--trials", "4", "--concurrency", "1")
    run.wait_until_running(2)

    def left() -> list[tuple[str, int]]:
        """What is there without the log, which may have been in memory only."""
        copy = tmp_path / "history.sqlite"
        copy.write_bytes((run.folder / "history.sqlite").read_bytes())
        with contextlib.closing(sqlite3.connect(copy)) as history:
            rows = "SELECT kind, trial FROM events WHERE kind IN ('started', 'ended') ORDER BY id"
            try:
                return history.execute(rows).fetchall()
            except sqlite3.DatabaseError:  # it was written to just then
                return []

    over = [(kind, number) for number in (0, 1) for kind in ("started", "ended")]
    wait_for(lambda: left() == [*over, ("started", 2)])
    run.go.touch()
    run.report()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize(("call", "nth"), [("fdatasync", 11), ("pwrite64", 52), ("pwrite64", 59)])
def test_killed_at_a_system_call(lab: Lab, call: str, nth: int) -> None:
    """Between two writes of one transaction, say: a resume finds it done or undone."""
    words = command("nni-run", *lab.words("--maximize", "--trials", "4", "--no-baseline"))
    inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}")
    killed = subprocess.run(
        ["strace", "-qq", "-o", lab.source.parent / "trace", *inject, *words],
        env=clean_environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    done = subprocess.run(
        command("nnictl", "resume", lab.experiment()), env=clean_environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_invariants(lab.experiment())


def test_a_broken_history_is_refused(runs: Any) -> None:
    """In words, with what can be saved."""
    run = runs("--trials", "3")
    run.go.touch()
    run.report()
    history = run.folder / "history.sqlite"
    content = history.read_bytes()
    for broken in (content[: len(content) // 2], b"\0" * len(content), b"", content[:100]):
        history.write_bytes(broken)
        for words in (("resume", run.folder), ("experiment", "show", run.folder)):
            done = subprocess.run(
                command("nnictl", *words), env=clean_environment(), capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            assert done.returncode in (1, 2), (words, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
            assert "history.sqlite: " in done.stderr
            assert f"what its trials reported is in {run.folder / 'results'}" in done.stderr


def test_a_history_that_has_lost_its_end_is_refused(lab: Lab) -> None:
    """Or the results of trials that it doesn't know would be taken for those of others."""
    lab.json("--maximize", "--trials", "2")
    history = lab.experiment() / "history.sqlite"
    old = history.read_bytes()
    resume = ("resume", lab.experiment(), "--trials", "4")
    words = command("nnictl", *resume)
    subprocess.run(words, env=clean_environment(), capture_output=True, check=True)
    history.write_bytes(old)
    done = subprocess.run(
        words, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    results = lab.experiment() / "results"
    assert re.search(r"history.sqlite: lacks trial [23], which has reported results", done.stderr)
    assert f"what its trials reported is in {results}" in done.stderr


@LINUX
def test_fewer_slots_where_files_run_out(runs: Any) -> None:
    """Trials wait for room instead of failing."""
    run = runs("--trials", "80", "--concurrency", "70", before="ulimit -n 50")
    run.go.touch()
    report = run.report()
    assert report["experiment"]["reason"] == "trial limit reached"
    assert "fewer trials run until there is room for more" in run.messages.read_text()
    check(run, 80)


KILLED = '''
"""@nni.variable(nni.uniform(0, 1), name=x)"""
x = 0.5
import os, signal, sys
number, tries = os.environ["NNI_TRIAL_SEQ_ID"], os.environ["NNI_OUTPUT_DIR"] + "/tries"
with open(tries, "a") as file:
    file.write(".")
print("try", os.path.getsize(tries), flush=True)
if number != "0" and os.path.getsize(tries) <= 2:
    if END == "lost":
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()
    if END.isdigit():
        sys.exit(int(END))
    os.kill(os.getpid(), getattr(signal, END))
    signal.pause()
"""@nni.report_final_result(x)"""
'''


@pytest.mark.parametrize(
    ("end", "attempts"), [("SIGKILL", 3), ("SIGTERM", 3), ("lost", 3), ("SIGSEGV", 1), ("1", 1)]
)
def test_retries_by_cause(lab: Lab, end: str, attempts: int) -> None:
    """For what came from outside, not for what the script did; with the same parameters."""
    lab.write("train.py", f"END = {end!r}\n{KILLED}")
    # A fork that crashes is run anew in any case; what a fork's parent is would be lost with all.
    words = ("--maximize", "--trials", "3", "--concurrency", "2", "--launcher", "subprocess")
    report = lab.json(*words, "--retries", "2")
    folder = lab.experiment()
    for trial in report["trials"][1:]:
        assert trial["attempts"] == attempts
        assert trial["status"] == ("SUCCEEDED" if attempts == 3 else "FAILED")
        printed = [Path(trial["output"], name) for name in ("stdout", "stdout.1", "stdout.2")]
        if attempts == 3 and end != "lost":  # what passed it on is gone, with what it had
            assert [path.read_text() for path in printed] == ["try 3\n", "try 1\n", "try 2\n"]
    facts, events = read(folder)
    assert facts["retries"] == 2
    assert len([row for row in events if row.kind == "chosen"]) == 3
    shutil.rmtree(folder)
    report = lab.json(*words, "--retries", "1")
    assert {trial["status"] for trial in report["trials"][1:]} == {"FAILED"}
    assert {trial["attempts"] for trial in report["trials"][1:]} == {min(attempts, 2)}


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_no_room_for_a_thread(lab: Lab, nth: int) -> None:
    """The experiment runs without it, or it is said what is missing."""
    calls = "clone,clone3,fork,vfork"
    strace = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e"]
    words = command("nni-run", *lab.words("--maximize", "--trials", "2"))
    done = subprocess.run(
        [*strace, f"inject={calls}:error=EAGAIN:when={nth}", *words],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    if nth == 1:  # the process that compiles: the runner does that by itself then
        assert done.returncode == 0, done.stderr
        assert "[2/2 done" in done.stderr
        return
    assert "can't start new thread" in done.stderr or "can't be started: Resource" in done.stderr


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_fewer_slots_where_processes_run_out(lab: Lab) -> None:
    """Trials wait for room instead of failing."""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,fork", "-e"]
    words = command("nni-run", *lab.words("--maximize", "--json", "--trials", "6"))
    done = subprocess.run(  # of its supervisor, that is, as the runner itself starts threads
        [*strace, "inject=clone,fork:error=EAGAIN:when=3..4", *words, "--concurrency", "3"],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fewer trials run until there is room for more" in done.stderr
    report = json.loads(done.stdout)
    assert [trial["status"] for trial in report["trials"]] == ["SUCCEEDED"] * 6
