"""A tuner in a thread of its own, so that one which takes for ever holds up nobody.

Its calls are made one after the other, in the order they came in. What they lead to comes as
notices.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nni_runner.launchers.launcher import Answered, Notices
from nni_runner.workers import start_thread
from nni_tuners import NoMoreTrialError, Tuner


@dataclass(frozen=True)
class Raised:
    """An answer: the tuner raised this."""

    error: BaseException


class Nothing:
    """An answer: the tuner has nothing further to try."""


@dataclass(eq=False)
class Call:
    """Something that the tuner is asked or told."""

    make: Callable[[Tuner], Any]
    is_question: bool = True
    is_withdrawn: bool = False
    has_begun: bool = False


class TunerThread:
    """Makes calls to a tuner, and puts what came of them among the notices.

    The tuner is made in there too. Of calls that are no question only what they raise is told.
    """

    def __init__(self, make: Callable[[], Tuner], notices: Notices) -> None:
        self._make = make
        self._notices = notices
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._since: float | None = time.monotonic()
        self._is_left = False
        self._thread = start_thread(self._run)

    def ask(self, number: int) -> Call:
        """Asks for a trial's parameters; answered by what it returns, Nothing or Raised."""
        call = Call(lambda tuner: tuner.generate_parameters(number))
        self._calls.put(call)
        return call

    def tell(self, make: Callable[[Tuner], Any]) -> None:
        """Tells the tuner something."""
        self._calls.put(Call(make, is_question=False))

    @property
    def busy(self) -> float:
        """How long (s) what it is at has taken so far."""
        with self._lock:
            return 0.0 if self._since is None else time.monotonic() - self._since

    def withdraw(self, call: Call) -> bool:
        """Takes a question back; whether that is in time."""
        with self._lock:
            call.is_withdrawn = True
            return not call.has_begun

    def leave(self, seconds: float = 0.0) -> None:
        """Nothing more is wanted of it; what it was told it may take in for so long."""
        self._calls.put(None)
        self._thread.join(seconds)
        with self._lock:
            self._is_left = True

    def _run(self) -> None:
        tuner = _made(self._make)
        with self._lock:
            self._since = None
        while (call := self._calls.get()) is not None:
            with self._lock:
                if call.is_withdrawn:
                    continue
                call.has_begun, self._since = True, time.monotonic()
            answer = tuner if isinstance(tuner, Raised) else _made(partial(call.make, tuner))
            with self._lock:
                self._since = None
                if self._is_left:
                    return
                if call.is_question or isinstance(answer, Raised):
                    self._notices.put(Answered(call, answer))


def _made(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NoMoreTrialError:
        return Nothing()
    except BaseException as error:  # noqa: BLE001 - somebody else's code, SystemExit included
        return Raised(error)
