"""A trial that is started anew, from its start until its last process is gone."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import time

from nni_runner.supervisor import tree
from nni_runner.supervisor.common import AGAIN_S, GOING_S, GRACE_S, NEVER, end_of, memory_kills
from nni_runner.supervisor.output import Output

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from typing import Any

KILL, TERMINATE = b"K", b"T"


class Watcher:
    """Runs the trial of a start order; `orders` is where more come from.

    Their end is that of the process which forked this one, that of `runner` the runner's: no trial
    outlives either.
    """

    def __init__(self, order: dict[str, Any], orders: int, runner: int, files: int) -> None:
        self._number = order["number"]
        self._command = [_bytes(word) for word in order["command"]]
        self._folder, self._printed = _bytes(order["folder"]), _bytes(order["output"])
        own = {_bytes(name): _bytes(value) for name, value in order["environment"].items()}
        self._environment = {**os.environb, **own}
        self._seconds = order["seconds"]
        self._limit = files
        self._orders, self._runner = orders, runner
        self._poll = select.poll()
        self._stop_at = self._kill_at = NEVER
        self._code: int | None = None
        self._is_empty = False
        self._end = "itself"
        self._left = 0

    def run(self) -> dict[str, Any]:
        """Runs it to its end; the report of it."""
        kills = memory_kills()
        try:
            self._start()
        except (OSError, ValueError) as error:
            what = os.fsdecode(getattr(error, "filename", None) or self._command[0])
            problem = f"{what}: {getattr(error, 'strerror', None) or error}"
            return self._report(end=end_of(error), problem=problem[:500])
        while self._code is None or not self._is_empty:
            self._wait()
        self._output.close()
        if self._end == "itself" and self._code == -signal.SIGKILL and self._kill_at == NEVER:
            self._end = "memory" if memory_kills() > kills else "itself"
        return self._report(code=self._code, end=self._end, left=self._left)

    def _report(self, **what: Any) -> dict[str, Any]:
        return {"number": self._number, **what}

    def _start(self) -> None:
        tree.adopt_orphans()
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)  # the handler is that of the process which forked this one
        self._wake = wake
        self._output = Output(self._printed)
        for fd in (wake, self._orders, *self._output.pipes):
            self._poll.register(fd, select.POLLIN)
        self._poll.register(self._runner, 0)  # for its end alone
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._limit, most))
        self._process = subprocess.Popen(  # kept: one that goes would reap the trial
            self._command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output.ends[0],
            stderr=self._output.ends[1],
            start_new_session=True,
            preexec_fn=tree.end_with_parent,
        )
        self._output.close_ends()
        if self._seconds is not None:
            self._stop_at = time.monotonic() + self._seconds

    def _wait(self) -> None:
        """Waits for what comes next, and does it."""
        left = min(self._stop_at, self._kill_at) - time.monotonic()
        if self._code is not None:  # nobody tells of processes that aren't children
            left = min(left, AGAIN_S)
        for fd, _ in self._poll.poll(None if left == NEVER else max(left, 0.0) * 1000):
            if fd == self._wake:
                os.read(fd, 4096)
                self._reap()
            elif fd == self._orders:
                self._obey(os.read(fd, 1))
            elif fd == self._runner:
                self._poll.unregister(fd)
                self._terminate()
            else:
                self._output.pump(fd)
                if fd not in self._output.pipes:
                    self._poll.unregister(fd)
        now = time.monotonic()
        if now >= self._stop_at:
            if self._code is None:
                self._end = "time limit"
                self._terminate()
            else:
                self._left = self._terminate()
        if now >= self._kill_at:
            reached = tree.signal_tree(self._process.pid, signal.SIGKILL)
            self._kill_at = now + AGAIN_S
            if self._code is not None and not reached:
                self._is_empty = True
        if self._code is not None and not self._is_empty:
            self._reap()

    def _obey(self, order: bytes) -> None:
        if order == KILL:
            self._stop_at, self._kill_at = NEVER, 0.0
            return
        if not order:
            self._poll.unregister(self._orders)
            self._end = "lost"
        self._terminate()

    def _terminate(self) -> int:
        """Asks everything to end, and will end it; how many processes that is."""
        self._stop_at = NEVER
        if self._kill_at != NEVER:
            return 0
        self._kill_at = time.monotonic() + GRACE_S
        return tree.signal_tree(self._process.pid, signal.SIGTERM)

    def _reap(self) -> None:
        """Takes in what has ended."""
        was_running = self._code is None
        try:
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] == self._process.pid:
                    self._code = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            self._is_empty = tree.is_empty(self._process.pid)
        if was_running and self._code is not None and self._kill_at == NEVER:
            self._stop_at = time.monotonic() + GOING_S


def _bytes(text: str) -> bytes:
    """What stands for the bytes of a name: whatever encoding each side is in, they arrive whole."""
    return text.encode("latin-1")
