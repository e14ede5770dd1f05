"""Starting an experiment that goes on without its terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from nni_runner.errors import RunnerError
from nni_runner.experiment import Place, make_place
from nni_runner.failure import last_lines

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
    words = [
        "create", f"--config={file}", f"--experiments-dir={experiments}", "--foreground",
        f"--in-folder={place.folder}",
    ]  # fmt: skip
    with log.open("wb") as messages, (place.folder / OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=messages, start_new_session=True,
        )  # fmt: skip
    while not place.control.exists():
        if process.poll() is not None:
            return _ended(place, log)
        time.sleep(_OFTEN_S)
    return Begun(place, log)


def _ended(place: Place, log: Path) -> Begun:
    """One that is over already, or never began."""
    if place.history.exists():
        return Begun(place, log)
    said = "\n".join(last_lines(log)) or "its runner said nothing"
    shutil.rmtree(place.folder, ignore_errors=True)
    raise RunnerError(f"the experiment didn't start:\n{said}")
