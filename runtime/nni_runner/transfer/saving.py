"""An experiment in one file, to be taken elsewhere."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from nni_runner.errors import RunnerError, can_not_write
from nni_runner.existing import Existing
from nni_runner.experiment import HISTORY, Place
from nni_runner.store import only_to_read
from nni_runner.transfer.package import CODE, DESCRIPTION, EXPERIMENT, Package
from nni_runner.transfer.writing import whole

_LEFT_OUT = {"lock", "control", HISTORY, f"{HISTORY}-wal", f"{HISTORY}-shm"}


@dataclass(frozen=True)
class Code:
    """The folder of an experiment's code, and what in there was given: "." is all of it.

    `is_alone`: nothing else in there belongs to it.
    """

    folder: Path
    target: str = "."
    is_alone: bool = False


@dataclass
class Saved:
    """What went into the file; `outside` are links that lead out of what is saved, left out."""

    size: int = 0
    outside: list[str] = field(default_factory=list)


def code_of(one: Existing) -> Code:
    """Where its code is, or was."""
    code = one.place.folder / str(one.facts["code"])
    source = one.facts.get("source")
    if not code.is_relative_to(one.place.folder):  # it is run where it lies
        inside = source is not None and Path(source).is_relative_to(code)
        return Code(code, str(Path(source).relative_to(code)) if source and inside else ".")
    if source is None or Path(source).is_dir():
        return Code(Path(source) if source is not None else code)
    return Code(Path(source).parent, Path(source).name, is_alone=True)


def save(one: Existing, path: Path, *, with_code: bool) -> Saved:
    """Writes the file, which must not be there. The experiment is the caller's. Raises RunnerError.

    Its history is in one piece, whatever is left of its last writer.
    """
    code, saved = code_of(one), Saved()
    if with_code and not (code.folder / code.target).exists():
        raise RunnerError(f"{code.folder / code.target}: is gone, so it can't be saved")
    if os.path.lexists(path):
        raise RunnerError(f"{path}: is there already; name another file")
    try:
        with whole(path) as file, ZipFile(file, "w", ZIP_DEFLATED, strict_timestamps=False) as out:
            package = Package(one.place.id, code.target, with_code)
            out.writestr(DESCRIPTION, package.to_text())
            _save_history(one.place, out)
            _save_tree(one.place.folder, EXPERIMENT, out, saved, _LEFT_OUT)
            if with_code:
                _save_code(code, one.place, out, saved)
            saved.size = sum(info.file_size for info in out.infolist())
    except OSError as error:
        if error.filename and Path(error.filename).parent != path.resolve().parent:
            raise RunnerError(f"{error.filename}: can't be read: {error.strerror}") from None
        raise can_not_write(path, error) from None
    except UnicodeEncodeError as error:
        raise RunnerError(f"{error.object!r}: a file's name has to be UTF-8 to be saved") from None
    return saved


def _save_history(place: Place, out: ZipFile) -> None:
    with tempfile.TemporaryDirectory(prefix="nni-") as folder:
        copy = Path(folder) / HISTORY
        try:
            source = sqlite3.connect(only_to_read(place.history), uri=True)
            with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        except sqlite3.Error as error:
            raise RunnerError(f"{place.history}: {error}") from None
        out.write(copy, f"{EXPERIMENT}/{HISTORY}")


def _save_code(code: Code, place: Place, out: ZipFile, saved: Saved) -> None:
    """What the compiler takes for the source; all of what it doesn't compile."""
    from nni_annotate.sources import MANIFEST, ProjectError, list_source

    if (code.folder / MANIFEST).exists():
        _save_tree(code.folder, CODE, out, saved, set())
        return
    source = code.folder / code.target if code.is_alone else code.folder
    try:
        listing = list_source(source, place.folder.parent)
    except ProjectError as error:
        raise RunnerError(str(error)) from None
    for name in listing.folders:
        out.writestr(f"{CODE}/{name}/", b"")
    for name in listing.files:
        _save_one(listing.root / name, f"{CODE}/{name}", listing.root, out, saved)


def _save_tree(root: Path, top: str, out: ZipFile, saved: Saved, left_out: set[str]) -> None:
    for path in _walk(root, left_out):
        _save_one(path, f"{top}/{path.relative_to(root).as_posix()}", root, out, saved)


def _walk(root: Path, left_out: set[str]) -> Iterator[Path]:
    """All that is in a folder, but for these names at its top."""
    for path in sorted(root.iterdir()):
        if path.name in left_out:
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, set())


def _save_one(path: Path, name: str, root: Path, out: ZipFile, saved: Saved) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        _save_link(path, name, root, out, saved)
    elif stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        out.write(path, name)  # of a folder its name; sockets and pipes are nothing elsewhere


def _save_link(path: Path, name: str, root: Path, out: ZipFile, saved: Saved) -> None:
    aim = os.readlink(path)  # noqa: PTH115 - as text
    below = Path(os.path.normpath(path.parent.relative_to(root) / aim))
    if below.is_absolute() or below.parts[:1] == (os.pardir,):
        saved.outside.append(f"{path} -> {aim}")
        return
    info = ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    out.writestr(info, aim)


def to_json(one: Existing, path: Path, saved: Saved) -> dict[str, Any]:
    """The documented object (docs/nnictl.md)."""
    return {"id": one.place.id, "path": str(path), "size": saved.size, "left_out": saved.outside}
