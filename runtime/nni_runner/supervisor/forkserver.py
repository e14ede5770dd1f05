"""A process that has imported what trials need, and forks itself for each of them.

Its socket brings requests, one a message: the file of a JSON object with `argv`, `folder`, `files`
(how many may be open) and `environment` (what is the trial's own), its standard output and error,
and a pipe that is told `P PID` when the trial runs and `E STATUS LEFT` when all of it is over, or
`F ERRNO` where it can't be forked. A trial adopts its own orphans; those that it leaves behind are
this process's, and are ended here. When the socket ends, all trials are ended.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import time
from importlib import import_module

from nni_runner.supervisor import preload, tree
from nni_runner.supervisor.common import AGAIN_S, FAREWELL_S, GOING_S, GRACE_S, LEAVE
from nni_runner.supervisor.script import Script

# The one in C: signal's own looks for a member of an enum that stands for the handler before.
_set_handler = import_module("_signal").signal


class ForkServer:
    """Forks trials until its socket has ended and all of them are over."""

    def __init__(self, requests: socket.socket, held: int, imported: preload.Imported) -> None:
        self._requests = requests
        self._held = held
        self._imported = imported
        self._running: dict[int, int] = {}  # trials by pid: the pipes of those who wait for them
        self._ended: list[tuple[int, int]] = []  # pipes and statuses of those that left something
        self._since = 0.0
        self._left = 0
        self._is_open = True
        self._is_leaving = False

    def run(self) -> None:
        """Runs until nothing is left to do."""
        tree.adopt_orphans()
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        self._own = (wake, waker)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll = select.poll()
        self._poll.register(wake, select.POLLIN)
        self._poll.register(self._requests, select.POLLIN)
        while (self._is_open and not self._is_leaving) or self._running or self._ended:
            for fd, _ in self._poll.poll(AGAIN_S * 1000 if self._ended else None):
                if fd == wake:
                    os.read(wake, 4096)
                    self._reap()
                elif fd == self._requests.fileno():
                    self._take()
                else:  # who waits for that trial is gone
                    self._end(fd)
            if self._ended:
                self._reap()
                self._end_strays()

    def _take(self) -> None:
        """Forks for the next request."""
        try:
            data, fds, _, _ = socket.recv_fds(self._requests, 16, 4)
        except OSError:
            data, fds = b"", []
        if data == LEAVE:
            self._is_leaving = True
            return
        if not fds:
            self._is_open = False
            self._poll.unregister(self._requests)
            for fd in list(self._running.values()):
                self._end(fd)
            return
        request, out, err, pipe = fds
        try:
            trial = Script(request)
            pid = os.fork()
        except (OSError, ValueError) as error:
            _write(pipe, f"F {getattr(error, 'errno', errno.EINVAL)}\n")
            for fd in (out, err, pipe):
                os.close(fd)
            return
        if pid == 0:
            self._become(trial, out, err, pipe)
        for fd in (out, err):
            os.close(fd)
        self._running[pid] = pipe
        self._poll.register(pipe, 0)  # for POLLERR: nobody reads it any more
        _write(pipe, f"P {pid}\n")

    def _become(self, trial: Script, out: int, err: int, pipe: int) -> None:
        """In the child: it becomes the trial, and never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            _set_handler(signal.SIGCHLD, int(signal.SIG_DFL))
            self._requests.close()
            ended = [one for one, _ in self._ended]
            for fd in (*self._own, self._held, pipe, *self._running.values(), *ended):
                os.close(fd)
            os.setsid()
            tree.adopt_orphans()
            tree.end_with_parent()
            trial.set_up(out, err, self._imported)
            code = trial.run(self._imported.was_set)
        except BaseException:  # noqa: BLE001 - of this project's own code
            import traceback

            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Takes in what has ended; tells of trials when all that was theirs is over."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                if pid in self._running:
                    pipe = self._running.pop(pid)
                    self._forget(pipe)
                    self._ended.append((pipe, status))
                    self._since = self._since or time.monotonic()
        except ChildProcessError:
            pass
        if self._ended and not self._strays():
            while self._ended:  # nobody knows any more which of them left how many
                left = -(-self._left // len(self._ended))
                self._left -= left
                pipe, status = self._ended.pop()
                _write(pipe, f"E {os.waitstatus_to_exitcode(status)} {left}\n")
                os.close(pipe)
            self._since = 0.0

    def _strays(self) -> list[int]:
        """Children that are no trials: what trials that are over have left behind."""
        return [pid for pid in tree.children() if pid not in self._running]

    def _end_strays(self) -> None:
        """Ends them: after a moment, with a grace."""
        passed = time.monotonic() - self._since
        if not self._ended or passed < GOING_S:
            return
        strays = self._strays()
        number = signal.SIGKILL if passed > GOING_S + GRACE_S else signal.SIGTERM
        if number == signal.SIGTERM and self._left:  # they have been asked
            return
        reached = [pid for stray in strays for pid in (stray, *tree.descendants(root=stray))]
        tree.send(reached, number)
        self._left = max(self._left, len(reached))

    def _end(self, pipe: int) -> None:
        """Ends the trial of that pipe at once."""
        for pid, known in self._running.items():
            if known == pipe:
                tree.send([pid, *tree.descendants(root=pid)], signal.SIGKILL)
                self._forget(pipe)

    def _forget(self, pipe: int) -> None:
        """Waits for nothing of that pipe any more."""
        with contextlib.suppress(KeyError):  # already
            self._poll.unregister(pipe)


def _write(pipe: int, text: str) -> None:
    with contextlib.suppress(OSError):  # who waited for it is gone
        os.write(pipe, text.encode())


def main(fds: list[int], modules: list[str], own: frozenset[str]) -> None:
    """Imports these modules, says so and takes requests.

    `fds` are the socket, and one to hold open, in no trial, as long as anything runs.

    The other end is told `import MODULE` before each, and then `ready`, or
    `unfit MODULE WHY`. `own` are the modules that were there before this project's.
    """
    fd, held = fds
    for one in fds:
        os.set_inheritable(one, False)
    requests = socket.socket(fileno=fd)
    tree.end_with_parent()  # while it imports it hears of nothing
    try:
        imported = preload.run(modules, lambda module: tell(requests, f"import {module}"))
    except preload.UnfitError as error:
        tell(requests, " ".join(["unfit", *error.args]))
        requests.recv(1)  # there is no more: what was said has to arrive
        return
    preload.forget(own)
    gc.collect()
    gc.freeze()  # nothing of this is looked at again, in no fork either
    tree.outlive_parent()  # it ends its trials before itself
    tell(requests, "ready")
    ForkServer(requests, held, imported).run()
    signal.alarm(FAREWELL_S)
    imported.finish()
    os._exit(0)  # taking apart all that was imported takes long


def tell(requests: socket.socket, text: str) -> None:
    """Sends a message."""
    with contextlib.suppress(OSError):  # nobody is there to be told
        requests.send(text.encode())
