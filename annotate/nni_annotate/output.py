"""The compiler's output: a folder that holds a compiled tree, written as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from nni_annotate import __version__
from nni_annotate.data import Budget, bring
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.manifest import Manifest
from nni_annotate.manifest import read_manifest as read_manifest  # for nni_runner
from nni_annotate.project import SEARCH_SPACE, CompiledTree, has_own_nni, shown
from nni_annotate.sources import (
    LEFT_OUT,
    MANIFEST,
    NOTEBOOK,
    STAGING,
    Listing,
    ProjectError,
    Stamp,
    is_python,
    list_output,
    list_source,
    read_plain,
)
from nni_annotate.staging import Change, changing, leftovers

# A file that changed this recently may change again without its time telling.
_RECENT_NS = 2_000_000_000
_SMALL = 1 << 20  # bytes that are copied in one piece


@dataclass(frozen=True)
class Unchanged:
    """An output that fits its source already; `warnings` are those of when it was made."""

    parameters: int
    compiled: int
    carried: int
    warnings: tuple[Diagnostic, ...]


def find_unchanged(source: Path, out: Path, *, notebooks_as_scripts: bool) -> Unchanged | None:
    """Whether compiling would change nothing, as far as sizes and times tell; no file is read.

    Raises ProjectError.
    """
    manifest = read_manifest(out)
    if manifest is None or manifest.compiler != __version__:
        return None
    if notebooks_as_scripts != manifest.as_scripts and any(
        origin.endswith(NOTEBOOK) for origin, _ in manifest.compiled.values()
    ):
        return None
    listing = list_source(source, out)
    if listing.is_one_file and has_own_nni(listing, source.name):
        return None  # it may have come since
    try:
        if leftovers(out):
            return None
        there = list_output(out)
    except OSError:
        return None
    if not _fits(manifest, listing, there):
        return None
    notes = (*(note for note in manifest.notes if note.code != "NNI513"), *listing.notes)
    warnings = shown(notes, source, lone=listing.is_one_file)
    carried = len(listing.files) - len(manifest.compiled)
    return Unchanged(len(manifest.places), len(manifest.compiled), carried, warnings)


def _fits(manifest: Manifest, listing: Listing, there: Mapping[str, Stamp]) -> bool:
    """Whether an output is what the source would become, as far as the stamps of both tell."""
    own = {MANIFEST, SEARCH_SPACE}
    if not own <= there.keys() or there[MANIFEST].mtime_ns != there[SEARCH_SPACE].mtime_ns:
        return False
    origins = {origin: (path, size) for path, (origin, size) in manifest.compiled.items()}
    targets = {path: origins.get(path, (path, -1)) for path in listing.files}
    expected = {target for target, _ in targets.values()}
    if expected & own:
        return False  # a search space file of the source's own: rare, and better looked at
    if expected | own != set(manifest.files) or tuple(listing.folders) != manifest.folders:
        return False
    return all(
        _is_same(listing, path, there.get(target), size) for path, (target, size) in targets.items()
    )


def write_tree(tree: CompiledTree, out: Path) -> None:
    """Writes the compiled tree into a folder: new, empty, or written by this function before.

    Everything that the compiler doesn't change is copied. What is new is written as a whole first
    and then moved to its place, so on an error nothing has changed. Raises ProjectError.
    """
    check_output(tree.root, out)
    try:
        with changing(out) as change:
            old = read_manifest(out)
            there = _others(list_output(out))
            if old is None and there:
                raise _foreign(out)
            same = {path for path in tree.carried if _is_same(tree.listing, path, there.get(path))}
            _fill(tree, change.new, leave=same)
            if old is None:
                _move_all(change)
            else:
                files = {*tree.compiled, *tree.carried, *_own_files(tree)}
                _check_free(out, files, set(old.files), there)
                gone = [path for path in old.files if path in there and path not in files]
                _clean(change, gone, {*old.folders}.difference(tree.folders))
                _move(change, sorted(files - same), tree.folders)
    except OSError as error:
        raise _cannot(error, out) from None


def _others(there: Mapping[str, Stamp]) -> dict[str, Stamp]:
    """What is in an output, but for what is on its way there."""
    return {path: stamp for path, stamp in there.items() if not path.startswith(STAGING)}


def _in_order(paths: Iterable[str]) -> list[str]:
    """The manifest first, the search space last.

    They have the same time, so where the rest is missing because the process was killed in between,
    the output is known for one, and not for complete.
    """
    last = {MANIFEST: 0, SEARCH_SPACE: 2}
    return sorted(paths, key=lambda path: (last.get(path, 1), path))


def _move_all(change: Change) -> None:
    """Moves what was written into an empty folder, folders as a whole."""
    for name in _in_order(os.listdir(change.new)):  # noqa: PTH208 - names are enough
        change.put(name)


def _move(change: Change, files: Iterable[str], folders: Iterable[str]) -> None:
    """Moves what was written to where it belongs, one by one."""
    for path in folders:
        change.make_folder(path)
    for path in _in_order(files):
        change.put(path)


def _clean(change: Change, files: Collection[str], folders: Iterable[str]) -> None:
    """Takes away what vanished from the source; folders only where nothing else is in them."""
    around = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}
    for path in files:
        change.remove(path)
    for path in sorted({*folders, *around}, reverse=True):
        change.remove_folder(path)


def _is_same(listing: Listing, path: str, there: Stamp | None, size: int = -1) -> bool:
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


def place_tree(tree: CompiledTree, out: Path, leave_out: Path) -> None:
    """Writes the compiled tree into a new folder, for trials to run in.

    Code and small files are copied, so that the code of an experiment stays as it was and a trial
    that writes a file doesn't write into the source; what is large is linked. Beside a lone script
    everything in its folder is brought along in this way. `leave_out` is a folder that is no part
    of it. Raises ProjectError.
    """
    budget = Budget(leave_out.resolve())
    place = _place_one_file if tree.is_one_file else _place_folder
    try:
        out.mkdir(parents=True)
        place(tree, out, budget)
    except OSError as error:
        raise _cannot(error, out) from None


def _place_one_file(tree: CompiledTree, out: Path, budget: Budget) -> None:
    _fill(replace(tree, carried=(), folders=()), out)
    taken = {*tree.compiled, *_own_files(tree), *LEFT_OUT}
    for entry in sorted(tree.root.iterdir()):
        if entry.name not in taken:
            bring(entry, out / entry.name, budget)


def _place_folder(tree: CompiledTree, out: Path, budget: Budget) -> None:
    code = {*tree.compiled, *(path for path in tree.carried if is_python(tree.listing, path))}
    code_folders = {parent for path in code for parent in PurePosixPath(path).parents}
    data = {_outermost(path, code_folders) for path in (*tree.carried, *tree.folders)} - code
    data -= {str(folder) for folder in code_folders}
    _fill(replace(tree, carried=tuple(code - tree.compiled.keys()), folders=()), out)
    for path in sorted(data - set(_own_files(tree))):
        if (tree.root / path).is_symlink():
            _copy(tree, path, out / path)
        else:
            bring(tree.root / path, out / path, budget)


def _outermost(path: str, code_folders: set[PurePosixPath]) -> str:
    """The outermost folder around a file that holds no code, else the file itself."""
    folders = [folder for folder in PurePosixPath(path).parents if folder not in code_folders]
    return str(folders[-1]) if folders else path


def write_source(tree: CompiledTree, new: Mapping[str, bytes], out: Path) -> None:
    """Writes the tree's source, with new bytes for some of its files, into a new or empty folder.

    Raises ProjectError.
    """
    check_output(tree.root, out)
    old = {path: path for path in new}
    paths = (*tree.carried, *(path for path in tree.origins.values() if path not in new))
    plain = replace(tree, compiled=dict(new), origins=old, carried=paths)
    try:
        if out.is_dir() and len(os.listdir(out)) > len(leftovers(out)):  # noqa: PTH208
            raise ProjectError(f"{out}: this folder is not empty; name another one")
        with changing(out) as change:
            _write(plain, change.new)
            _move_all(change)
    except OSError as error:
        raise _cannot(error, out) from None


def check_output(source: Path, out: Path) -> None:
    """Raises ProjectError where the output folder would harm what is there already."""
    try:
        root = source if os.path.isdir(source) else source.parent  # noqa: PTH112 - never raises
        real, real_root = out.resolve(), root.resolve()
        is_folder = out.is_dir()
        names = os.listdir(out) if is_folder else []  # noqa: PTH208
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProjectError(f"{out}: can't be used as output: {reason}") from None
    if real == real_root or real in real_root.parents:
        raise ProjectError(f"{out}: the output can't be the source folder or hold it")
    if not is_folder and os.path.lexists(out):
        raise ProjectError(f"{out}: the output is to be a folder, found something else")
    if MANIFEST not in names and not all(name.startswith(STAGING) for name in names):
        raise _foreign(out)


def _foreign(out: Path) -> ProjectError:
    return ProjectError(
        f"{out}: this folder is not empty and not an earlier output of nni-annotate; "
        "name another one"
    )


def _own_files(tree: CompiledTree) -> tuple[str, ...]:
    """What the compiler adds to the output."""
    has_own_space = not tree.compiled and SEARCH_SPACE in tree.carried
    return (MANIFEST,) if has_own_space else (MANIFEST, SEARCH_SPACE)


def _write(tree: CompiledTree, folder: Path, leave: Collection[str] = ()) -> None:
    """Writes the files of the tree into an empty folder, but for the carried files to leave."""
    carried = [path for path in tree.carried if path not in leave]
    parents = {path[: path.rfind("/")] for path in (*tree.compiled, *carried) if "/" in path}
    for path in sorted(parents if leave else parents.union(tree.folders)):
        os.makedirs(folder / path, exist_ok=True)  # noqa: PTH103 - quick
    for path, content in tree.compiled.items():
        _create(str(folder / path), content, tree.listing.files[tree.origins[path]])
    for path in carried:
        _copy(tree, path, folder / path)


def _fill(tree: CompiledTree, folder: Path, leave: Collection[str] = ()) -> None:
    """Writes the whole tree into an empty folder, with what the compiler adds."""
    _write(tree, folder, leave)
    texts = {MANIFEST: _manifest_of(tree).to_text(), SEARCH_SPACE: tree.space.to_text()}
    now = time.time_ns()
    for path in _own_files(tree):
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
        tuple(sorted({*tree.compiled, *tree.carried, *_own_files(tree)})),
        tree.folders,
        tree.notes,
    )


def _check_free(
    out: Path, new: Collection[str], old: Collection[str], there: Mapping[str, Stamp]
) -> None:
    """Raises ProjectError where something that isn't the compiler's own is in the way.

    `there` is what is in the output.
    """
    foreign = there.keys() - set(old)
    if not foreign:
        return
    around = {str(parent): path for path in foreign for parent in PurePosixPath(path).parents}
    for path in sorted(new):
        if path in foreign:
            raise ProjectError(f"{out / path}: is in the way, and not of this tool's making")
        if path in around:
            raise ProjectError(f"{out / path}: is in the way, and not all of this tool's making")
        for parent in PurePosixPath(path).parents:
            if str(parent) in foreign:
                place = out / parent
                raise ProjectError(f"{place}: is in the way, and not of this tool's making")


def _copy(tree: CompiledTree, path: str, target: Path) -> None:
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


def _cannot(error: OSError, out: Path) -> ProjectError:
    reason = error.strerror or str(error)
    where = error.filename2 or error.filename or out
    if f"/{STAGING}" in str(where):  # a path that nobody else knows
        where = out
    return ProjectError(f"{where}: {reason}; nothing in {out} was changed")
