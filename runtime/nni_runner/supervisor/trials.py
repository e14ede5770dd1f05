"""The two ways in which a trial's process comes into being."""

from __future__ import annotations

import json
import os
import socket
import subprocess

from nni_runner.supervisor import tree

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from typing import Any


class Child:
    """A command in a process of its own, a child of this one."""

    def __init__(
        self, command: list[bytes], folder: bytes, environment: dict[bytes, bytes], ends: list[int]
    ) -> None:
        """Starts it. Raises OSError, ValueError."""
        self.code: int | None = None
        self.is_empty = False
        self.left = 0
        self._process = subprocess.Popen(  # kept: one that goes would reap the trial
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=ends[0],
            stderr=ends[1],
            start_new_session=True,
            preexec_fn=tree.end_with_parent,
        )
        self._pid = self._process.pid

    def signal(self, number: int) -> int:
        """Sends a signal to everything below this process; how many processes it reached."""
        return tree.signal_tree(self._pid, number)

    def look(self) -> None:
        """Reaps what has ended."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] == self._pid:
                    self.code = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            self.is_empty = tree.is_empty(self._pid)


class Forked:
    """A script in a fork of a process that has imported things; that process tells of its end."""

    def __init__(self, forker: socket.socket, request: dict[str, Any], ends: list[int]) -> None:
        """Asks for it. Raises OSError where nobody forks."""
        self.code: int | None = None
        self.is_empty = False
        self.is_lost = False
        self.left = 0
        self.pid = 0
        self._rest = b""
        self.pipe, told = os.pipe()
        file = os.memfd_create("request")
        os.write(file, json.dumps(request).encode())
        try:
            socket.send_fds(forker, [b"R"], [file, *ends, told])
        finally:
            os.close(file)
            os.close(told)

    def signal(self, number: int) -> int:
        """Sends a signal to it and everything below it; how many processes it reached."""
        if not self.pid or self.code is not None:
            return 0
        return tree.send([self.pid, *tree.descendants(root=self.pid)], number)

    def look(self) -> None:
        """Takes in what its pipe tells."""
        data = os.read(self.pipe, 4096)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            kind, *numbers = line.split()
            if kind == b"P":
                self.pid = int(numbers[0])
            else:
                self.code, self.left = int(numbers[0]), int(numbers[1])
                self.is_empty = True
        if not data and not self.is_empty:
            self.is_lost = True
