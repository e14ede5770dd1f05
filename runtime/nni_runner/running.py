"""Whether somebody runs an experiment: whoever does holds a lock on a file in its folder."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from dataclasses import dataclass

from nni_runner.errors import RunnerError
from nni_runner.experiment import Place


@dataclass(frozen=True)
class Holder:
    """The process that runs an experiment."""

    pid: int
    host: str


class Lock:
    """Held from its making on; the system takes it away from a process that dies."""

    def __init__(self, place: Place) -> None:
        try:
            self._file = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RunnerError(f"{place.lock}: can't be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise RunnerError(f"experiment {place.id} is running") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())

    def release(self) -> None:
        """Lets others have it."""
        os.close(self._file)


def running(place: Place) -> Holder | None:
    """Who runs the experiment, None where nobody does; needs no right to write."""
    try:
        file = os.open(place.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(os.read(file, 4096))
    finally:
        os.close(file)
    return None


def _holder(text: bytes) -> Holder:
    try:
        known = json.loads(text)
        return Holder(int(known["pid"]), str(known["host"]))
    except (ValueError, KeyError, TypeError):
        return Holder(0, "?")  # it has only just taken the lock
