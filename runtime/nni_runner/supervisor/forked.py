"""A trial that is a fork of a process which has imported things, from its start to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import time

from nni_runner.supervisor import tree
from nni_runner.supervisor.common import AGAIN_S, GRACE_S, NEVER, STUCK_S, end_of, memory_kills
from nni_runner.supervisor.output import Output

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from typing import Any


class Forked:
    """The trial of a start order. The process that forks tells of its end, and ends with all of it.

    `fds` are what is to be heard, `wakes` is when it is to be looked at in any case.
    """

    def __init__(self, order: dict[str, Any], files: int, forker: socket.socket) -> None:
        """Asks for it. Raises OSError where nobody forks, or there is no room."""
        self.order = order
        self.is_over = False
        self.is_unborn = False  # nobody forked it: it is to be started anew
        self._memory_kills = memory_kills()
        self._pid = 0
        self._code: int | None = None
        self._left = 0
        self._problem = ""
        self._end = "itself"
        self._stop_at = self._kill_at = self._watch_at = NEVER
        self._locks = ""
        self._is_asked = self._is_lost = False
        self._rest = b""
        request = {
            "argv": order["command"][1:],
            "folder": order["folder"],
            "environment": order["environment"],
            "files": files,
            "learn": order["learn"],
        }
        self._output = Output(order["output"].encode("latin-1"))
        try:
            self._pipe = self._ask(forker, json.dumps(request).encode())
        except OSError:
            self._output.close()
            raise
        if order["seconds"] is not None:
            self._stop_at = time.monotonic() + order["seconds"]

    def _ask(self, forker: socket.socket, request: bytes) -> int:
        """The pipe that tells what becomes of it."""
        pipe, told = os.pipe()
        os.set_blocking(pipe, False)
        try:
            file = os.memfd_create("request")
            try:
                os.write(file, request)
                socket.send_fds(forker, [b"R"], [file, *self._output.ends, told])
            finally:
                os.close(file)
        except OSError:
            os.close(pipe)
            raise
        finally:
            os.close(told)
        return pipe

    @property
    def fds(self) -> list[int]:
        """What is to be heard."""
        return [*self._output.pipes, *([] if self.is_over or self._is_lost else [self._pipe])]

    @property
    def wakes(self) -> float:
        """The moment (of time.monotonic) when it is to be looked at."""
        return min(self._stop_at, self._kill_at, self._watch_at)

    def hear(self, fd: int) -> None:
        """Takes in what that descriptor has."""
        if fd != self._pipe:
            self._output.pump(fd)
            return
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:  # it was about one that had this number before
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            kind, *numbers = line.split()
            if kind == b"P":
                self._is_born(int(numbers[0]))
            elif kind == b"F":
                self._fail(OSError(int(numbers[0]), os.strerror(int(numbers[0]))))
                return
            else:
                self._code, self._left = int(numbers[0]), int(numbers[1])
        if self._code is not None:
            self._finish()
        elif not data:
            self._lose()

    def look(self) -> bool:
        """Does what it is time for; whether it has turned out to hang."""
        now = time.monotonic()
        is_stuck = now >= self._watch_at and self._is_stuck(now)
        if now >= self._stop_at:
            self._end = "time limit"
            self.terminate()
        if now >= self._kill_at:
            self._kill_at = now + AGAIN_S
            if self._pid == 0:  # should anybody fork it yet, it is ended: nobody hears of it
                self._code = -signal.SIGKILL
                self._finish()
            elif not self._signal(signal.SIGKILL) and self._is_lost:
                self._finish()
        return is_stuck

    def terminate(self) -> None:
        """Asks everything to end, and will end it."""
        self._stop_at = NEVER
        if not self._is_asked:
            self._is_asked = True
            self._kill_at = time.monotonic() + GRACE_S
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends everything."""
        self._stop_at, self._kill_at, self._is_asked = NEVER, 0.0, True

    def report(self) -> dict[str, Any]:
        """What became of it."""
        code, end = self._code, self._end
        if code == -signal.SIGKILL and end == "itself" and not self._is_asked:
            end = "memory" if memory_kills() > self._memory_kills else "itself"
        found = {"number": self.order["number"], "code": code, "end": end, "left": self._left}
        return found | ({"problem": self._problem} if self._problem else {})

    def _is_born(self, pid: int) -> None:
        self._pid = pid
        self._watch_at = time.monotonic() + STUCK_S
        self._output.close_ends()
        if self._is_asked:  # it was to end before it had begun
            self._signal(signal.SIGTERM)

    def _is_stuck(self, now: float) -> bool:
        """Whether it has done nothing since the last look but wait for what nobody can do."""
        before, self._locks = self._locks, tree.locks_of(self._pid)
        is_stuck = bool(before) and before == self._locks
        self._watch_at = NEVER if is_stuck else now + STUCK_S
        return is_stuck

    def _fail(self, error: OSError) -> None:
        self._end = end_of(error)
        self._problem = f"{self.order['command'][0]}: {error.strerror}"
        self._finish()

    def _lose(self) -> None:
        """The process is gone that forks: what it had forked ends with it."""
        self._is_lost = True
        self._stop_at, self._kill_at, self._watch_at = NEVER, 0.0, NEVER
        if self._pid:
            self._end = "lost"
        elif not self._is_asked:
            self.is_unborn = True
        os.close(self._pipe)

    def _finish(self) -> None:
        self.is_over = True
        self._stop_at = self._kill_at = self._watch_at = NEVER
        if not self._is_lost:
            os.close(self._pipe)
        self._output.close()

    def _signal(self, number: int) -> int:
        """How many processes it reached."""
        if self._pid == 0:
            return 0
        return tree.send([self._pid, *tree.descendants(root=self._pid)], number)
