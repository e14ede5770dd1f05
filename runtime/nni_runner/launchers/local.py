"""Trials as processes on this machine."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import nni_trial
from nni_runner.errors import RunnerError
from nni_runner.launchers.launcher import End, Exited, Job, Notices, Rang
from nni_runner.launchers.supervised import Supervisor
from nni_runner.workers import start_thread

_PIPE = 65536  # bytes that it holds
_PAGE = 4096  # bytes that it holds where there are many pipes
_LONGEST_NUMBER = 20
_BINARIES = str(Path(sys.executable).parent)


class LocalLauncher:
    """Starts each trial by a supervisor, which takes its whole tree of processes down with it.

    Trials write their number into a named pipe, the bell, when they have reported something.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._closing = False
        self._files = _open_more_files()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="nni-"))
            bell = self._folder / "bell"
            os.mkfifo(bell)
            self._bell = os.open(bell, os.O_RDWR | os.O_CLOEXEC)  # read-write: never at its end
            self._environment = trial_environment({nni_trial.BELL: str(bell)})
            self._supervisors = [self._supervisor()]
            self._listener = start_thread(self._listen)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise RunnerError(f"trials can't be started: {where}{error.strerror}") from None

    def start(self, job: Job) -> None:
        """Starts a trial. What goes wrong comes as an Exited notice, never as an exception."""
        try:
            if not self._supervisors[-1].is_alive:  # somebody killed it
                self._supervisors.append(self._supervisor())
        except OSError as error:
            self._notices.put(Exited(job.number, None, End.NO_ROOM, str(error.strerror)))
            return
        self._supervisors[-1].start(job)

    def terminate(self, number: int) -> None:
        """Asks a trial and all its processes to end, and ends them after a grace period."""
        self._supervisors[-1].terminate(number)

    def kill(self, number: int) -> None:
        """Ends a trial and all its processes at once."""
        self._supervisors[-1].kill(number)

    def close(self) -> None:
        """Ends whatever still runs and gives back what the launcher held."""
        for supervisor in self._supervisors:
            supervisor.close()
        self._closing = True
        os.write(self._bell, b"\n")
        self._listener.join()
        os.close(self._bell)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _supervisor(self) -> Supervisor:
        return Supervisor(self._notices, self._environment, self._files, self._folder)

    def _listen(self) -> None:
        rest = b""
        while not self._closing:
            data = os.read(self._bell, _PIPE)
            *words, rest = (rest + data).split(b"\n")
            numbers = {int(word) for word in words if word.isdigit()}
            if len(data) > _PAGE - _LONGEST_NUMBER:  # it may have been full: some couldn't ring
                numbers.update(*(supervisor.running for supervisor in self._supervisors))
            if numbers:
                self._notices.put(Rang(frozenset(numbers)))
            rest = rest[-_LONGEST_NUMBER:]  # whatever somebody else writes there


def _open_more_files() -> int:
    """Lets this process have as many files open as it may; how many it could have before."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # macOS takes no such number
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return before


def trial_environment(own: dict[str, str]) -> dict[str, str]:
    """What the process of a script finds: this one's environment and what is its own."""
    return {**os.environ, "PATH": search_path(), **own}


def search_path() -> str:
    """The trials' PATH.

    `python` is the one that runs here, with its packages, whatever shell it was started from.
    """
    return os.pathsep.join([_BINARIES, os.environ.get("PATH", os.defpath)])
