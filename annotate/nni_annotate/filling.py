"""A compiled tree, written into an empty folder file by file."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from nni_annotate import __version__
from nni_annotate.manifest import Manifest
from nni_annotate.sources import MANIFEST, STAGING, Listing, ProjectError, Stamp, read_plain
from nni_annotate.tree import SEARCH_SPACE, CompiledTree

# A file that changed this recently may change again without its time telling.
_RECENT_NS = 2_000_000_000
_SMALL = 1 << 20  # bytes that are copied in one piece


def own_files(tree: CompiledTree) -> tuple[str, ...]:
    """What the compiler adds to the output."""
    has_own_space = not tree.compiled and SEARCH_SPACE in tree.carried
    return (MANIFEST,) if has_own_space else (MANIFEST, SEARCH_SPACE)


def write_files(tree: CompiledTree, folder: Path, leave: Collection[str] = ()) -> None:
    """Writes the files of the tree into an empty folder, but for the carried files to leave."""
    carried = [path for path in tree.carried if path not in leave]
    parents = {path[: path.rfind("/")] for path in (*tree.compiled, *carried) if "/" in path}
    for path in sorted(parents if leave else parents.union(tree.folders)):
        os.makedirs(folder / path, exist_ok=True)  # noqa: PTH103 - quick
    for path, content in tree.compiled.items():
        _create(str(folder / path), content, tree.listing.files[tree.origins[path]])
    for path in carried:
        copy_file(tree, path, folder / path)


def fill(tree: CompiledTree, folder: Path, leave: Collection[str] = ()) -> None:
    """Writes the whole tree into an empty folder, with what the compiler adds."""
    write_files(tree, folder, leave)
    texts = {MANIFEST: _manifest_of(tree).to_text(), SEARCH_SPACE: tree.space.to_text()}
    now = time.time_ns()
    for path in own_files(tree):
        target = folder / path
        target.unlink(missing_ok=True)  # a link that came with the source
        target.write_text(texts[path], encoding="utf-8")
        os.utime(target, ns=(now, now))  # one time for both: what is edited later shows


def _manifest_of(tree: CompiledTree) -> Manifest:
    return Manifest(
        __version__,
        any(path != origin for path, origin in tree.origins.items()),
        tree.scripts,
        tree.defaults,
        tree.places,
        {path: (origin, tree.listing.files[origin].size) for path, origin in tree.origins.items()},
        tuple(sorted({*tree.compiled, *tree.carried, *own_files(tree)})),
        tree.folders,
        tree.notes,
    )


def copy_file(tree: CompiledTree, path: str, target: Path) -> None:
    """Brings a file or a link of the source to an output. Raises OSError."""
    stamp, source = tree.listing.files[path], tree.listing.place(path)
    if stamp.aim is not None:
        target.symlink_to(_aim(tree.listing, path))
    elif stamp.size <= _SMALL:
        _create(str(target), read_plain(source, follow=tree.is_one_file), stamp)
    else:
        shutil.copyfile(source, target, follow_symlinks=tree.is_one_file)
        _mark(str(target), stamp)


def _create(target: str, content: bytes, stamp: Stamp) -> None:
    """Writes a new file, in fewer steps than a Path would take."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        _mark(handle, stamp)
    finally:
        os.close(handle)


def _mark(target: str | int, stamp: Stamp) -> None:
    """Gives a file the mode and the time of its source, by which it is known for unchanged.

    Where the source may change again without its time telling, the time is a little off.
    """
    os.chmod(target, stamp.mode)  # noqa: PTH101 - quick
    recent = abs(stamp.mtime_ns - time.time_ns()) < _RECENT_NS
    mtime = stamp.mtime_ns - 1_000_000_000 if recent else stamp.mtime_ns
    os.utime(target, ns=(mtime, mtime))


def _aim(listing: Listing, path: str) -> str:
    """What a link is to hold in the copy: one inside the tree stays inside, others are absolute."""
    aim = listing.files[path].aim
    assert aim is not None
    folder = os.path.dirname(path)  # noqa: PTH120 - text only, as all here
    if not os.path.isabs(aim):  # noqa: PTH117
        inner = os.path.normpath(os.path.join(folder, aim))  # noqa: PTH118
        if inner != ".." and not inner.startswith("../"):
            return aim
    top = os.path.realpath(listing.root)
    place = os.path.join(top, folder, aim)  # noqa: PTH118
    head, name = os.path.split(place.rstrip("/"))
    if name in ("", ".", ".."):
        place = os.path.realpath(place)
    else:  # the last step is the link's own aim, whatever it is
        place = os.path.join(os.path.realpath(head), name)  # noqa: PTH118
    if place == top or place.startswith(os.path.join(top, "")):  # noqa: PTH118
        return os.path.relpath(place, os.path.join(top, folder))  # noqa: PTH118
    return place


def is_same(listing: Listing, path: str, there: Stamp | None, size: int = -1) -> bool:
    """Whether a file in the output is what the source's would become.

    `size` is what the source's had when it was compiled, -1 for a file that is carried over.
    """
    source = listing.files[path]
    if there is None:
        return False
    if source.aim is not None:
        return there.aim == _aim(listing, path)
    if there.aim is not None or (source.mtime_ns, source.mode) != (there.mtime_ns, there.mode):
        return False
    return source.size == (size if size >= 0 else there.size)


def cannot(error: OSError, out: Path) -> ProjectError:
    """What to raise where an output could not be written."""
    reason = error.strerror or str(error)
    where = error.filename2 or error.filename or out
    if f"/{STAGING}" in str(where):  # a path that nobody else knows
        where = out
    return ProjectError(f"{where}: {reason}; nothing in {out} was changed")
