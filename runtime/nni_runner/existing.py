"""Experiments that exist: found by their ids, and read without disturbing who runs them."""

from __future__ import annotations

import difflib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nni_annotate.cli import count
from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace, from_record
from nni_runner.errors import RunnerError, UsageError
from nni_runner.experiment import HISTORY, Place
from nni_runner.history import History
from nni_runner.lock import Holder, running
from nni_runner.store import Store
from nni_runner.tables import trial_to_json
from nni_runner.trial import Status, Trial

RUNNING, CRASHED = "running", "crashed"


@dataclass(frozen=True)
class Existing:
    """An experiment as its folder tells."""

    place: Place
    holder: Holder | None
    history: History
    space: SearchSpace
    facts: dict[str, Any]
    ended: tuple[str, str] | None

    @property
    def status(self) -> str:
        """`running`; `done`, `interrupted` or `failed` as it said at its end; else `crashed`."""
        if self.holder:
            return RUNNING
        return self.ended[0] if self.ended else CRASHED

    @property
    def name(self) -> str | None:
        """What somebody calls it, None where nobody does."""
        return self.facts.get("name")

    @property
    def reason(self) -> str | None:
        """Why it ended, None where it runs or was killed."""
        return self.ended[1] if self.ended and not self.holder else None

    @property
    def best(self) -> Trial | None:
        """The best trial, None where none succeeded."""
        return self.history.best

    @property
    def counts(self) -> dict[str, int]:
        """How many trials stand how."""
        return dict(Counter(trial.status.value for trial in self.history.trials.values()))

    @property
    def begun(self) -> float:
        """When it began, in seconds since 1970."""
        started = [trial.started for trial in self.history.trials.values()]
        return min(started, default=self.place.history.stat().st_mtime)

    def to_json(self) -> dict[str, Any]:
        """The documented object (docs/nnictl.md) without the trials."""
        best = self.best
        return {
            "id": self.place.id,
            "name": self.name,
            "path": str(self.place.folder),
            "target": self.facts["target"],
            "status": self.status,
            "optimize_mode": self.facts["optimize_mode"],
            "tuner": self.facts["tuner"],
            "concurrency": self.facts["concurrency"],
            "trial_limit": self.facts["trials"],
            "time_limit": self.facts["seconds"],
            "trials": len(self.history.trials),
            "counts": self.counts,
            "best": trial_to_json(best, self.place) if best else None,
            "begun": self.begun,
        }


def places(experiments: Path) -> list[Place]:
    """The experiments in a folder that we may read, the oldest first."""
    try:
        folders = [path for path in experiments.iterdir() if _has_history(path)]
        folders.sort(key=lambda folder: folder.stat().st_ctime)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunnerError(f"{experiments}: can't be read: {error.strerror}") from None
    return [Place(folder.name, folder.absolute()) for folder in folders]


def find(name: str, experiments: Path) -> Place:
    """The experiment of that id, or whose id alone begins so, or the folder of one.

    Raises UsageError.
    """
    known = {place.id: place for place in places(experiments)}
    if name in known:
        return known[name]
    fitting = [known[id_] for id_ in known if name and id_.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{name}: several experiments begin so: {_names(fitting)}")
    folder = Path(name).expanduser()
    if _has_history(folder):
        return Place(folder.resolve().name, folder.resolve())
    near = difflib.get_close_matches(name, known)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(
        f"{name}: no such experiment in {experiments}, and no folder that has a {HISTORY}{hint}"
    )


def find_or_only(name: str | None, experiments: Path) -> Place:
    """The experiment of that name, without one the only one that is running. Raises UsageError."""
    if name is not None:
        return find(name, experiments)
    found = [place for place in places(experiments) if running(place.folder)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"name an experiment: none is running in {experiments}")
    raise UsageError(f"name an experiment: several are running: {_names(found)}")


def read(place: Place) -> Existing:
    """What its folder tells of an experiment. Raises RunnerError."""
    holder = running(place.folder)  # first: one that has ended since has said how
    store = Store(place.history, read_only=True)
    try:
        facts, history = store.description(), store.history()
        existing = Existing(
            place,
            holder,
            history,
            from_record(facts["search_space"]),
            facts,
            store.ended(),
        )
        existing.to_json()
    except (sqlite3.Error, SpaceError, KeyError, ValueError, TypeError, AssertionError) as error:
        raise RunnerError(f"{place.history}: is no experiment's history: {error}") from None
    finally:
        store.close()
    return existing


def read_all(experiments: Path, only_running: bool) -> Iterator[Existing | RunnerError]:
    """The experiments in a folder, and what is wrong with those that can't be read."""
    for place in places(experiments):
        if only_running and not running(place.folder):
            continue
        try:
            yield read(place)
        except RunnerError as error:
            yield error


def trial_of(existing: Existing, number: int) -> Trial:
    """Raises UsageError where there is none of that number."""
    trial = existing.history.trials.get(number)
    if trial is None:
        total = count(len(existing.history.trials), "trial")
        raise UsageError(
            f"-T {number}: no such trial; experiment {existing.place.id} has {total} so far, "
            "counted from 0"
        )
    return trial


def counts_in_words(existing: Existing) -> str:
    """How many trials stand how, such as "3 succeeded, 1 running"."""
    order = [status.value for status in Status]
    counts = sorted(existing.counts.items(), key=lambda item: order.index(item[0]))
    return ", ".join(f"{number} {status.lower()}" for status, number in counts)


def _has_history(folder: Path) -> bool:
    try:
        return (folder / HISTORY).is_file()
    except OSError:  # it is closed to us
        return False


def _names(found: list[Place]) -> str:
    return ", ".join(place.id for place in found)
