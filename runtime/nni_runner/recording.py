"""What happens is written down, however long the disk refuses that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from nni_runner.errors import StorageError
from nni_runner.history import History
from nni_runner.inbox import Inbox
from nni_runner.store import Store
from nni_runner.trial import Event

_AGAIN_S = 1.0
_GIVEN_UP_S = 3.0  # after which an experiment that ends doesn't wait any more

T = TypeVar("T")


class Recorder:
    """Writes to the history's file first, then to the history that everybody sees."""

    def __init__(
        self, store: Store, history: History, inbox: Inbox, tell: Callable[[str], None]
    ) -> None:
        self._store = store
        self._history = history
        self._inbox = inbox
        self._tell = tell

    def record(self, events: Sequence[Event]) -> None:
        """They are in the file when this returns. Raises as `patiently` does."""
        self.patiently(lambda: self._store.record(events))
        for event in events:
            self._history.add(event)

    def sync(self) -> float:
        """Makes what is due safe from a power cut; the moment at which more will be.

        Raises as `patiently` does.
        """
        if self._store.sync_due <= time.monotonic():
            self.patiently(self._store.sync)
        return self._store.sync_due

    def patiently(self, write: Callable[[], T]) -> T:
        """Writes as soon as that is possible; what it gives.

        Says why nothing goes on. Raises StorageError where the experiment ends meanwhile.
        """
        told = ""
        end = None
        while True:
            try:
                written = write()
            except StorageError as error:
                if str(error) != told and not self._inbox.is_ending():
                    told = str(error)
                    self._tell(f"{told}; no trial is started until it can be; results are kept")
                if self._inbox.is_ending():
                    end = end or time.monotonic() + _GIVEN_UP_S
                    if time.monotonic() > end:
                        raise
                    time.sleep(_AGAIN_S / 10)
                else:
                    self._inbox.wait_for(lambda _: False, _AGAIN_S)
            else:
                if told:
                    self._tell("it can be written again; going on")
                return written
