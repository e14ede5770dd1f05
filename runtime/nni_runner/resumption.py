"""An experiment that goes on: what has changed since is found, what was cut off is taken up."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nni_annotate.cli import show_diagnostics
from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace, from_record
from nni_runner import compiling
from nni_runner.errors import RunnerError, UsageError
from nni_runner.experiment import Place, Plan, code_space
from nni_runner.gpus.cards import find_cards
from nni_runner.launchers.local import LocalLauncher
from nni_runner.lock import locked
from nni_runner.messages import say
from nni_runner.options import make
from nni_runner.recovery import leave_out, recover
from nni_runner.report import Report
from nni_runner.session import MakeLauncher, Session, as_recorded, facts_of, take_up
from nni_runner.store import Store
from nni_runner.target import Target, read_target
from nni_runner.trial import SpaceChanged


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


def resume_experiment(
    folder: Path, changes: Changes, launcher: MakeLauncher = LocalLauncher
) -> Report:
    """Goes on with the experiment in that folder. Raises RunnerError, TunerError, CompileError."""
    with ExitStack() as at_last, locked(folder):
        store = Store(folder / "history.sqlite")
        try:
            return _resume(folder, changes, store, at_last, launcher)
        finally:
            store.close()


def _resume(
    folder: Path, changes: Changes, store: Store, at_last: ExitStack, launcher: MakeLauncher
) -> Report:
    facts, history = store.description(), store.history()
    if "id" not in facts:
        raise RunnerError(f"{folder}: this experiment had not begun; start it anew")
    try:
        place, plan = Place(facts["id"], folder), Plan.from_facts(facts)
        space = from_record(facts["search_space"])
    except (SpaceError, KeyError, ValueError, TypeError) as error:
        raise RunnerError(f"{store.path}: is no experiment's history: {error}") from None
    plan = changes.to_plan(plan, len(history.trials))
    facts |= plan.to_facts()
    found = find_cards(plan)
    target = _target_today(facts, place)
    known = code_space(facts)
    new_space = None if target is None or target.space == known else target.space
    if new_space is not None and not changes.accept_new_space:
        raise UsageError(
            f"{facts['target']}: the search space has changed ({_difference(known, new_space)}): "
            "--accept-new-space goes on with the new one, and keeps the results that lie in it"
        )
    if target is not None:
        code = _code_today(facts, target, place)
        facts |= facts_of(target, code, place)
        if new_space is None:  # one that somebody gave it meanwhile still counts
            facts["search_space"] = space.to_json()
        else:
            facts["code_space"] = None
    older = recover(store, history, place)
    if new_space is not None:
        space = new_space
        outside = leave_out(history.trials.values(), space)
        changed = [SpaceChanged(space.to_json(), time.time()), *outside]
        store.describe(facts, changed)
        history = store.history()
    else:
        store.describe(facts)
    tuner = make(plan)
    tuner.checkpoints = tuner.checkpoints or place.checkpoints
    take_up(tuner, plan, store.events())
    session = Session(plan, place, facts, space, tuner, store, found, at_last, launcher)
    return session.run(older)


def _target_today(facts: dict[str, Any], place: Place) -> Target | None:
    """The target as it is now; None where it is gone and the experiment has a copy of its own."""
    source = Path(facts.get("source") or facts["target"]).absolute()
    if "source" not in facts:  # before schema version 2
        own = place.code if place.code.exists() else source
        facts |= {"source": None, "code": as_recorded(own, place), "code_hash": None}
    if facts["source"] is None or not source.exists():
        compiling.stop()  # there is nothing for it to do
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
    say(
        f"warning: {facts['target']}: the code has changed, from {before} to {now}; "
        "from here on trials run the new one"
    )
    folder = place.folder / f"code-{now}"
    if folder.exists() and target.tree is not None:  # a runner died on the way, or this is back
        shutil.rmtree(folder)
    return target.put(folder, leave_out=place.folder.parent)


def _difference(before: SearchSpace, now: SearchSpace) -> str:
    old, new = before.to_json(), now.to_json()
    words = [f"{key} is new" for key in new if key not in old]
    words += [f"{key} is gone" for key in old if key not in new]
    words += [f"{key} is another" for key in new if key in old and old[key] != new[key]]
    return ", ".join(words) or "the order of its parameters"
