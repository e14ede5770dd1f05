"""What this package raises."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path


class RunnerError(Exception):
    """Base of every error that this package raises for what a user did; the message says it all."""


class UsageError(RunnerError):
    """Options that don't fit together or that something is missing from."""


class StorageError(RunnerError):
    """A file can't be written now: what was to be in it is not lost, and may be written later."""


def can_not_write(path: Path | str, error: OSError) -> RunnerError:
    """What to raise: a StorageError where the cause may be gone later."""
    problem = f"{path}: can't be written: {error.strerror}"
    if error.errno in _NO_ROOM:
        return StorageError(problem + room(path))
    return StorageError(problem) if error.errno in _PASSING else RunnerError(problem)


def room(path: Path | str) -> str:
    """How much room a file system has left, in brackets; "" where that can't be found out."""
    for folder in (Path(path), *Path(path).parents):
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            continue
        return f" ({free} bytes free)"
    return ""


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# A disk that fails or can't be written, a folder that was moved away, a server that is gone.
_PASSING = {
    errno.EIO, errno.EROFS, errno.ENOENT, errno.EACCES, errno.EPERM, errno.ESTALE, errno.EBUSY,
    errno.ETIMEDOUT,
}  # fmt: skip
