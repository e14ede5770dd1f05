"""Takes orders on its standard input, a JSON object a line, and reports the ends of trials.

The orders are those of `nni_runner.launchers.supervised`. A trial that is started anew is watched
by a fork of this process; a watcher that is killed is reported as lost, and what it watched is
ended. When the input ends, because the runner closed it or was killed, all trials are.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import time

from nni_runner.supervisor import tree
from nni_runner.supervisor.common import FAREWELL_S, GRACE_S, NEVER, end_of
from nni_runner.supervisor.forked import Forked
from nni_runner.supervisor.forkers import Forkers
from nni_runner.supervisor.watcher import KILL, TERMINATE, Watcher

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from typing import Any

_ORDERS = {"terminate": TERMINATE, "kill": KILL}
_PATIENCE_S = {TERMINATE: GRACE_S + 2.0, KILL: 2.0}
_INPUT, _OUTPUT = 0, 1


class Server:
    """The watchers by pid: the number of the trial, and where its orders go.

    And the forks, each with those of its descriptors that are being listened to.
    """

    def __init__(self, files: int) -> None:
        self._files = files
        self._forkers = Forkers(lambda note: _tell({"note": note}))
        self._watchers: dict[int, tuple[int, int]] = {}
        self._forks: dict[Forked, list[int]] = {}
        self._by_fd: dict[int, Forked] = {}
        self._late: dict[int, float] = {}  # when those that were to end are waited for no longer
        self._is_open = True
        self._rest = b""

    def run(self) -> None:
        """Runs until the input has ended and every trial with it."""
        tree.adopt_orphans()
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll = select.poll()
        self._poll.register(wake, select.POLLIN)
        self._poll.register(_INPUT, select.POLLIN)
        gc.disable()  # it would only have the forks copy what it looks at
        heard: set[int] = set()
        while self._is_open or self._watchers or self._forks:
            heard = self._listen(heard, set(self._forkers.waiting))
            for fd, _ in self._poll.poll(self._left()):
                if fd in heard:
                    self._forkers.hear(fd)
                elif fd == wake:
                    os.read(wake, 4096)
                    self._reap()
                elif fd != _INPUT:
                    self._hear(fd)
                elif not self._read():
                    self._poll.unregister(_INPUT)
                    self._close()
            self._look()
        self._listen(heard, set())
        self._end_forkers(wake)
        self._end_strays(frozenset())  # of a process that was killed just now

    def _end_forkers(self, wake: int) -> None:
        """Gives them time to remove what they have made; `wake` is what tells of their ends."""
        self._forkers.close()
        end = time.monotonic() + FAREWELL_S
        while self._forkers.pids and (left := end - time.monotonic()) > 0:
            if any(fd == wake for fd, _ in self._poll.poll(left * 1000)):
                os.read(wake, 4096)
                self._reap()

    def _listen(self, before: set[int], now: set[int]) -> set[int]:
        """Listens to these descriptors, and no others of those before."""
        for fd in before - now:
            with contextlib.suppress(KeyError):
                self._poll.unregister(fd)
        for fd in now - before:
            self._poll.register(fd, select.POLLIN)
        return now

    def _left(self) -> float | None:
        """How long (ms) until something is to be done in any case; None for ever."""
        ends = [self._forkers.wakes, *self._late.values(), *(fork.wakes for fork in self._forks)]
        soonest = min(ends)
        return None if soonest == NEVER else max(soonest - time.monotonic(), 0.0) * 1000

    def _look(self) -> None:
        """Does what it is time for."""
        now = time.monotonic()
        if self._forkers.wakes <= now:
            self._forkers.look()
        for fork in [fork for fork in self._forks if fork.wakes <= now]:
            if fork.look():
                _tell({"number": fork.order["number"], "stuck": True})
            self._settle(fork)
        for pid in [pid for pid, end in self._late.items() if end <= now]:
            del self._late[pid]
            os.kill(pid, signal.SIGKILL)  # of a watcher that doesn't end: it is stopped, say

    def _read(self) -> bool:
        """Carries out the orders that have come; whether more may."""
        data = os.read(_INPUT, 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["order"] == "start":
                self._start(order)
            else:
                self._pass_on(order["number"], _ORDERS[order["order"]])
        return bool(data)

    def _start(self, order: dict[str, Any]) -> None:
        forker = self._forkers.find(order)
        if forker is None:
            self._start_anew(order)
            return
        try:
            fork = Forked(order, self._files, forker)
        except OSError:
            self._start_anew(order)  # which says what is wrong, if it still is
            return
        self._forks[fork] = []
        self._settle(fork)

    def _start_anew(self, order: dict[str, Any]) -> None:
        try:
            orders, channel = os.pipe()
            watcher = Watcher(order, orders, _INPUT, self._files)
            try:
                pid = os.fork()
            except OSError:
                os.close(orders)
                os.close(channel)
                raise
        except OSError as error:
            problem = f"{order['command'][0]}: {error.strerror}"
            _tell({"number": order["number"], "end": end_of(error), "problem": problem})
            return
        if pid == 0:
            try:
                for fd in (channel, *(fd for _, fd in self._watchers.values()), *self._by_fd):
                    os.close(fd)
                _tell(watcher.run())
                os._exit(0)
            finally:
                os._exit(1)
        os.close(orders)
        self._watchers[pid] = (order["number"], channel)

    def _hear(self, fd: int) -> None:
        fork = self._by_fd.get(fd)
        if fork is not None:  # else it has just ended
            fork.hear(fd)
            self._settle(fork)

    def _settle(self, fork: Forked) -> None:
        """Listens to what it has to say from now on; tells of its end."""
        before, now = self._forks[fork], fork.fds
        for fd in before:
            if fd not in now:
                self._poll.unregister(fd)
                del self._by_fd[fd]
        for fd in now:
            if fd not in before:
                self._poll.register(fd, select.POLLIN)
                self._by_fd[fd] = fork
        self._forks[fork] = now
        if fork.is_over:
            del self._forks[fork]
            if fork.is_unborn:
                self._start_anew(fork.order)
            else:
                _tell(fork.report())

    def _pass_on(self, number: int, order: bytes) -> None:
        for fork in self._forks:
            if fork.order["number"] == number:
                fork.terminate() if order == TERMINATE else fork.kill()
        for pid, (known, channel) in self._watchers.items():
            if known == number:
                with contextlib.suppress(BrokenPipeError):  # it is over
                    os.write(channel, order)
                end = time.monotonic() + _PATIENCE_S[order]
                self._late[pid] = min(end, self._late.get(pid, end))

    def _close(self) -> None:
        self._is_open = False
        for fork in self._forks:
            fork.terminate()
        for number, _ in list(self._watchers.values()):
            self._pass_on(number, TERMINATE)

    def _reap(self) -> None:
        lost: list[int] = []
        is_parentless = False  # what a trial left behind, where the process is gone that forked it
        try:
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                is_parentless |= self._forkers.forget(pid)
                if pid in self._watchers:
                    number, channel = self._watchers.pop(pid)
                    self._late.pop(pid, None)
                    os.close(channel)
                    lost += [number] if status else []
        except ChildProcessError:
            pass
        if lost or is_parentless:
            self._end_strays(self._forkers.pids)
        for number in lost:
            _tell({"number": number, "end": "lost"})

    def _end_strays(self, forkers: frozenset[int]) -> None:
        """Ends what lost its parent, and is this process's now: all but watchers and these."""
        end = time.monotonic() + 1.0
        while strays := tree.descendants(forkers.union(self._watchers)):
            for pid in strays:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, os.WNOHANG)
                except OSError:
                    pass  # over already, or no child of this process
            if time.monotonic() > end:
                return
            time.sleep(0.01)


def _tell(report: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody is there to be told
        os.write(_OUTPUT, json.dumps(report).encode() + b"\n")  # short: whole, whoever else writes


def main(files: int, folder: str) -> None:
    """Runs the server, whose trials may have so many files open.

    The folder is the runner's, who may have been killed: it goes with this process.
    """
    Server(files).run()
    with contextlib.suppress(OSError):  # the runner, or another of its servers, was first
        for name in os.listdir(folder):  # noqa: PTH208
            os.unlink(os.path.join(folder, name))  # noqa: PTH108, PTH118
        os.rmdir(folder)  # noqa: PTH106
