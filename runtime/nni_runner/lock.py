"""One runner an experiment: a locked file in its folder, which says who holds it.

The lock goes with its process, however that ends. Where the file system knows no locks of this
kind, the process that the file names decides: it holds the experiment as long as it runs, started
when it was. A file system without any locks is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nni_runner.errors import RunnerError

PATIENCE_S = 3.0


@dataclass(frozen=True)
class Holder:
    """A process; `started` tells it from a later one that got the same pid."""

    pid: int
    host: str
    started: str

    @property
    def is_here(self) -> bool:
        """Whether it may still run: what runs on another host is not known."""
        return self.host != socket.gethostname() or start_time(self.pid) == self.started


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the experiment in that folder. Raises RunnerError where another process does."""
    path = folder / "lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunnerError(f"{path}: can't be written: {error.strerror}") from None
    try:
        _take(file, path)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def holder(folder: Path) -> Holder | None:
    """Who the lock's file names, None where it names nobody."""
    try:
        return Holder(**json.loads((folder / "lock").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def running(folder: Path) -> Holder | None:
    """Who runs the experiment in that folder, None where nobody does; needs no right to write."""
    try:
        file = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    known = holder(folder)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return known or Holder(0, "?", "")  # it has only just taken the lock
    except OSError:  # no locks here
        return known if known is not None and known.is_here else None
    finally:
        os.close(file)
    return None


def start_time(pid: int) -> str:
    """When a process of this machine was started, in whatever unit; "" where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        words = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]


def _take(file: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        known = holder(path.parent)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # A process that it was just about to start may outlive the dead one for a moment, and
            # whoever looks holds it for an instant, too.
            if (known is not None and known.is_here) or time.monotonic() > end:
                raise _held(path, known) from None
        except OSError:  # no locks here
            if known is not None and known.is_here:
                raise _held(path, known) from None
            _refuse_without_locks(file, path)
            break
        time.sleep(0.05)
    me = Holder(os.getpid(), socket.gethostname(), start_time(os.getpid()))
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(asdict(me)).encode(), 0)
    except OSError as error:
        raise RunnerError(f"{path}: can't be written: {error.strerror}") from None


def _refuse_without_locks(file: int, path: Path) -> None:
    """SQLite needs locks of one kind at least, and takes their lack for somebody else's lock."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RunnerError(
            f"{path.parent}: its file system has no file locks ({error.strerror}), without which "
            "no history can be written; keep experiments in another place, by --experiments-dir"
        ) from None


def _held(path: Path, known: Holder | None) -> RunnerError:
    who = f"process {known.pid} on {known.host}" if known else "another process"
    return RunnerError(
        f"{path.parent}: {who} runs this experiment; end that first, or, if there is no such "
        f"process any more, remove {path}"
    )
