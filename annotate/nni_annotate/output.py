"""The compiler's output: a folder that holds a compiled tree, and the manifest that marks it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from nni_annotate.data import Budget, bring
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.project import SEARCH_SPACE, CompiledTree, Place, Script, shown
from nni_annotate.sources import (
    LEFT_OUT,
    MANIFEST,
    Listing,
    ProjectError,
    Stamp,
    is_python,
    list_output,
    list_source,
)
from nni_annotate.space import Parameters

_SCHEMA_VERSION = 2
# A file that changed this recently may change again without its time telling.
_RECENT_NS = 2_000_000_000


@dataclass(frozen=True)
class Manifest:
    """What the compiler leaves in its output, to know it again.

    `places` are those of every parameter in the source; `compiled` has, by path in the output, the
    path in the source and the size there; `files` are all files, `folders` all folders.
    """

    compiler: str
    as_scripts: bool
    scripts: tuple[Script, ...]
    defaults: Parameters
    places: dict[str, tuple[Place, ...]]
    compiled: dict[str, tuple[str, int]]
    files: tuple[str, ...]
    folders: tuple[str, ...]
    notes: tuple[Diagnostic, ...]

    def to_text(self) -> str:
        """The JSON text of the file."""
        data = {
            "schema_version": _SCHEMA_VERSION,
            "about": "Written by nni-annotate; it marks this folder as its output.",
            "compiler": self.compiler,
            "notebooks_as_scripts": self.as_scripts,
            "scripts": [
                {"path": script.path, "main_guard": script.has_main_guard}
                for script in self.scripts
            ],
            "parameters": {
                key: [_place_to_json(place) for place in places]
                for key, places in self.places.items()
            },
            "defaults": self.defaults,
            "compiled": {
                path: {"source": source, "size": size}
                for path, (source, size) in self.compiled.items()
            },
            "files": list(self.files),
            "folders": list(self.folders),
            "warnings": [list(astuple(note)) for note in self.notes],
        }
        return json.dumps(data, indent=1) + "\n"


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
    manifest = read_manifest(out) if out.is_dir() else None
    if manifest is None or (manifest.compiler, manifest.as_scripts) != (
        version("nni-annotate"), notebooks_as_scripts,
    ):  # fmt: skip
        return None
    listing = list_source(source, out)
    try:
        found = list_output(out)
    except OSError:
        return None
    origins = {origin: (path, size) for path, (origin, size) in manifest.compiled.items()}
    expected = {origins.get(path, (path, 0))[0] for path in listing.files}
    own = {MANIFEST, SEARCH_SPACE}
    if expected | own != set(manifest.files) | own or not set(manifest.files) <= found.keys():
        return None
    if tuple(listing.folders) != manifest.folders:
        return None
    for path in listing.files:
        target, size = origins.get(path, (path, -1))
        if target in own:
            return None  # a search space file of the source's own: rare, and better looked at
        if not _is_same(listing, path, found[target], size):
            return None
    if found[SEARCH_SPACE].mtime_ns != found[MANIFEST].mtime_ns:
        return None
    notes = (*(note for note in manifest.notes if note.code != "NNI513"), *listing.notes)
    warnings = shown(notes, source, lone=listing.is_one_file)
    carried = len(listing.files) - len(origins)
    return Unchanged(len(manifest.places), len(origins), carried, warnings)


def write_tree(tree: CompiledTree, out: Path) -> None:
    """Writes the compiled tree into a folder: new, empty, or written by this function before.

    Everything that the compiler doesn't change is copied. What is new is written as a whole first
    and then moved to its place, so on an error nothing has changed. Raises ProjectError.
    """
    check_output(tree.root, out)
    old = read_manifest(out)
    old_files = set(old.files) if old is not None else set()
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        there = list_output(out) if old is not None else {}
        with tempfile.TemporaryDirectory(prefix=".nni-annotate-", dir=out) as folder:
            stage = Path(folder)
            same = {p for p in tree.carried if _is_same(tree.listing, p, there.get(p))}
            _fill(tree, stage, leave=same)
            new_files = {*tree.compiled, *tree.carried, *_own_files(tree)}
            _check_free(out, new_files, old_files)
            for path in sorted(old_files - new_files, reverse=True):
                _remove(out, path)
            _move(tree, stage, out, sorted(new_files - same), is_fresh=not there)
    except OSError as error:
        if is_new:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise _cannot(error, out) from None


def _move(tree: CompiledTree, stage: Path, out: Path, files: list[str], *, is_fresh: bool) -> None:
    """Moves what was written to where it belongs; into an empty folder, folders as a whole."""
    if is_fresh:
        for entry in sorted(os.listdir(stage)):  # noqa: PTH208 - names are enough
            os.replace(stage / entry, out / entry)  # noqa: PTH105 - paths of any bytes
        return
    for path in tree.folders:
        (out / path).mkdir(parents=True, exist_ok=True)
    for path in files:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(stage / path, out / path)  # noqa: PTH105 - paths of any bytes


def _is_same(listing: Listing, path: str, there: Stamp | None, size: int = -1) -> bool:
    """Whether a file in the output is what the source's would become.

    `size` is what the source's had when it was compiled, -1 for a file that is carried over.
    """
    source = listing.files[path]
    if there is None:
        return False
    if source.aim is not None:
        return there.aim == _aim(listing.root, listing.root / path)
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
    code = {*tree.compiled, *(path for path in tree.carried if is_python(tree.root / path))}
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
    if out.is_dir() and any(out.iterdir()):
        raise ProjectError(f"{out}: this folder is not empty; name another one")
    old = {path: path for path in new}
    paths = (*tree.carried, *(path for path in tree.origins.values() if path not in new))
    plain = replace(tree, compiled=dict(new), origins=old, carried=paths)
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".nni-annotate-", dir=out) as folder:
            _write(plain, Path(folder))
            _move(plain, Path(folder), out, [], is_fresh=True)
    except OSError as error:
        if is_new:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise _cannot(error, out) from None


def check_output(source: Path, out: Path) -> None:
    """Raises ProjectError where the output folder would harm what is there already."""
    root = source if source.is_dir() else source.parent
    try:
        real, real_root = out.resolve(), root.resolve()
        exists = out.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise ProjectError(f"{out}: can't be used as output: {error}") from None
    if real == real_root or real in real_root.parents:
        raise ProjectError(f"{out}: the output can't be the source folder or hold it")
    if exists and not out.is_dir():
        raise ProjectError(f"{out}: the output is to be a folder, found a file")
    if out.is_dir() and any(out.iterdir()) and read_manifest(out) is None:
        raise ProjectError(
            f"{out}: this folder is not empty and not an earlier output of nni-annotate; "
            "name another one"
        )


def read_manifest(folder: Path) -> Manifest | None:
    """What the compiler left in its output; None where the folder is no output of its own.

    Raises ProjectError for a manifest that this version can't read.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema_version"] > _SCHEMA_VERSION:
            raise ProjectError(f"{path}: written by a newer nni-annotate; compile again")
        return _manifest(data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProjectError(
            f"{path}: can't be read ({error}); delete the folder and compile again"
        ) from None


def _manifest(data: Any) -> Manifest:
    """Raises KeyError, TypeError, ValueError where the data is none."""
    files = tuple(path for path in data["files"] if _is_inside(path))
    scripts = tuple(Script(item["path"], item["main_guard"]) for item in data["scripts"])
    if data["schema_version"] < _SCHEMA_VERSION:  # enough to run it, and to compile over it
        return Manifest("", False, scripts, data["defaults"], {}, {}, files, (), ())
    return Manifest(
        data["compiler"],
        data["notebooks_as_scripts"],
        scripts,
        data["defaults"],
        {key: tuple(map(_place_from_json, places)) for key, places in data["parameters"].items()},
        {path: (entry["source"], entry["size"]) for path, entry in data["compiled"].items()},
        files,
        tuple(data["folders"]),
        tuple(Diagnostic(*note) for note in data["warnings"]),
    )


def _place_to_json(place: Place) -> dict[str, Any]:
    data = asdict(place)
    return {name: value for name, value in data.items() if name != "cell" or value}


def _place_from_json(data: Any) -> Place:
    return Place(
        data["file"], data["line"], data["column"], data.get("cell", 0), data["is_written"]
    )


def _own_files(tree: CompiledTree) -> tuple[str, ...]:
    """What the compiler adds to the output."""
    has_own_space = not tree.compiled and SEARCH_SPACE in tree.carried
    return (MANIFEST,) if has_own_space else (MANIFEST, SEARCH_SPACE)


def _write(tree: CompiledTree, folder: Path, leave: set[str] | None = None) -> None:
    """Writes the files of the tree into an empty folder, but for the carried files to leave."""
    carried = [path for path in tree.carried if not leave or path not in leave]
    for path in tree.folders:
        (folder / path).mkdir(parents=True, exist_ok=True)
    for parent in {str(PurePosixPath(path).parent) for path in (*tree.compiled, *carried)}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    for path, content in tree.compiled.items():
        (folder / path).write_bytes(content)
        _mark(folder / path, tree.listing.files[tree.origins[path]])
    for path in carried:
        _copy(tree, path, folder / path)


def _fill(tree: CompiledTree, folder: Path, leave: set[str] | None = None) -> None:
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
        version("nni-annotate"),
        any(path != origin for path, origin in tree.origins.items()),
        tree.scripts,
        tree.defaults,
        tree.places,
        {path: (origin, tree.listing.files[origin].size) for path, origin in tree.origins.items()},
        tuple(sorted({*tree.compiled, *tree.carried, *_own_files(tree)})),
        tree.folders,
        tree.notes,
    )


def _check_free(out: Path, new: set[str], old: set[str]) -> None:
    """Raises ProjectError where something that isn't the compiler's own is in the way."""
    for path in sorted(new):
        parents = [str(parent) for parent in PurePosixPath(path).parents][-2::-1]
        for parent in parents:
            place = out / parent
            is_folder = place.is_dir() and not place.is_symlink()
            if os.path.lexists(place) and not is_folder and parent not in old:
                raise ProjectError(f"{place}: is in the way, and not of this tool's making")
        place = out / path
        if place.is_dir() and not place.is_symlink():
            inside = {str(item.relative_to(out)) for item in place.rglob("*") if not item.is_dir()}
            if inside - old:
                raise ProjectError(f"{place}: is in the way, and not all of this tool's making")


def _copy(tree: CompiledTree, path: str, target: Path) -> None:
    source = tree.root / path
    stamp = tree.listing.files[path]
    if stamp.aim is not None and not tree.is_one_file:
        target.symlink_to(_aim(tree.root, source))
    else:
        shutil.copyfile(source, target)
        _mark(target, stamp)


def _mark(target: Path, stamp: Stamp) -> None:
    """Gives a file the mode and the time of its source, by which it is known for unchanged.

    Where the source may change again without its time telling, the time is a little off.
    """
    os.chmod(target, stamp.mode)  # noqa: PTH101 - quick
    recent = stamp.mtime_ns > time.time_ns() - _RECENT_NS
    mtime = stamp.mtime_ns - 1_000_000_000 if recent else stamp.mtime_ns
    os.utime(target, ns=(mtime, mtime))


def _aim(root: Path, link: Path) -> str:
    """What a link is to hold in the copy: one inside the tree stays inside, others are absolute."""
    aim = os.readlink(link)  # noqa: PTH115 - as it was written
    top = os.path.abspath(root)  # noqa: PTH100 - links are not to be followed here
    folder = os.path.abspath(link.parent)  # noqa: PTH100
    place = os.path.normpath(os.path.join(folder, aim))  # noqa: PTH118
    if place == top or place.startswith(top + os.sep):
        return aim if not os.path.isabs(aim) else os.path.relpath(place, folder)  # noqa: PTH117
    return place


def _remove(out: Path, path: str) -> None:
    """Takes a file that vanished from the source out of the output, with folders left empty.

    A path that leads through a link is none of the compiler's any more, and is left alone.
    """
    folders = [out / parent for parent in PurePosixPath(path).parents][:-1]
    if any(folder.is_symlink() or not folder.is_dir() for folder in folders):
        return
    place = out / path
    if place.is_symlink() or place.is_file():
        place.unlink()
    for folder in folders:
        if any(folder.iterdir()):
            break
        folder.rmdir()


def _cannot(error: OSError, out: Path) -> ProjectError:
    reason = error.strerror or str(error)
    where = error.filename2 or error.filename or out
    return ProjectError(f"{where}: {reason}; nothing in {out} was changed")


def _is_inside(path: object) -> bool:
    if not isinstance(path, str) or "\0" in path:
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and bool(pure.parts)
