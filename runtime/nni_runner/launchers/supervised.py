"""The runner's end of a supervisor: orders to it, the ends of trials from it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from nni_runner.launchers.launcher import End, Exited, Job, Notices, Said, Stuck
from nni_runner.workers import start_thread

_CLOSING_S = 3.0  # what the supervisor may take for that
_START = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from nni_runner.supervisor.server import main; main(int(sys.argv[2]), sys.argv[3])"
)


class Supervisor:
    """A process of nni_runner.supervisor. All its trials end with it, or with this process."""

    def __init__(
        self, notices: Notices, environment: dict[str, str], files: int, folder: Path
    ) -> None:
        """Starts it, with the environment that all its trials find, and the limit on open files.

        The folder is removed at its end, in case this process doesn't come to that. Raises OSError.
        """
        self._notices = notices
        self._jobs = itertools.count()
        self._running: dict[int, int] = {}  # the trial of each job: one may be started again
        self._is_gone = False
        self._lock = threading.Lock()
        words = (Path(__file__).parents[2], files, folder)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, *map(str, words)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._reader = start_thread(self._read)
        except OSError:
            self._process.kill()
            self._process.communicate()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether it can start trials."""
        return self._process.poll() is None

    @property
    def running(self) -> list[int]:
        """The trials that it has not reported as ended."""
        return list(self._running.values())

    def start(self, job: Job) -> None:
        """Starts a trial."""
        with self._lock:
            if self._is_gone:
                self._notices.put(Exited(job.number, None, End.LOST))
                return
            number = next(self._jobs)
            self._running[number] = job.number
        self._order(
            "start",
            number,
            command=[_text(word) for word in job.command],
            folder=_text(job.folder),
            output=_text(job.output),
            environment={_text(name): _text(value) for name, value in job.environment.items()},
            seconds=job.seconds,
            preload=None if job.preload is None else job.preload.modules,
            learn=_text(job.preload.learn) if job.preload and job.preload.learn else None,
        )

    def terminate(self, number: int) -> None:
        """Asks a trial and all its processes to end, and ends them after a grace period."""
        self._order_all("terminate", number)

    def kill(self, number: int) -> None:
        """Ends a trial and all its processes at once."""
        self._order_all("kill", number)

    def close(self) -> None:
        """Ends whatever still runs, and the supervisor."""
        for number in self.running:
            self.kill(number)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._reader.join(_CLOSING_S)
        if self._reader.is_alive():
            self._process.kill()  # it is stopped, say; the trials see it go and end all the same
            self._reader.join(_CLOSING_S)
        self._process.wait()

    def _order_all(self, order: str, number: int) -> None:
        for job, known in list(self._running.items()):
            if known == number:
                self._order(order, job)

    def _order(self, order: str, number: int, **what: Any) -> None:
        line = json.dumps({"order": order, "number": number, **what}).encode() + b"\n"
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its trials are reported as lost
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _read(self) -> None:
        """Turns reports into notices until the supervisor and all its trials are gone."""
        assert self._process.stdout is not None
        with self._process.stdout as reports:
            for line in reports:
                report: dict[str, Any] = json.loads(line)
                if "note" in report:
                    self._notices.put(Said(report["note"]))
                    continue
                if "stuck" in report:
                    if report["number"] in self._running:
                        self._notices.put(Stuck(self._running[report["number"]]))
                    continue
                number = self._running.pop(report.pop("number"), None)
                if number is not None:  # else its watcher was killed after it had reported
                    self._notices.put(Exited(number, **{**report, "end": End(report["end"])}))
        with self._lock:
            self._is_gone = True
        for number in self.running:
            self._notices.put(Exited(number, None, End.LOST))


def _text(path: str | os.PathLike[str]) -> str:
    """What stands for the bytes of a name in JSON; see nni_runner.supervisor.watcher."""
    return os.fsencode(path).decode("latin-1")
