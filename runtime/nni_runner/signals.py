"""What asks a program to end, as notices."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from nni_runner.launchers.launcher import Interrupted, Notices
from nni_runner.workers import start_thread

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_as(notices: Notices) -> Iterator[None]:
    """Turns what asks a program to end into notices.

    One that is ignored stays so: that is how nohup and scripts keep a program running.
    """
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    # Python itself calls a handler when its main thread goes on, and one that waits for a lock may
    # sleep through two signals that come at once.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    reader = start_thread(_pass_on, reading, heard, notices)
    wakes = signal.set_wakeup_fd(writing)
    before = {number: signal.signal(number, lambda *_: None) for number in heard}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
        signal.set_wakeup_fd(wakes)
        os.close(writing)
        reader.join()
        os.close(reading)


def _pass_on(reading: int, heard: Collection[int], notices: Notices) -> None:
    while numbers := os.read(reading, 64):
        for number in numbers:
            if number in heard:
                notices.put(Interrupted(number))
