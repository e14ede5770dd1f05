"""A folder that changes as a whole: what is new is staged inside it, then moved to its place.

Nothing is written beside it. Where a step fails those before it are taken back, and one process at
a time is at work; what one that was killed has left behind, the next one clears away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from nni_annotate.sources import STAGING, ProjectError

_PATIENCE = 60  # seconds that another process may take
_PAUSE = 0.05


class Change:
    """The steps of a change, each of which can be taken back. All raise OSError."""

    def __init__(self, folder: Path, stage: Path) -> None:
        self.new = stage / "new"  # where the new content is put together
        self._old = stage / "old"
        self._folder = folder
        self._undo: list[Callable[[], object]] = []
        self.new.mkdir()
        self._old.mkdir()

    def put(self, path: str) -> None:
        """Moves a file or a folder from the new content to its place."""
        source, place = self.new / path, self._folder / path
        if os.path.lexists(place):
            self._keep(place)
        source.replace(place)
        self._undo.append(lambda: place.replace(source))

    def remove(self, path: str) -> None:
        """Takes away a file or a link."""
        place, kept = self._folder / path, self._kept()
        place.replace(kept)
        self._undo.append(lambda: kept.replace(place))

    def make_folder(self, path: str) -> None:
        """Makes a folder where there is none; the one around it has to be there."""
        place = self._folder / path
        if place.is_dir() and not place.is_symlink():
            return
        place.mkdir()
        self._undo.append(place.rmdir)

    def remove_folder(self, path: str) -> bool:
        """Takes away an empty folder; False where it is none, or not empty."""
        place = self._folder / path
        around = [self._folder / parent for parent in PurePosixPath(path).parents]
        if any(parent.is_symlink() for parent in around[:-1]):
            return False  # what lies behind a link is not this tool's
        try:
            place.rmdir()
        except OSError:
            return False
        self._undo.append(place.mkdir)
        return True

    def undo(self) -> None:
        """Takes every step back."""
        while self._undo:
            self._undo.pop()()

    def _keep(self, place: Path) -> None:
        """Keeps what will be replaced; a file stays in its place until then, where it can."""
        kept = self._kept()
        try:
            if place.is_symlink():  # hardlink_to would follow it
                place.replace(kept)
            else:
                kept.hardlink_to(place)
        except OSError:
            place.replace(kept)
        self._undo.append(lambda: kept.replace(place))

    def _kept(self) -> Path:
        return self._old / str(len(self._undo))


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[Change]:
    """A change of a folder, made where it is missing; an exception in the block takes it back.

    Raises OSError; ProjectError where another process doesn't come to an end.
    """
    made = _make(folder)
    try:
        with _locked(folder):
            for name in leftovers(folder):
                clear(folder / name)
            stage = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
            try:
                change = Change(folder, stage)
                try:
                    yield change
                except BaseException:
                    change.undo()
                    raise
            finally:
                clear(stage)
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def leftovers(folder: Path) -> list[str]:
    """The names in a folder of what was or is on its way to its place. Raises OSError."""
    return [name for name in os.listdir(folder) if name.startswith(STAGING)]  # noqa: PTH208


def clear(path: Path) -> None:
    """Removes a file, or a folder however deep, as far as the system allows."""
    folders: list[Path] = []
    stack = [path]
    while stack:
        place = stack.pop()
        with contextlib.suppress(OSError):
            if place.is_symlink() or not place.is_dir():
                place.unlink()
            else:
                folders.append(place)
                stack += place.iterdir()
    for place in reversed(folders):
        with contextlib.suppress(OSError):
            place.rmdir()


def _make(folder: Path) -> list[Path]:
    """Makes a folder with those around it; those that were missing, the outermost first."""
    made: list[Path] = []
    try:
        for path in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            with contextlib.suppress(FileExistsError):  # another process was quicker
                path.mkdir()
                made.append(path)
    except OSError:
        for path in reversed(made):
            path.rmdir()
        raise
    return made


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Waits until no other process changes the folder; on a system without locks, not at all."""
    end = time.monotonic() + _PATIENCE
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while not _lock(handle):
            if time.monotonic() > end:
                raise ProjectError(f"{folder}: another nni-annotate is writing into this folder")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
