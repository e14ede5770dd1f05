"""Trials as processes on this machine, each in a session of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import nni_trial
from nni_runner.errors import RunnerError
from nni_runner.launchers.launcher import Exited, Job, Notices, Rang

_BINARIES = str(Path(sys.executable).parent)
GRACE_S = 1.5  # from SIGTERM to SIGKILL


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    over: threading.Event = field(default_factory=threading.Event)


class LocalLauncher:
    """Starts each trial as a process, and takes its whole process group down with it.

    A guard process ends the trials should this one be killed. Trials ring a named pipe, the
    bell, when they have reported something.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._running: dict[int, _Running] = {}
        self._lock = threading.Lock()
        self._closing = False
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="nni-"))
            bell = self._folder / "bell"
            os.mkfifo(bell)
            self._bell_path = str(bell)
            self._bell = os.open(bell, os.O_RDWR | os.O_CLOEXEC)  # read-write: never at its end
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise RunnerError(f"trials can't be started: {where}{error.strerror}") from None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, job: Job) -> None:
        """Starts a trial. What goes wrong comes as an Exited notice, never as an exception."""
        environment = trial_environment({**job.environment, nni_trial.BELL: self._bell_path})
        try:
            with (
                (job.output / "stdout").open("wb") as stdout,
                (job.output / "stderr").open("wb") as stderr,
            ):
                process = subprocess.Popen(
                    job.command,
                    cwd=job.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            problem = f"can't be started: {job.command[0]}: {getattr(error, 'strerror', error)}"
            self._notices.put(Exited(job.number, None, problem))
            return
        running = _Running(process)
        with self._lock:
            self._running[job.number] = running
        self._tell_guard("+", process.pid)
        waiter = threading.Thread(target=self._wait, args=(job.number, running), daemon=True)
        try:
            waiter.start()
        except RuntimeError as error:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            del self._running[job.number]
            self._notices.put(Exited(job.number, None, f"can't be watched: {error}"))

    def terminate(self, number: int) -> None:
        """Asks a trial and all its processes to end, and ends them after a grace period."""
        running = self._running.get(number)
        if running is not None:
            threading.Thread(target=_end, args=(running, GRACE_S), daemon=True).start()

    def kill(self, number: int) -> None:
        """Ends a trial and all its processes at once."""
        running = self._running.get(number)
        if running is not None:
            _end(running, 0)

    def close(self) -> None:
        """Ends whatever still runs and gives back what the launcher held."""
        for running in list(self._running.values()):
            _end(running, 0)
        for running in list(self._running.values()):
            running.over.wait(GRACE_S)
        self._closing = True
        os.write(self._bell, b"!")
        self._listener.join()
        os.close(self._bell)
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, number: int, running: _Running) -> None:
        """Waits for the end, and takes down what the trial left behind in its group."""
        process = running.process
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        _signal_group(process.pid, signal.SIGKILL)  # not reaped yet: its number is still its own
        self._tell_guard("-", process.pid)
        code = process.wait()
        running.over.set()
        with self._lock:
            del self._running[number]
        self._notices.put(Exited(number, code))

    def _listen(self) -> None:
        while not self._closing:
            os.read(self._bell, 65536)
            self._notices.put(Rang())

    def _tell_guard(self, sign: str, pid: int) -> None:
        try:
            assert self._guard.stdin is not None
            with self._lock:
                self._guard.stdin.write(f"{sign}{pid}\n".encode())
                self._guard.stdin.flush()
        except (OSError, ValueError):
            pass  # without its guard an experiment runs all the same


def trial_environment(own: dict[str, str]) -> dict[str, str]:
    """What the process of a script finds: this one's environment and what is its own.

    `python` is the one that runs here, with its packages, whatever shell it was started from.
    """
    path = os.pathsep.join([_BINARIES, os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, **own}


def _end(running: _Running, grace: float) -> None:
    if grace:
        _signal_group(running.process.pid, signal.SIGTERM)
        if running.over.wait(grace):
            return
    _signal_group(running.process.pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # over already
        os.killpg(group, number)
