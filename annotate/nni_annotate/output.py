"""The compiler's output: a folder that holds a compiled tree, and the manifest that marks it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from nni_annotate.data import Budget, bring
from nni_annotate.project import SEARCH_SPACE, CompiledTree, Script
from nni_annotate.sources import LEFT_OUT, MANIFEST, ProjectError, is_python
from nni_annotate.space import Parameters

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """What the compiler leaves in its output, to know it again."""

    scripts: tuple[Script, ...]
    defaults: Parameters
    files: tuple[str, ...]

    def to_text(self) -> str:
        """The JSON text of the file."""
        data = {
            "schema_version": _SCHEMA_VERSION,
            "about": "Written by nni-annotate; it marks this folder as its output.",
            "scripts": [
                {"path": script.path, "main_guard": script.has_main_guard}
                for script in self.scripts
            ],
            "defaults": self.defaults,
            "files": list(self.files),
        }
        return json.dumps(data, indent=1) + "\n"


def write_tree(tree: CompiledTree, out: Path) -> None:
    """Writes the compiled tree into a folder: new, empty, or written by this function before.

    Everything that the compiler doesn't change is copied. The tree is written as a whole first and
    then moved to its place, so on an error nothing has changed. Raises ProjectError.
    """
    check_output(tree.root, out)
    old = read_manifest(out)
    old_files = set(old.files) if old is not None else set()
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".nni-annotate-", dir=out) as folder:
            stage = Path(folder)
            _fill(tree, stage)
            new_files = {*tree.compiled, *tree.carried, *_own_files(tree)}
            _check_free(out, new_files, old_files)
            for path in sorted(old_files - new_files, reverse=True):
                _remove(out, path)
            for path in tree.folders:
                (out / path).mkdir(parents=True, exist_ok=True)
            for path in sorted(new_files):
                (out / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(stage / path, out / path)  # noqa: PTH105 - paths of any bytes
    except OSError as error:
        if is_new:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise _cannot(error, out) from None


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
        scripts = tuple(Script(item["path"], item["main_guard"]) for item in data["scripts"])
        files = tuple(path for path in data["files"] if _is_inside(path))
        return Manifest(scripts, data["defaults"], files)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProjectError(
            f"{path}: can't be read ({error}); delete the folder and compile again"
        ) from None


def _own_files(tree: CompiledTree) -> tuple[str, ...]:
    """What the compiler adds to the output."""
    has_own_space = not tree.compiled and SEARCH_SPACE in tree.carried
    return (MANIFEST,) if has_own_space else (MANIFEST, SEARCH_SPACE)


def _fill(tree: CompiledTree, folder: Path) -> None:
    """Writes the whole tree into an empty folder."""
    for path in tree.folders:
        (folder / path).mkdir(parents=True, exist_ok=True)
    for path in (*tree.compiled, *tree.carried):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    for path, content in tree.compiled.items():
        (folder / path).write_bytes(content)
        shutil.copymode(tree.root / path, folder / path)
    for path in tree.carried:
        _copy(tree, path, folder / path)
    files = tuple(sorted({*tree.compiled, *tree.carried, *_own_files(tree)}))
    texts = {
        MANIFEST: Manifest(tree.scripts, tree.defaults, files).to_text(),
        SEARCH_SPACE: tree.space.to_text(),
    }
    for path in _own_files(tree):
        target = folder / path
        target.unlink(missing_ok=True)  # a link that came with the source
        target.write_text(texts[path], encoding="utf-8")


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
    if source.is_symlink() and not tree.is_one_file:
        target.symlink_to(_aim(tree.root, source))
    else:
        shutil.copy2(source, target)


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
