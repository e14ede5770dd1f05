"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nni_runner.errors import can_not_write


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the path's place when all is written. Raises RunnerError, OSError."""
    if path.exists() and not path.is_file():  # a device, a pipe
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        draft.chmod(_mode(target))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Raises RunnerError."""
    try:
        with whole(path) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise can_not_write(path, error) from None


def _mode(target: Path) -> int:
    """That of the file which is there, else that of any new file."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
