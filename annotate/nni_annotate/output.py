"""The compiler's output: a folder that holds a compiled tree, written as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from nni_annotate import __version__
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.filling import cannot, fill, is_same, own_files, write_files
from nni_annotate.manifest import Manifest, read_manifest
from nni_annotate.project import has_own_nni
from nni_annotate.sources import (
    MANIFEST,
    NOTEBOOK,
    STAGING,
    Listing,
    ProjectError,
    Stamp,
    list_output,
    list_source,
)
from nni_annotate.staging import Change, changing, leftovers
from nni_annotate.tree import SEARCH_SPACE, CompiledTree, shown


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
        is_same(listing, path, there.get(target), size) for path, (target, size) in targets.items()
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
            same = {path for path in tree.carried if is_same(tree.listing, path, there.get(path))}
            fill(tree, change.new, leave=same)
            if old is None:
                _move_all(change)
            else:
                files = {*tree.compiled, *tree.carried, *own_files(tree)}
                _check_free(out, files, set(old.files), there)
                gone = [path for path in old.files if path in there and path not in files]
                _clean(change, gone, {*old.folders}.difference(tree.folders))
                _move(change, sorted(files - same), tree.folders)
    except OSError as error:
        raise cannot(error, out) from None


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
            write_files(plain, change.new)
            _move_all(change)
    except OSError as error:
        raise cannot(error, out) from None


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
