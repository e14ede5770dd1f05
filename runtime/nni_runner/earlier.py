"""An earlier experiment, read from its folder."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace, from_record
from nni_runner.errors import RunnerError
from nni_runner.experiment import HISTORY, code_space
from nni_runner.store import Store
from nni_runner.trial import Status, Trial


@dataclass(frozen=True)
class Earlier:
    """An experiment that something can be learned from.

    `own` are the values that its script held, as far as they are known; `trials` are those that
    succeeded, the best one first.
    """

    name: str
    space: SearchSpace
    own: Parameters
    optimize_mode: str
    trials: tuple[Trial, ...]


def read_earlier(folder: Path) -> Earlier:
    """What is known of the experiment in that folder. Raises RunnerError."""
    store = Store(folder / HISTORY, read_only=True)
    try:
        facts, history = store.description(), store.history()
        mode, defaults = facts["optimize_mode"], facts["defaults"]
        space = SearchSpace({**from_record(facts["search_space"]), **code_space(facts)})
    except (sqlite3.Error, SpaceError, KeyError) as error:
        raise RunnerError(f"{folder / HISTORY}: is no experiment's history: {error}") from None
    finally:
        store.close()
    own = history.baseline.parameters if history.baseline else defaults or {}
    succeeded = [(t.value, t) for t in history.with_status(Status.SUCCEEDED) if t.value is not None]
    succeeded.sort(key=lambda pair: pair[0], reverse=history.maximize)
    trials = tuple(_whole(trial, own) for _, trial in succeeded)
    return Earlier(folder.name, space, own, mode, trials)


def _whole(trial: Trial, own: Parameters) -> Trial:
    """With the script's own values of what was no part of the search space at the time."""
    return replace(trial, parameters={**own, **trial.parameters})
