"""What the supervisor's processes have in common."""

from __future__ import annotations

import errno

GOING_S = 0.3  # in which what a trial leaves behind may end by itself, as multiprocessing's does
GRACE_S = 1.5  # from SIGTERM to SIGKILL
FAREWELL_S = 2  # in which a process that forks removes what it has made as it imported
STUCK_S = 4.0  # from one look at whether a fork waits for itself to the next
AGAIN_S = 0.02  # from one look at what is ending to the next
NEVER = float("inf")
LEAVE = b"L"  # the message to a process that forks after which no more requests come
_NO_ROOM = {
    errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT
}  # fmt: skip


def end_of(error: Exception) -> str:
    """How a trial ends that could not be started."""
    return "no room" if getattr(error, "errno", None) in _NO_ROOM else "not started"


def memory_kills() -> int:
    """How often Linux has ended a process for want of memory; 0 where nobody counts."""
    try:
        with open("/proc/vmstat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            return int(file.read().partition(b"\noom_kill ")[2].split()[0])
    except (OSError, IndexError):
        return 0
