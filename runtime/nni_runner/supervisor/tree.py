"""The processes below this one, wherever they tried to get to."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # of Linux's prctl

# The number of the system call that waits for a lock; its fourth argument is for how long.
_FUTEX = {"x86_64": "202", "aarch64": "98"}.get(os.uname().machine)


def _find_prctl() -> Any:
    """Linux's prctl, None elsewhere."""
    if sys.platform != "linux" or not os.path.exists("/proc/self/stat"):  # noqa: PTH110 - pathlib is slow to import
        return None
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None


_prctl = _find_prctl()


def adopt_orphans() -> None:
    """Makes this process the parent of every orphan below it: a daemon stays in the tree.

    Where the system can't, a trial's tree is its process group.
    """
    if _prctl is not None:
        _prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Has this process killed when its parent is, and nobody else could any more."""
    if _prctl is not None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def outlive_parent() -> None:
    """Takes `end_with_parent` back."""
    if _prctl is not None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, 0, 0, 0, 0)


def signal_tree(group: int, number: int) -> int:
    """Sends a signal to everything below this process, or to the group; how many it reached."""
    if _prctl is None:
        return int(_sent(os.killpg, group, number))
    return send(descendants(), number)


def send(pids: Iterable[int], number: int) -> int:
    """Sends a signal to these; how many it reached."""
    return sum([_sent(os.kill, pid, number) for pid in pids])


def is_empty(group: int) -> bool:
    """Whether nothing runs below this process, which has reaped all that ended; or in the group."""
    return _prctl is not None or not _sent(os.killpg, group, 0)


def children() -> list[int]:
    """The processes just below this one, quickly where Linux can tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:  # noqa: PTH123
            return [int(word) for word in file.read().split()]
    except OSError:
        own = os.getpid()
        return [pid for pid, parent in _parents().items() if parent == own]


def descendants(besides: frozenset[int] = frozenset(), root: int | None = None) -> list[int]:
    """Everything below this process, or the root, parents first.

    `besides` and what is below those are left out.
    """
    below: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        below.setdefault(parent, []).append(pid)
    found = [os.getpid() if root is None else root]
    for pid in found:
        found += [child for child in below.get(pid, []) if child not in besides]
    return found[1:]


def locks_of(pid: int) -> str:
    """What its threads wait for, where all of them wait for locks and no process is below it.

    "" where one does anything else, or waits only for some time; and where the system can't tell.
    The same again means that none has run in between.
    """
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            name = f"/proc/{pid}/task/{thread}"
            texts = []
            for part in ("syscall", "children", "status"):
                with open(f"{name}/{part}", encoding="ascii", errors="replace") as file:  # noqa: PTH123
                    texts.append(file.read())
            words = texts[0].split()
            if words[0] != _FUTEX or words[4] != "0x0" or texts[1]:
                return ""
            found += [texts[0], texts[2][texts[2].index("voluntary_ctxt_switches") :]]
    except (OSError, LookupError, ValueError):
        return ""
    return "".join(found)


def _parents() -> dict[int, int]:
    """All processes, each with its parent."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue  # over already
    return found


def _sent(kill: Callable[[int, int], None], target: int, number: int) -> bool:
    try:
        kill(target, number)
    except (ProcessLookupError, PermissionError):  # over already, or another user's now
        return False
    return True
