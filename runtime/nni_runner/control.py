"""The way from another process to the one that runs an experiment: a socket.

It lies in a folder for its owner alone, under a path that is short enough for a socket whatever
the experiment's is; the experiment's folder says where. A connection carries one request and one
answer, a line of JSON each; one that ends without an answer: the experiment has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from nni_runner.errors import RunnerError
from nni_runner.experiment import Place
from nni_runner.launchers.launcher import Notices
from nni_runner.lock import running
from nni_runner.messages import say
from nni_runner.requests import Asked, Request, read_request
from nni_runner.workers import start_thread

_MOST = 1 << 26  # bytes of a request
_LONGEST_FOLDER = 60  # bytes; a socket's whole path may have some hundred
_PATIENCE_S = 5.0


class Control:
    """The end in the process that runs the experiment: requests become notices."""

    def __init__(self, place: Place, notices: Notices) -> None:
        self._notices = notices
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._folder = Path(tempfile.mkdtemp(prefix="nni-", dir=_short_folder()))
        path = self._folder / "control"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        draft = place.control.with_suffix(".new")
        draft.write_text(str(path), encoding="utf-8")
        draft.replace(place.control)
        start_thread(self._accept)

    def close(self) -> None:
        """Ends all connections: whoever waits knows then that the experiment is over."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            for connection in self._connections:
                _end(connection)
            self._connections.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed, or too many files are open
                self._closing.wait(0.1)
                continue
            with self._lock:
                if self._closing.is_set():
                    _end(connection)
                    return
                self._connections.add(connection)
            try:
                start_thread(self._read, connection)
            except OSError as error:
                self._answer(
                    connection, {"error": f"no room for another request: {error.strerror}"}
                )

    def _read(self, connection: socket.socket) -> None:
        answer = partial(self._answer, connection)
        try:
            with connection.makefile("rb") as file:
                request = read_request(json.loads(file.readline(_MOST)))
        except (OSError, ValueError, RecursionError) as error:
            answer({"error": str(error)})
        else:
            self._notices.put(Asked(request, answer))

    def _answer(self, connection: socket.socket, record: dict[str, str]) -> None:
        with contextlib.suppress(OSError):  # whoever asked has gone
            connection.sendall(json.dumps(record).encode() + b"\n")
        with self._lock:
            self._connections.discard(connection)
        _end(connection)


class Sent:
    """A request on its way to the process that runs an experiment. Raises RunnerError."""

    def __init__(self, place: Place, request: Request) -> None:
        line = json.dumps(request.to_json()).encode() + b"\n"
        if len(line) > _MOST:
            raise RunnerError(f"expected a request of {_MOST >> 20} MiB at most; it is larger")
        self._connection = _connect(place)
        with contextlib.suppress(OSError):  # it has just ended: so says the answer
            self._connection.sendall(line)

    def answer(self, patience: str) -> str | None:
        """What was done, None where the experiment has ended; `patience` is said if it takes long.

        Raises RunnerError where it could not be done.
        """
        self._connection.settimeout(_PATIENCE_S)
        try:
            data = self._receive()
        except TimeoutError:
            say(patience)
            self._connection.settimeout(None)
            data = self._receive()
        finally:
            self._connection.close()
        if not data:
            return None
        record: Any = json.loads(data)
        if "error" in record:
            raise RunnerError(record["error"])
        return str(record["done"])

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(65536)
        except ConnectionError:
            return b""


def _connect(place: Place) -> socket.socket:
    """Raises RunnerError where nobody runs the experiment, or somebody else does."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        holder = running(place.folder)
        if holder is None:
            raise RunnerError(f"experiment {place.id} is not running")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(place.control.read_text(encoding="utf-8"))
            return connection
        except PermissionError:
            connection.close()
            raise RunnerError(
                f"experiment {place.id} is run by another user, who alone can control it"
            ) from None
        except (OSError, ValueError) as error:
            connection.close()
            if time.monotonic() > end:  # before that it may just be starting, or ending
                raise RunnerError(
                    f"experiment {place.id}, run by process {holder.pid} on {holder.host}, "
                    f"can't be reached: {getattr(error, 'strerror', None) or error}"
                ) from None
        time.sleep(0.05)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)  # its reader may be waiting
    connection.close()


def _short_folder() -> str | None:
    return None if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER else "/tmp"
