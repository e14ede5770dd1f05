"""A runner's time with an experiment, from a new one's beginning or from where one stood."""

from __future__ import annotations

import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nni_annotate.cli import count
from nni_annotate.space import SearchSpace
from nni_runner.control import Control
from nni_runner.errors import RunnerError
from nni_runner.experiment import DEFAULT_FOLDER, Place, Plan, make_place
from nni_runner.failure import explain_failure
from nni_runner.gpus.cards import Found, find_cards
from nni_runner.gpus.gpus import Gpus
from nni_runner.gpus.locks import CardLocks
from nni_runner.gpus.lookout import Lookout
from nni_runner.launchers.launcher import Launcher, Looked, Notices
from nni_runner.launchers.local import LocalLauncher
from nni_runner.launchers.preloading import Preloading, as_script, modules_of
from nni_runner.lock import locked
from nni_runner.loop import Loop
from nni_runner.messages import say
from nni_runner.options import make
from nni_runner.progress import make_progress
from nni_runner.reliving import relive
from nni_runner.report import Report
from nni_runner.results import ResultsFile
from nni_runner.signals import signals_as
from nni_runner.store import Store
from nni_runner.target import Target
from nni_runner.threads import THREADS, share_of_cores
from nni_runner.trial import Event, SpaceChanged
from nni_tuners import Tuner, TunerError

MakeLauncher = Callable[[Notices], Launcher]


def run_experiment(
    path: Path,
    target: Target,
    command: tuple[str, ...],
    plan: Plan,
    tuner: Tuner,
    experiments: Path,
    place: Place | None = None,
    launcher: MakeLauncher = LocalLauncher,
) -> Report:
    """Runs a new experiment to its end, in a folder of its own or in that which was made for it.

    Raises RunnerError, TunerError.
    """
    if not target.space:
        raise RunnerError(f"{path}: nothing to tune: the search space is empty")
    began = SpaceChanged(target.space.to_json(), time.time())
    take_up(tuner, plan, [began])
    found = find_cards(plan)
    place = place or make_place(experiments)
    tuner.checkpoints = tuner.checkpoints or place.checkpoints
    with ExitStack() as at_last, locked(place.folder):
        code = target.put(place.code, leave_out=place.folder.parent)
        facts = {
            "id": place.id,
            "target": str(path),
            "source": None if target.space_is_given else str(path.absolute()),
            "command": command,
            **facts_of(target, code, place),
            **plan.to_facts(),
        }
        store = Store(place.history, create=True)
        try:
            store.describe(facts, [began])
            return Session(
                plan, place, facts, target.space, tuner, store, found, at_last, launcher
            ).run()
        finally:
            store.close()


def resume_command(place: Place) -> str:
    """What goes on with an experiment."""
    is_usual = place.folder.parent == DEFAULT_FOLDER.expanduser()
    return shlex.join(["nnictl", "resume", place.id if is_usual else str(place.folder)])


def take_up(tuner: Tuner, plan: Plan, events: Iterable[Event]) -> None:
    """Brings a fresh tuner to the end of these events. Raises TunerError, RunnerError."""
    try:
        others = relive(tuner, plan, events)
    except TunerError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise RunnerError(
            f"the tuner can't take up the experiment: {type(error).__name__}: {error} "
            f"({frame.filename}:{frame.lineno})"
        ) from error
    if others:
        say(
            f"warning: the tuner suggests something else for trial {others[0]} than it did when "
            "it ran (another version of it, or of a library?); what ran counts"
        )


@dataclass
class Session:
    """What a runner takes up; `at_last` is closed when all is written and others may take over."""

    plan: Plan
    place: Place
    facts: dict[str, Any]
    space: SearchSpace
    tuner: Tuner
    store: Store
    found: Found
    at_last: ExitStack
    launcher: MakeLauncher

    def run(self, older: dict[int, ResultsFile] | None = None) -> Report:
        """Runs trials until nothing is left to do, or somebody interrupts."""
        history, used = self.store.history(), self.store.seconds()
        self.store.begin_session()
        notices = Notices()
        _open_to_others(self.place, notices, self.at_last)
        progress = make_progress(self.plan, self.place.id, history, used)
        if share := share_of_cores(self.plan.concurrency):
            threads = count(int(share[THREADS]), "thread")
            progress.tell(f"each trial computes with {threads} ({THREADS} and the like)")
        gpus = self._gpus(notices, progress.tell)
        try:
            with signals_as(notices):
                code, command = self.place.folder / self.facts["code"], _command(self.facts)
                modules = None
                if self.plan.launcher == "preloaded":
                    command = as_script(command)
                    modules = modules_of(command, code)
                loop = Loop(
                    self.plan, self.place, code, command, self.space,
                    self.facts["defaults"] or {}, self.tuner, self._fresh_tuner, self.store,
                    self.launcher(notices), gpus, notices, progress, history, used, older or {},
                    Preloading(modules, self.place.imports),
                )  # fmt: skip
                outcome = loop.run()
        except OSError as error:
            raise RunnerError(f"the experiment can't be run: {error.strerror}") from None
        finally:
            gpus.close()
            progress.close()
        if outcome.status == "failed" and loop.history.best is not None:
            say(f"error: {outcome.reason}")
        try:
            self.store.end_session(outcome.status, outcome.reason)
        except RunnerError as error:
            say(f"error: {error}")
        report = Report(
            loop.plan, self.place, self.facts["target"], loop.space, loop.history, outcome,
            self.store.seconds(),
        )  # fmt: skip
        explain_failure(report.history, self.place)
        if outcome.status != "done":
            say(f"to go on: {resume_command(self.place)}")
        return report

    def _gpus(self, notices: Notices, tell: Callable[[str], None]) -> Gpus:
        lookout = Lookout(self.found.look, lambda: notices.put(Looked()))
        return Gpus(self.plan, self.found.cards, lookout, CardLocks(self.place.id), tell)

    def _fresh_tuner(self) -> Callable[[], Tuner]:
        """What makes another tuner that has lived through all that is recorded by now."""
        events = list(self.store.events())

        def live() -> Tuner:
            tuner = make(self.plan)
            tuner.checkpoints = self.tuner.checkpoints
            relive(tuner, self.plan, events)
            return tuner

        return live


def _open_to_others(place: Place, notices: Notices, at_last: ExitStack) -> None:
    """Lets nnictl ask for things; without that an experiment runs all the same.

    Whoever waits for its end is let go at last, and may count on all that came before.
    """
    try:
        at_last.callback(Control(place, notices).close)
    except OSError as error:
        say(f"nnictl can't control this experiment: {error}")


def facts_of(target: Target, code: Path, place: Place) -> dict[str, Any]:
    """What a history says of the code."""
    return {
        "code": as_recorded(code, place),
        "code_hash": target.fingerprint(),
        "search_space": target.space.to_json(),
        "defaults": target.defaults,
    }


def as_recorded(path: Path, place: Place) -> str:
    """Relative to the experiment's folder if it is in there, so that this may be moved."""
    inside = path.is_relative_to(place.folder)
    return str(path.relative_to(place.folder) if inside else path.absolute())


def _command(facts: dict[str, Any]) -> tuple[str, ...]:
    """The recorded command; by this Python, where the one that began the experiment is gone."""
    first, *others = facts["command"]
    is_gone = Path(first).is_absolute() and not Path(first).exists()
    if is_gone and Path(first).name.startswith("python"):
        first = sys.executable
    return (first, *others)
