"""A tuner or an assessor in a thread of its own: one that takes for ever holds up nobody.

Its calls are made one after the other, in the order they came in.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from nni_runner.workers import start_thread
from nni_tuners import NoMoreTrialError

LAST_WORDS_S = 1.0  # in which it is told, at the end, what it has not come to hear

T = TypeVar("T")


@dataclass(frozen=True)
class Raised:
    """An answer: it raised this."""

    error: BaseException


class Nothing:
    """An answer: the tuner has nothing further to try."""


@dataclass(eq=False)
class Call(Generic[T]):
    """Something that it is asked or told; `about` is what whoever asked knows it by."""

    make: Callable[[T], Any]
    is_question: bool = True
    about: object = None
    is_withdrawn: bool = False
    has_begun: bool = False


class TunerThread(Generic[T]):
    """Makes calls to a tuner, and hands on what came of them, out of the thread.

    The tuner is made in there too. Of calls that are no question only what they raise is told.
    """

    def __init__(self, make: Callable[[], T], answered: Callable[[Call[T], Any], None]) -> None:
        self._make = make
        self._answered = answered
        self._calls: queue.SimpleQueue[Call[T] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._since: float | None = time.monotonic()
        self._left_to_do = 0
        self._is_left = False
        self.current: Call[T] | None = None
        self._thread = start_thread(self._run)

    def ask(self, make: Callable[[T], Any], about: object = None) -> Call[T]:
        """Asks something; answered by what it returns, Nothing or Raised."""
        return self._put(Call(make, about=about))

    def tell(self, make: Callable[[T], Any]) -> None:
        """Tells the tuner something."""
        self._put(Call(make, is_question=False))

    @property
    def busy(self) -> float:
        """How long (s) what it is at has taken so far."""
        with self._lock:
            return 0.0 if self._since is None else time.monotonic() - self._since

    @property
    def is_idle(self) -> bool:
        """Whether all calls have been made."""
        with self._lock:
            return not self._left_to_do

    def withdraw(self, call: Call[T]) -> bool:
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

    def _put(self, call: Call[T]) -> Call[T]:
        with self._lock:
            self._left_to_do += 1
        self._calls.put(call)
        return call

    def _run(self) -> None:
        tuner = _made(self._make)
        with self._lock:
            self._since = None
        while (call := self._calls.get()) is not None:
            with self._lock:
                if call.is_withdrawn:
                    self._left_to_do -= 1
                    continue
                call.has_begun, self._since, self.current = True, time.monotonic(), call
            answer = tuner if isinstance(tuner, Raised) else _made(partial(call.make, tuner))
            with self._lock:
                self._since = None
                self._left_to_do -= 1
                if self._is_left:
                    return
                if call.is_question or isinstance(answer, Raised):
                    self._answered(call, answer)


def _made(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NoMoreTrialError:
        return Nothing()
    except BaseException as error:  # noqa: BLE001 - somebody else's code, SystemExit included
        return Raised(error)
