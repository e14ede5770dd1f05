"""What a place to run trials has to offer."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from nni_runner.requests import Asked


@dataclass(frozen=True)
class Preload:
    """A process that has imported these modules, of which a script may be a fork.

    Among them are variables to be set meanwhile: "NAME=VALUE", or "NAME?=VALUE" unless it is set.

    Into `learn` the script writes which others it has imported, when it has succeeded. `is_proven`
    says whether a trial has succeeded as such a fork.
    """

    modules: tuple[str, ...]
    learn: Path | None = None
    is_proven: bool = False


@dataclass(frozen=True)
class Job:
    """One trial to run: its command, the folder to run it in, and one for what it prints.

    `environment` is what its process finds beside what this one has; `seconds` its time limit;
    `preload` what it may be a fork of, None where it is to be started anew.
    """

    number: int
    command: tuple[str, ...]
    folder: Path
    output: Path
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    preload: Preload | None = None


@dataclass(frozen=True)
class Rang:
    """These trials have reported something: look at their results."""

    numbers: frozenset[int]


class End(str, Enum):
    """What brought a trial's process to its end."""

    ITSELF = "itself"  # or a signal: the launcher's where it was asked to, else one from outside
    TIME_LIMIT = "time limit"
    MEMORY = "memory"  # a SIGKILL from outside, and Linux has ended something for want of memory
    LOST = "lost"  # what watched it was killed
    NOT_STARTED = "not started"
    NO_ROOM = "no room"  # not started for want of memory, processes, open files or disk space


@dataclass(frozen=True)
class Exited:
    """A trial's processes are all over: the exit code (negative: the signal that ended it).

    None where it is not known, or there was none; `problem` says why it could not be started.
    `left` are the processes that it left behind and that had to be ended; `at` is the moment, of
    time.monotonic.
    """

    number: int
    code: int | None = None
    end: End = End.ITSELF
    problem: str = ""
    left: int = 0
    at: float = field(default_factory=time.monotonic, compare=False, repr=False)


@dataclass(frozen=True)
class Stuck:
    """All threads of that trial, a fork, wait for locks, and there is nobody to release them."""

    number: int


@dataclass(frozen=True)
class Looked:
    """Somebody looked who is on the GPUs: trials that wait for some may be able to start."""


@dataclass(frozen=True)
class Interrupted:
    """Somebody asked the runner itself to end, by this signal."""

    signal: int


@dataclass(frozen=True)
class Said:
    """Something that a person should know of how trials are started."""

    message: str


@dataclass(frozen=True)
class Answered:
    """The tuner has answered a call, by what came of it."""

    call: object
    answer: object


@dataclass(frozen=True)
class Assessed:
    """The assessor has something to say of what it was told in that call."""

    call: object
    answer: object


Notice = Rang | Exited | Stuck | Looked | Interrupted | Asked | Answered | Assessed | Said
Notices = queue.SimpleQueue[Notice]


class Launcher(Protocol):
    """Starts and ends trials; tells by notices what became of them."""

    def start(self, job: Job) -> None:
        """Starts a trial. What goes wrong comes as an Exited notice, never as an exception."""

    def terminate(self, number: int) -> None:
        """Asks a trial and all its processes to end, and ends them after a grace period."""

    def kill(self, number: int) -> None:
        """Ends a trial and all its processes at once."""

    def close(self) -> None:
        """Ends whatever still runs and gives back what the launcher held."""
