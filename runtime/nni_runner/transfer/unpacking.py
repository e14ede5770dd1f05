"""A zip that somebody sent, unpacked where it can do no harm."""

from __future__ import annotations

import os
import shutil
import stat
import zlib
from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from nni_runner.errors import RunnerError

DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError)
MOST_FILES = 1_000_000
_FREE = 1 << 30  # bytes that may be in a file of any size
_RATIO = 200  # logs pack well, but not better than that


def check(archive: ZipFile, room: Path) -> None:
    """Raises RunnerError for what doesn't fit into that folder, or isn't what save writes."""
    found = archive.infolist()
    size, packed = sum(i.file_size for i in found), sum(i.compress_size for i in found)
    if len(found) > MOST_FILES:
        raise RunnerError(f"expected {MOST_FILES} files at most, found {len(found)}")
    if size > _FREE and size > packed * _RATIO:
        raise RunnerError(f"would unpack {packed} bytes to {size}: that is no experiment")
    if size > (free := shutil.disk_usage(room).free):
        raise RunnerError(f"{room}: has {free} bytes free, and {size} are needed")
    links = {info.filename for info in found if _kind(info) == stat.S_IFLNK}
    names: set[str] = set()
    for info in found:
        name = info.filename.rstrip("/")
        parts = name.split("/")
        if not set(parts).isdisjoint({"", ".", ".."}) or "\0" in info.orig_filename:
            raise RunnerError(f"{info.orig_filename!r}: such a name leads out of the folder")
        if name in names:
            raise RunnerError(f"{name!r}: is in it twice")
        if info.flag_bits & 1:
            raise RunnerError(f"{name!r}: is encrypted")
        if _kind(info) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise RunnerError(f"{name!r}: is neither a file nor a folder nor a link")
        if any("/".join(parts[:end]) in links for end in range(1, len(parts))):
            raise RunnerError(f"{name!r}: is below a link")
        names.add(name)


def unpack(archive: ZipFile, top: str, folder: Path) -> None:
    """What is below `top`, into a folder that is new. Raises RunnerError, OSError."""
    folder.mkdir()
    below = [info for info in archive.infolist() if info.filename.startswith(f"{top}/")]
    for info in below:
        if _kind(info) != stat.S_IFLNK:
            _put(archive, info, folder / info.filename.removeprefix(f"{top}/"))
    _link(archive, top, (info for info in below if _kind(info) == stat.S_IFLNK), folder)


def _put(archive: ZipFile, info: ZipInfo, path: Path) -> None:
    if info.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(info) as source, path.open("xb") as target:
            shutil.copyfileobj(source, target)  # no more than the size that was checked
    except DAMAGED as error:
        raise RunnerError(f"{info.filename!r}: is damaged: {error}") from None
    if mode := info.external_attr >> 16 & 0o777:
        path.chmod(mode | 0o600)


def _link(archive: ZipFile, top: str, links: Iterable[ZipInfo], folder: Path) -> None:
    """Last of all, so that no file is written through one."""
    made: list[tuple[Path, str]] = []
    for info in links:
        path = folder / info.filename.removeprefix(f"{top}/")
        try:
            aim = archive.read(info).decode()
        except DAMAGED as error:
            raise RunnerError(f"{info.filename!r}: is damaged: {error}") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(aim.replace("\0", "?"))
        made.append((path, aim))
    for path, aim in made:  # one may lead over another
        if os.path.isabs(aim) or not _leads_inside(path, folder):  # noqa: PTH117
            name = f"{top}/{path.relative_to(folder)}"
            raise RunnerError(f"{name!r}: a link that leads out of the folder, to {aim!r}")


def _leads_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # in a circle
        return False


def _kind(info: ZipInfo) -> int:
    """As of a file's mode; a zip of another system than Unix knows files and folders."""
    mode = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    return stat.S_IFDIR if info.is_dir() else mode or stat.S_IFREG
