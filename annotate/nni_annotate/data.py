"""Files that a script reads, brought to where it runs: small ones copied, large ones linked."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nni_annotate.sources import LEFT_OUT, is_marked

LARGEST_COPY = 10 << 20  # bytes of one file
MOST_FILES = 1000  # in one folder with all that is below it
_TOTAL = 100 << 20  # bytes


@dataclass
class Budget:
    """How many bytes may still be copied, and a folder that must not be brought along."""

    leave_out: Path
    bytes_left: int = _TOTAL

    def takes(self, size: int) -> bool:
        """Whether a file of this size is to be copied; if so, it is counted."""
        if size > LARGEST_COPY or size > self.bytes_left:
            return False
        self.bytes_left -= size
        return True


def bring(source: Path, target: Path, budget: Budget) -> None:
    """Brings a file or a folder; one of very many files is linked as a whole.

    What can't be read is linked too: whether that matters only the script can tell. What vanishes
    meanwhile is left out. Raises OSError.
    """
    if source.resolve() == budget.leave_out:
        return
    if source.is_symlink() or not os.access(source, os.R_OK):
        target.symlink_to(source.resolve())
    elif source.is_dir():
        _bring_folder(source, target, budget)
    elif source.is_file():
        with contextlib.suppress(FileNotFoundError):
            if budget.takes(source.stat().st_size):
                shutil.copy2(source, target)
            else:
                target.symlink_to(source.resolve())


def _bring_folder(source: Path, target: Path, budget: Budget) -> None:
    if source.name in LEFT_OUT or is_marked(os.listdir(source)):  # noqa: PTH208
        return
    holds_left_out = budget.leave_out.is_relative_to(source.resolve())
    if not holds_left_out and _has_many(source):
        target.symlink_to(source.resolve())
        return
    target.mkdir()
    for entry in sorted(source.iterdir()):
        bring(entry, target / entry.name, budget)


def _has_many(folder: Path) -> bool:
    """Whether more files lie below a folder than are worth bringing one by one, or nobody knows."""
    try:
        return any(number >= MOST_FILES for number, _ in enumerate(_files(folder)))
    except OSError:
        return True


def _files(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry.path
