"""The processes that fork trials, by what they are to import."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

from nni_runner.supervisor.common import LEAVE, NEVER

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Key = tuple[object, ...]

_REPORTS = 1  # the descriptor of the supervisor
PATIENCE_S = 60.0  # with the imports of one
_START = (
    "import sys; own = frozenset(sys.modules); del sys.path[0]; path, fds, names = sys.argv[1:]; "
    "sys.path.insert(0, path); import json; from nni_runner.supervisor.forkserver import main; "
    "sys.path.remove(path); main(json.loads(fds), json.loads(names), own)"
)


class Forker:
    """One that runs: its socket, the modules that it imports, and how far it is."""

    def __init__(self, order: dict[str, Any], names: list[str]) -> None:
        """Starts it. Raises OSError."""
        self.names = names
        self.order = order
        self.module = ""
        self.is_ready = False
        self.since = time.monotonic()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
        held = os.dup(_REPORTS)  # their end tells that nothing runs any more
        words = [path, json.dumps([theirs.fileno(), held]), json.dumps(names)]
        try:
            self._process = subprocess.Popen(
                [order["command"][0].encode("latin-1"), "-c", _START, *words],
                cwd=order["folder"].encode("latin-1"),
                env={**os.environb, **dict(_at_import(order))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # as trials have, whose streams its own become
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=[theirs.fileno(), held],
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(held)
        self.pid = self._process.pid
        self._process.returncode = 0  # the server reaps it


class Forkers:
    """Starts one for each list of modules and environment; `tell` is told what is wrong."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._known: dict[Key, Forker | None] = {}  # None: it is no good
        self._all: dict[int, Forker] = {}  # by pid, those included that are needed no more

    @property
    def pids(self) -> frozenset[int]:
        """Those that run."""
        return frozenset(self._all)

    @property
    def waiting(self) -> list[int]:
        """The sockets of those that have not said that they are ready."""
        found = [forker for forker in self._known.values() if forker and not forker.is_ready]
        return [forker.socket.fileno() for forker in found]

    def find(self, order: dict[str, Any]) -> socket.socket | None:
        """Where requests for such a trial go; None where it is to be started anew."""
        if order["preload"] is None:
            return None
        key = (*order["preload"], *_at_import(order))
        if key not in self._known:
            self._start(key, order, order["preload"])
        forker = self._known[key]
        if forker is not None and not forker.is_ready:  # meanwhile another one will do
            return next((one.socket for one in self._ready(key)), forker.socket)
        for other in list(self._ready(key)):
            self._retire(other)
        return forker.socket if forker else None

    def _ready(self, key: Key) -> Iterator[Forker]:
        """The others that are ready, for the same environment."""
        for known, one in self._known.items():
            is_alike = [part for part in known if isinstance(part, tuple)] == [
                part for part in key if isinstance(part, tuple)
            ]
            if one is not None and one.is_ready and known != key and is_alike:
                yield one

    def _retire(self, forker: Forker) -> None:
        """It is needed no more; it ends when its trials have."""
        with contextlib.suppress(OSError):  # it is over
            forker.socket.send(LEAVE)
        self._known = {key: one for key, one in self._known.items() if one is not forker}

    def hear(self, fd: int) -> None:
        """Takes in what the one with that socket says."""
        for key, forker in list(self._known.items()):
            if forker is not None and forker.socket.fileno() == fd:
                kind, _, rest = _received(forker.socket).partition(" ")
                forker.is_ready = kind == "ready"
                if kind == "import":
                    forker.module = rest
                elif kind == "unfit":
                    module, _, why = rest.partition(" ")
                    self._leave_out(key, forker, module, why)
                elif kind != "ready":
                    self._leave_out(key, forker, forker.module, "importing it ends the process")

    @property
    def wakes(self) -> float:
        """The moment (of time.monotonic) from which on the imports of one take too long."""
        waiting = (one.since for one in self._known.values() if one and not one.is_ready)
        return min(waiting, default=NEVER) + PATIENCE_S

    def look(self) -> None:
        """Ends those whose imports take too long."""
        for key, forker in list(self._known.items()):
            if forker is None or forker.is_ready:
                continue
            if forker.since + PATIENCE_S <= time.monotonic():
                why = f"importing it takes more than {PATIENCE_S:g} s"
                self._leave_out(key, forker, forker.module, why)

    def forget(self, pid: int) -> bool:
        """A child of this process is over; whether it was one of them: another one will follow."""
        gone = self._all.pop(pid, None)
        if gone is None:
            return False
        for key, forker in list(self._known.items()):
            if forker is gone and gone.is_ready:
                del self._known[key]
        if gone.is_ready:
            gone.socket.close()
        return True

    def close(self) -> None:
        """Has all of them end: at once those that still import, the others in their own way."""
        for forker in filter(None, self._known.values()):
            forker.socket.close()
            if not forker.is_ready:
                with contextlib.suppress(OSError):
                    os.kill(forker.pid, signal.SIGKILL)

    def _start(self, key: Key, order: dict[str, Any], wanted: list[str]) -> None:
        self._known[key] = None
        with contextlib.suppress(OSError):
            self._known[key] = forker = Forker(order, wanted)
            self._all[forker.pid] = forker

    def _leave_out(self, key: Key, forker: Forker, module: str, why: str) -> None:
        """Starts another one without a module and what follows of its package.

        One that has none left to blame is no good.
        """
        forker.socket.close()
        with contextlib.suppress(OSError):
            os.kill(forker.pid, signal.SIGKILL)
        if not module:
            self._known[key] = None
            self._tell("trials are started anew: a process to fork them can't be started")
            return
        self._tell(f"{module} is not imported ahead of the trials: {why}")
        package = module.partition(".")[0]
        place = forker.names.index(module)
        rest = [name for name in forker.names[place:] if name.partition(".")[0] != package]
        self._start(key, forker.order, [*forker.names[:place], *rest])


def _received(connection: socket.socket) -> str:
    """The next message, "" where there are no more."""
    try:
        return connection.recv(4096).decode()
    except ConnectionResetError:  # comes before what was said to the end
        with contextlib.suppress(OSError):
            return connection.recv(4096).decode()
    return ""


def _at_import(order: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """What of a trial's own environment matters when Python starts and modules are imported."""
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in sorted(order["environment"].items())
        if name.startswith(("PYTHON", "LD_")) or name.endswith(("_NUM_THREADS", "_VISIBLE_DEVICES"))
    ]
