"""A launcher with a place to work, and what its trials say of their processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nni_runner.launchers.launcher import Exited, Job, Launcher, Notices, Preload
from nni_runner.launchers.local import LocalLauncher
from waiting import wait_for

LIMIT = 60  # seconds that nothing here should take
PRINT_PIDS = "import os, time; print(os.getpid(), os.getppid(), flush=True); time.sleep(99)"


class Bench:
    """A launcher, its notices, and jobs for it."""

    def __init__(self, preload: Preload | None, folder: Path) -> None:
        self.notices = Notices()
        self.launcher: Launcher = LocalLauncher(self.notices)
        self.preload = preload
        self.folder = folder

    def start(
        self, number: int, script: str, seconds: float | None = None, **environment: str
    ) -> Path:
        """Starts a Python script as a trial; its output folder."""
        output = self.folder / str(number)
        output.mkdir()
        (self.folder / f"{number}.py").write_text(script)
        words = (sys.executable, f"{number}.py")
        job = Job(number, words, self.folder, output, environment, seconds, self.preload)
        self.launcher.start(job)
        return output

    def exited(self) -> Exited:
        """The next trial to end."""
        while True:
            notice = self.notices.get(timeout=LIMIT)
            if isinstance(notice, Exited):
                return notice


def pids(output: Path) -> list[int]:
    """The process numbers that a trial prints on its first line."""
    stdout = output / "stdout"
    wait_for(lambda: stdout.exists() and "\n" in stdout.read_text())
    return [int(word) for word in stdout.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def parent(pid: int) -> int:
    """The process that a process is a child of."""
    words = ("ps", "-o", "ppid=", "-p", str(pid))
    return int(subprocess.run(words, capture_output=True, check=True).stdout)
