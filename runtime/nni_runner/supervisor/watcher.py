"""One trial, from its start until its last process is gone."""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import time

from nni_runner.supervisor import tree
from nni_runner.supervisor.capped import CappedFile
from nni_runner.supervisor.trials import Child, Forked

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    import socket
    from typing import Any

GRACE_S = 1.5  # from SIGTERM to SIGKILL
_GOING_S = 0.1  # in which what a trial leaves behind may end by itself, as multiprocessing's does
_AGAIN_S = 0.02
_NEVER = float("inf")
_CHUNK = 65536
_NO_ROOM = {
    errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT
}  # fmt: skip

KILL, TERMINATE = b"K", b"T"


class Watcher:
    """Runs the trial of a start order; `orders` is where more come from.

    Their end is that of the process which forked this one, that of `runner` the runner's: no trial
    outlives either. `forker` takes requests to fork trials (see `forkserver`); where it can't, or
    where there is none, the trial is a process that is started anew.
    """

    def __init__(
        self, order: dict[str, Any], orders: int, runner: int, files: int,
        forker: socket.socket | None,
    ) -> None:  # fmt: skip
        self._number = order["number"]
        self._command = [_bytes(word) for word in order["command"]]
        self._folder, self._output = _bytes(order["folder"]), _bytes(order["output"])
        own = {_bytes(name): _bytes(value) for name, value in order["environment"].items()}
        self._environment = {**os.environb, **own}
        self._seconds = order["seconds"]
        self._learn = order["learn"]
        self._limit = files
        self._forker = forker
        self._orders, self._runner = orders, runner
        self._poll = select.poll()
        self._files: dict[int, CappedFile] = {}
        self._ends: list[int] = []
        self._stop_at = self._kill_at = _NEVER
        self._end = "itself"
        self._left = 0

    def run(self) -> dict[str, Any]:
        """Runs it to its end; the report of it."""
        ooms = _out_of_memory_kills()
        try:
            self._start()
        except (OSError, ValueError) as error:
            what = os.fsdecode(getattr(error, "filename", None) or self._command[0])
            problem = f"{what}: {getattr(error, 'strerror', None) or error}"
            return self._report(end=end_of(error), problem=problem[:500])
        while self._trial.code is None or not self._trial.is_empty:
            self._wait()
            if self._end == "lost" and isinstance(self._trial, Forked) and self._trial.is_lost:
                return self._report(end="lost")
        for pipe in list(self._files):
            self._drain(pipe)
        code = self._trial.code
        if self._end == "itself" and code == -signal.SIGKILL and self._kill_at == _NEVER:
            self._end = "memory" if _out_of_memory_kills() > ooms else "itself"
        return self._report(code=code, end=self._end, left=max(self._left, self._trial.left))

    def _report(self, **what: Any) -> dict[str, Any]:
        return {"number": self._number, **what}

    def _start(self) -> None:
        tree.adopt_orphans()
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake = wake
        for name in (b"stdout", b"stderr"):
            file = CappedFile(os.path.join(self._output, name))  # noqa: PTH118
            pipe, end = os.pipe()
            os.set_blocking(pipe, False)
            self._files[pipe] = file
            self._ends.append(end)
        for fd in (wake, self._orders, *self._files):
            self._poll.register(fd, select.POLLIN)
        self._poll.register(self._runner, 0)  # for its end alone
        self._trial: Child | Forked = self._fork() or self._run_anew()
        if self._seconds is not None:
            self._stop_at = time.monotonic() + self._seconds

    def _run_anew(self) -> Child:
        """The trial as a process of its own from the start."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._limit, most))
        trial = Child(self._command, self._folder, self._environment, self._ends)
        self._close_ends()
        return trial

    def _fork(self) -> Forked | None:
        """The trial as a fork; None where nobody forks."""
        if self._forker is None:
            return None
        request = {
            "argv": [_text(word) for word in self._command[1:]],
            "folder": _text(self._folder),
            "environment": {_text(n): _text(v) for n, v in self._environment.items()},
            "files": self._limit,
            "learn": self._learn,
        }
        try:
            trial = Forked(self._forker, request, self._ends)
        except OSError:
            return None
        self._poll.register(trial.pipe, select.POLLIN)
        return trial

    def _close_ends(self) -> None:
        for end in self._ends:
            os.close(end)
        self._ends.clear()

    def _wait(self) -> None:
        """Waits for what comes next, and does it."""
        left = min(self._stop_at, self._kill_at) - time.monotonic()
        if self._trial.code is not None:  # nobody tells of processes that aren't children
            left = min(left, _AGAIN_S)
        for fd, _ in self._poll.poll(None if left == _NEVER else max(left, 0.0) * 1000):
            if fd == self._wake:
                os.read(fd, _CHUNK)
                self._reap()
            elif fd == self._orders:
                self._obey(os.read(fd, 1))
            elif fd == self._runner:
                self._poll.unregister(fd)
                self._terminate()
            elif isinstance(self._trial, Forked) and fd == self._trial.pipe:
                self._hear(self._trial)
            else:
                self._pump(fd)
        now = time.monotonic()
        if now >= self._stop_at:
            if self._trial.code is None:
                self._end = "time limit"
                self._terminate()
            else:
                self._left = self._terminate()
        if now >= self._kill_at:
            reached = self._trial.signal(signal.SIGKILL)
            self._kill_at = now + _AGAIN_S
            if self._trial.code is not None and not reached:
                self._trial.is_empty = True
        if self._trial.code is not None and not self._trial.is_empty:
            self._reap()

    def _obey(self, order: bytes) -> None:
        if order == KILL:
            self._stop_at, self._kill_at = _NEVER, 0.0
            return
        if not order:
            self._poll.unregister(self._orders)
            self._end = "lost"
        self._terminate()

    def _terminate(self) -> int:
        """Asks everything to end, and will end it; how many processes that is."""
        self._stop_at = _NEVER
        if self._kill_at != _NEVER:
            return 0
        self._kill_at = time.monotonic() + GRACE_S
        return self._trial.signal(signal.SIGTERM)

    def _reap(self) -> None:
        if isinstance(self._trial, Forked):
            return
        was_running = self._trial.code is None
        self._trial.look()
        if was_running and self._trial.code is not None and self._kill_at == _NEVER:
            self._stop_at = time.monotonic() + _GOING_S

    def _hear(self, trial: Forked) -> None:
        """Takes in what the process tells that forks the trial."""
        trial.look()
        if trial.pid and self._ends:
            self._close_ends()
            if self._kill_at != _NEVER:  # it was to end before it had begun
                trial.signal(signal.SIGTERM)
        if trial.is_lost:
            self._poll.unregister(trial.pipe)
            if trial.pid:
                self._end = "lost"
                end = time.monotonic() + GRACE_S
                while trial.signal(signal.SIGKILL) and time.monotonic() < end:
                    time.sleep(_AGAIN_S)
            else:
                self._trial = self._run_anew()

    def _pump(self, pipe: int) -> bool:
        """Takes in some of what the trial printed; whether there may be more."""
        try:
            data = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._files[pipe].write(data)
            return True
        self._poll.unregister(pipe)
        os.close(pipe)
        self._files.pop(pipe).close()
        return False

    def _drain(self, pipe: int) -> None:
        """Takes in what a pipe still holds, which is 1 MB at most."""
        for _ in range(2**20 // _CHUNK + 1):
            if not self._pump(pipe):
                return


def end_of(error: Exception) -> str:
    """How a trial ends that could not be started."""
    return "no room" if getattr(error, "errno", None) in _NO_ROOM else "not started"


def _text(data: bytes) -> str:
    """What stands for bytes in JSON."""
    return data.decode("latin-1")


def _bytes(text: str) -> bytes:
    """What stands for the bytes of a name: whatever encoding each side is in, they arrive whole."""
    return text.encode("latin-1")


def _out_of_memory_kills() -> int:
    """How often Linux has ended a process for want of memory; 0 where nobody counts."""
    try:
        with open("/proc/vmstat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            return int(file.read().partition(b"\noom_kill ")[2].split()[0])
    except (OSError, IndexError):
        return 0
