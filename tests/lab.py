"""A place where tests run experiments as a user does."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from conftest import run
from nni_runner.store import Store

TRAIN = '''
import sys

def main():
    """@nni.variable(nni.uniform(-1, 1), name=x)"""
    x = 0.5
    """@nni.variable(nni.choice("a", "b"), name=kind)"""
    kind = "a"
    """@nni.report_intermediate_result(0)"""
    """@nni.report_final_result(x ** 2)"""
    print("x is", x, kind, sys.argv[1:])

if __name__ == "__main__":
    main()
'''


class Lab:
    """A folder with a script, and a folder for experiments."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "src"
        self.experiments = folder / "experiments"
        self.source.mkdir()
        self.write("train.py", TRAIN)

    def write(self, name: str, text: str) -> Path:
        """Puts a file into the source."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(
        self, *arguments: str | Path, target: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs an experiment; options come before the words for the script."""
        return run("nni-run", *self.words(*arguments, target=target))

    def words(self, *arguments: str | Path, target: Path | None = None) -> list[str | Path]:
        """The command line of `run`."""
        return [target or self.source, "--experiments-dir", self.experiments, *arguments]

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """Runs an experiment and reads its JSON."""
        done = self.run("--json", *arguments)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def experiment(self) -> Path:
        """The folder of the only experiment."""
        (folder,) = self.experiments.iterdir()
        return folder

    def facts(self, experiment: Path | None = None) -> dict[str, Any]:
        """What a history says of the experiment itself, of the only one if none is named."""
        store = Store((experiment or self.experiment()) / "history.sqlite")
        found = store.description()
        store.close()
        return found


def hear_signals() -> None:
    """As in a terminal: tests may run under nohup or in the background, which ignore some."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
