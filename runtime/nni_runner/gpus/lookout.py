"""Looks who is on the GPUs while the experiment goes on: `nvidia-smi` takes its time, or hangs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nni_runner.errors import RunnerError
from nni_runner.gpus.nvidia import Others, read_processes


@dataclass(frozen=True)
class Look:
    """Who was on the GPUs between two moments of the monotonic clock.

    `problem` says why nothing could be seen.
    """

    begun: float = -math.inf
    ended: float = -math.inf
    others: Others = field(default_factory=dict)
    problem: str = ""


def look() -> Look:
    """What there is to see now. Raises RunnerError."""
    begun = time.monotonic()
    others = read_processes()
    return Look(begun, time.monotonic(), others)


class Lookout:
    """Looks when it is asked to, in a thread; `looked` is called there when it has."""

    def __init__(self, latest: Look, looked: Callable[[], None]) -> None:
        self.latest = latest
        self._looked = looked
        self._due = math.inf
        self._timer: threading.Timer | None = None

    def ask(self, delay: float) -> None:
        """Wants a look in so many seconds, unless one is under way or comes before."""
        due = time.monotonic() + delay
        if due >= self._due:
            return
        self.close()
        self._due = due
        self._timer = threading.Timer(delay, self._look)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._due = -math.inf
        begun = time.monotonic()
        try:
            self.latest = look()
        except RunnerError as error:
            self.latest = Look(begun, time.monotonic(), problem=str(error))
        self._due = math.inf
        self._looked()
