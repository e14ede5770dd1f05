"""Starting an experiment that goes on without its terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from nni_runner.errors import RunnerError
from nni_runner.experiment import Place, make_place
from nni_runner.failure import last_lines
from nni_runner.lock import running

LOG = "nnictl.log"  # what its runner says on its way
OUTPUT = "nnictl.stdout"  # the result that it prints
_START = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    "from nni_runner.entry import control; control(prog_name='nnictl')"
)
_OFTEN_S = 0.05


@dataclass(frozen=True)
class Begun:
    """An experiment in the background, and where what its runner says is written."""

    place: Place
    log: Path

    def to_json(self) -> dict[str, str]:
        """The documented object (docs/config.md)."""
        return {"id": self.place.id, "path": str(self.place.folder), "log": str(self.log)}


def begin(file: Path, experiments: Path) -> Begun:
    """Starts the experiment of a file in a session of its own; returns when it runs.

    Raises RunnerError with the last words of one that didn't come so far.
    """
    place = make_place(experiments)
    log = place.folder / LOG
    _start(
        place, log, "create", f"--config={file}", f"--experiments-dir={experiments}",
        "--foreground", f"--in-folder={place.folder}",
    )  # fmt: skip
    if not place.history.exists():
        said = "\n".join(last_lines(log)) or "its runner said nothing"
        shutil.rmtree(place.folder, ignore_errors=True)
        raise RunnerError(f"the experiment didn't start:\n{said}")
    return Begun(place, log)


def go_on(place: Place) -> Begun:
    """Resumes an experiment in a session of its own; returns when it runs, or is over again.

    Raises RunnerError with the last words of a runner that didn't come so far.
    """
    log = place.folder / LOG
    code = _start(place, log, "resume", str(place.folder))
    if code in (1, 2) and not running(place.folder):
        raise RunnerError("\n".join(last_lines(log)) or "its runner said nothing")
    return Begun(place, log)


def _start(place: Place, log: Path, *words: str) -> int | None:
    """Starts nnictl so, and waits until it has taken the experiment up; its code if it ended."""
    with log.open("ab") as messages, (place.folder / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=messages, start_new_session=True,
        )  # fmt: skip
    before = place.control.stat().st_ino if place.control.exists() else None
    while (code := process.poll()) is None:
        if place.control.exists() and place.control.stat().st_ino != before:
            break
        time.sleep(_OFTEN_S)
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
    return code
