"""What `nvidia-smi` says: which GPUs there are, and which processes compute on them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from dataclasses import dataclass

from nni_runner.errors import RunnerError

PATIENCE_S = 20.0  # it may have to wake the driver, which takes seconds on a large machine
# What may hold commas is asked for last: nothing in this CSV is quoted.
_CARD = re.compile(r"(\d+), *(GPU-[\w-]+), *(.+)")
_PROCESS = re.compile(r"((?:GPU|MIG)-[\w-]+), *([^,]+), *([^,]+), *(.*)")


@dataclass(frozen=True)
class Card:
    """A GPU by the number that `nvidia-smi` gives it."""

    index: int
    uuid: str
    name: str

    def __str__(self) -> str:
        return f"GPU {self.index} ({self.name})"


@dataclass(frozen=True)
class Process:
    """A process on a GPU, and the memory it takes there, "" where that is not known."""

    pid: str
    name: str
    memory: str = ""

    @property
    def who(self) -> str:
        """What stays the same as long as it runs."""
        return f"process {self.pid} ({self.name})"

    def __str__(self) -> str:
        return f"process {self.pid} ({', '.join(filter(None, (self.name, self.memory)))})"


Others = dict[str, tuple[Process, ...]]  # by the uuid of the GPU


def read_cards() -> list[Card]:
    """All GPUs of this machine. Raises RunnerError."""
    rows = _read("--query-gpu=index,uuid,name", _CARD)
    if not rows:
        raise RunnerError("nvidia-smi: expected GPUs, found none")
    return [Card(int(index), uuid, name) for index, uuid, name in rows]


def read_processes() -> Others:
    """The processes that compute, on which GPU. Raises RunnerError."""
    found: Others = {}
    rows = _read("--query-compute-apps=gpu_uuid,pid,used_gpu_memory,process_name", _PROCESS)
    for uuid, pid, used, name in rows:
        memory = f"{used} MiB" if used.isdecimal() else ""
        process = Process(pid, name.rpartition("/")[2], memory)
        found[uuid] = (*found.get(uuid, ()), process)
    return found


def _read(question: str, row: re.Pattern[str]) -> list[tuple[str, ...]]:
    """The rows of an answer.

    A line that is none says something else, of a card that fails, say, or belongs to a name; if
    no line is one, this is not the program that was expected.
    """
    lines = [line for line in _answer(question).splitlines() if not line.startswith("WARNING")]
    rows = [match.groups() for line in lines if (match := row.fullmatch(_printable(line)))]
    said = [line for line in lines if line.strip()]
    if said and not rows:
        names = question.partition("=")[2]
        raise RunnerError(f"nvidia-smi: expected lines of {names}, found {_short(said[0])!r}")
    return rows


def _answer(question: str) -> str:
    words = ["nvidia-smi", question, "--format=csv,noheader,nounits"]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the runner's
        )
    except FileNotFoundError:
        raise RunnerError("nvidia-smi: not found on PATH") from None
    except OSError as error:
        raise RunnerError(f"nvidia-smi: can't be run: {error.strerror}") from None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        answer, complaint = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise RunnerError(f"nvidia-smi: no answer in {PATIENCE_S:g} s") from None
    finally:
        process.stdout.close()
        process.stderr.close()
        if process.poll() is None:
            _kill(process)
    text = answer.decode(errors="replace")
    if process.returncode:
        said = _short(" ".join((complaint.decode(errors="replace") + text).split()))
        raise RunnerError(
            f"nvidia-smi: exit code {process.returncode}: {said or 'it said nothing'}"
        )
    return text


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends it with its children; a driver that hangs may not let it, so nobody waits for long."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)


def _short(text: str) -> str:
    """As much of a text as fits into a message."""
    text = _printable(text.strip())
    return text if len(text) <= 200 else f"{text[:200]}..."


def _printable(text: str) -> str:
    """The name of a process is anybody's to choose."""
    return "".join(char if char.isprintable() else "?" for char in text)
