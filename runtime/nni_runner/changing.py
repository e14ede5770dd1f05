"""What somebody changes of a running experiment: written down first, then done."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from nni_annotate.space import SearchSpace
from nni_runner.choosing import Chooser
from nni_runner.errors import UsageError
from nni_runner.experiment import code_space
from nni_runner.history import History
from nni_runner.recovery import leave_out
from nni_runner.requests import OWN_SPACE, Change, ChangeSpace, Import, Update
from nni_runner.store import Store
from nni_runner.trial import Imported, SpaceChanged


def change(
    request: Change, store: Store, history: History, chooser: Chooser, waiting: deque[int]
) -> dict[str, Any]:
    """Does it; the limits of the plan that are others now.

    Of the `waiting` trials those that lie outside a new search space are ended, and wait no more.
    Raises StorageError, UsageError: nothing is changed then.
    """
    match request:
        case Update(limit, value):
            store.describe({limit: value})
            return {limit: value}
        case ChangeSpace() if chooser.space.is_own:
            raise UsageError(OWN_SPACE)
        case ChangeSpace(space):
            _enter(space, store, history, waiting)
            chooser.change_space(space)
        case Import(results, space):
            if space != chooser.space:
                raise UsageError("the search space has changed meanwhile; import them again")
            imported = Imported(results, time.time())
            store.record([imported])
            history.add(imported)
            chooser.learn(results)
    return {}


def _enter(space: SearchSpace, store: Store, history: History, waiting: deque[int]) -> None:
    facts = store.description()
    new = {"search_space": space.to_json(), "code_space": code_space(facts).to_json()}
    outside = leave_out([history.trials[number] for number in waiting], space)
    events = [SpaceChanged(space.to_json(), time.time()), *outside]
    store.describe(new, events)
    for event in events:
        history.add(event)
    for number in [n for n in waiting if history.trials[n].is_over]:
        waiting.remove(number)
