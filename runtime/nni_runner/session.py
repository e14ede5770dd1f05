"""A runner's time with an experiment: a new one's first, or one that goes on where it stood."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import click

from nni_annotate.cli import show_diagnostics
from nni_annotate.space import SearchSpace
from nni_runner.control import Control
from nni_runner.errors import RunnerError, UsageError
from nni_runner.experiment import DEFAULT_FOLDER, Place, Plan, make_place
from nni_runner.failure import explain_failure
from nni_runner.launchers.launcher import Interrupted, Notices
from nni_runner.launchers.local import LocalLauncher
from nni_runner.lock import locked
from nni_runner.loop import Loop
from nni_runner.options import make
from nni_runner.progress import make_progress
from nni_runner.recovery import leave_out, recover
from nni_runner.reliving import relive
from nni_runner.report import Report
from nni_runner.results import ResultsFile
from nni_runner.store import Store
from nni_runner.target import Target, read_target
from nni_runner.trial import SpaceChanged
from nni_tuners import Tuner, TunerError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Changes:
    """What a resume may change; None leaves it as it was."""

    trials: int | None = None
    seconds: float | None = None
    concurrency: int | None = None
    accept_new_space: bool = False

    def to_plan(self, plan: Plan, chosen: int) -> Plan:
        """The plan with them, where so many trials are chosen already. Raises UsageError."""
        if self.trials is not None and self.trials < chosen:
            raise UsageError(
                f"--trials {self.trials}: expected {chosen} at least: so many there are already"
            )
        changed: dict[str, Any] = {
            "trials": self.trials, "seconds": self.seconds, "concurrency": self.concurrency
        }  # fmt: skip
        return replace(plan, **{k: v for k, v in changed.items() if v is not None})


def run_experiment(
    path: Path,
    target: Target,
    command: tuple[str, ...],
    plan: Plan,
    tuner: Tuner,
    experiments: Path,
    place: Place | None = None,
) -> Report:
    """Runs a new experiment to its end, in a folder of its own or in that which was made for it.

    Raises RunnerError, TunerError.
    """
    if not target.space:
        raise RunnerError(f"{path}: nothing to tune: the search space is empty")
    began = SpaceChanged(target.space.to_json(), time.time())
    relive(tuner, plan, [began])
    place = place or make_place(experiments)
    tuner.checkpoints = tuner.checkpoints or place.checkpoints
    with ExitStack() as at_last, locked(place.folder):
        code = target.put(place.code, leave_out=place.folder.parent)
        facts = {
            "id": place.id,
            "target": str(path),
            "source": None if target.space_is_given else str(path.absolute()),
            "command": command,
            **_facts_of(target, code, place),
            **plan.to_facts(),
        }
        store = Store(place.history, create=True)
        try:
            store.describe(facts, [began])
            return _Session(plan, place, facts, target.space, tuner, store, at_last).run()
        finally:
            store.close()


def resume_experiment(folder: Path, changes: Changes) -> Report:
    """Goes on with the experiment in that folder. Raises RunnerError, TunerError, CompileError."""
    with ExitStack() as at_last, locked(folder):
        store = Store(folder / "history.sqlite")
        try:
            return _resume(folder, changes, store, at_last)
        finally:
            store.close()


def resume_command(place: Place) -> str:
    """What goes on with an experiment."""
    is_usual = place.folder.parent == DEFAULT_FOLDER.expanduser()
    return shlex.join(["nnictl", "resume", place.id if is_usual else str(place.folder)])


def _resume(folder: Path, changes: Changes, store: Store, at_last: ExitStack) -> Report:
    facts, history = store.description(), store.history()
    if "id" not in facts:
        raise RunnerError(f"{folder}: this experiment had not begun; start it anew")
    place = Place(facts["id"], folder)
    plan = changes.to_plan(Plan.from_facts(facts), len(history.trials))
    facts |= plan.to_facts()
    space = SearchSpace.from_json(facts["search_space"])
    target = _target_today(facts, place)
    new_space = None if target is None or target.space == space else target.space
    if new_space is not None and not changes.accept_new_space:
        raise UsageError(
            f"{facts['target']}: the search space has changed ({_difference(space, new_space)}): "
            "--accept-new-space goes on with the new one, and keeps the results that lie in it"
        )
    if target is not None:
        code = _code_today(facts, target, place)
        facts |= _facts_of(target, code, place)
    older = recover(store, history, place)
    if new_space is not None:
        space = new_space
        changed = [SpaceChanged(space.to_json(), time.time()), *leave_out(history, space)]
        store.describe(facts, changed)
        history = store.history()
    else:
        store.describe(facts)
    tuner = make(plan)
    tuner.checkpoints = tuner.checkpoints or place.checkpoints
    _relive(tuner, plan, store)
    session = _Session(plan, place, facts, space, tuner, store, at_last)
    return session.run(older)


def _relive(tuner: Tuner, plan: Plan, store: Store) -> None:
    try:
        others = relive(tuner, plan, store.events())
    except TunerError:
        raise
    except Exception as error:
        raise RunnerError(
            f"the tuner can't relive the history: {type(error).__name__}: {error}"
        ) from error
    if others:
        click.echo(
            f"warning: the tuner suggests something else for trial {others[0]} than it did when "
            "it ran (another version of it, or of a library?); what ran counts",
            err=True,
        )


@dataclass
class _Session:
    """What a runner takes up; `at_last` is closed when all is written and others may take over."""

    plan: Plan
    place: Place
    facts: dict[str, Any]
    space: SearchSpace
    tuner: Tuner
    store: Store
    at_last: ExitStack

    def run(self, older: dict[int, ResultsFile] | None = None) -> Report:
        """Runs trials until nothing is left to do, or somebody interrupts."""
        history, used = self.store.history(), self.store.seconds()
        self.store.begin_session()
        notices = Notices()
        _open_to_others(self.place, notices, self.at_last)
        progress = make_progress(self.plan, self.place.id, history, used)
        try:
            with _signals_as(notices):
                loop = Loop(
                    self.plan, self.place, self.place.folder / self.facts["code"],
                    _command(self.facts), self.space, self.facts["defaults"] or {}, self.tuner,
                    self.store, LocalLauncher(notices), notices, progress.show, progress.tell,
                    history, used, older or {},
                )  # fmt: skip
                outcome = loop.run()
        finally:
            progress.close()
        if outcome.status == "failed" and loop.history.best(self.plan.maximize) is not None:
            click.echo(f"error: {outcome.reason}", err=True)
        try:
            self.store.end_session(outcome.status, outcome.reason)
        except RunnerError as error:
            click.echo(f"error: {error}", err=True)
        report = Report(
            loop.plan, self.place, self.facts["target"], self.space, loop.history, outcome,
            self.store.seconds(),
        )  # fmt: skip
        explain_failure(report.history, self.place)
        if outcome.status != "done":
            click.echo(f"to go on: {resume_command(self.place)}", err=True)
        return report


def _open_to_others(place: Place, notices: Notices, at_last: ExitStack) -> None:
    """Lets nnictl ask for things; without that an experiment runs all the same.

    Whoever waits for its end is let go at last, and may count on all that came before.
    """
    try:
        at_last.callback(Control(place, notices).close)
    except OSError as error:
        click.echo(f"nnictl can't control this experiment: {error}", err=True)


@contextmanager
def _signals_as(notices: Notices) -> Iterator[None]:
    """Turns what asks a program to end into notices.

    One that is ignored stays so: that is how nohup and scripts keep a program running.
    """

    def handler(received: int, frame: FrameType | None) -> None:  # noqa: ARG001
        notices.put(Interrupted(received))

    heard = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _target_today(facts: dict[str, Any], place: Place) -> Target | None:
    """The target as it is now; None where it is gone and the experiment has a copy of its own."""
    source = Path(facts.get("source") or facts["target"]).absolute()
    if "source" not in facts:  # before schema version 2
        own = place.code if place.code.exists() else source
        facts |= {"source": None, "code": _as_recorded(own, place), "code_hash": None}
    if facts["source"] is None or not source.exists():
        code = place.folder / facts["code"]
        if not code.exists():
            raise RunnerError(f"{code}: the code of this experiment is gone")
        return None
    target = read_target(source, place.folder.parent)
    show_diagnostics(target.warnings)
    return target


def _code_today(facts: dict[str, Any], target: Target, place: Place) -> Path:
    """Where the code is; that which has changed is put into a folder of its own."""
    before, now = facts["code_hash"], target.fingerprint()
    if before == now:
        return place.folder / str(facts["code"])
    click.echo(
        f"warning: {facts['target']}: the code has changed, from {before} to {now}; "
        "from here on trials run the new one",
        err=True,
    )
    folder = place.folder / f"code-{now}"
    if folder.exists() and target.tree is not None:  # a runner died on the way, or this is back
        shutil.rmtree(folder)
    return target.put(folder, leave_out=place.folder.parent)


def _facts_of(target: Target, code: Path, place: Place) -> dict[str, Any]:
    return {
        "code": _as_recorded(code, place),
        "code_hash": target.fingerprint(),
        "search_space": target.space.to_json(),
        "defaults": target.defaults,
    }


def _as_recorded(path: Path, place: Place) -> str:
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


def _difference(before: SearchSpace, now: SearchSpace) -> str:
    old, new = before.to_json(), now.to_json()
    words = [f"{key} is new" for key in new if key not in old]
    words += [f"{key} is gone" for key in old if key not in new]
    words += [f"{key} is another" for key in new if key in old and old[key] != new[key]]
    return ", ".join(words) or "the order of its parameters"
