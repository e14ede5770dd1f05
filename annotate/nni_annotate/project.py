"""A tree of files -> a compiled tree and its search space; the one module that meets files."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.errors import NniAnnotateError, SpaceError
from nni_annotate.space import Domain, Parameters, SearchSpace, domain_to_json, identity

MANIFEST = ".nni-annotate.json"
SEARCH_SPACE = "search_space.json"
_MARK = b"@nni."
_FINAL = b"report_final_result"
_SUFFIXES = frozenset({".py", ".pyw"})
_LEFT_OUT = frozenset({".git", "__pycache__", ".hg", ".svn"})
# Folders that hold one of these: virtual environments, earlier outputs, experiments.
_OUTPUT_MARKS = ("pyvenv.cfg", MANIFEST, "history.sqlite")
_SCHEMA_VERSION = 1


class ProjectError(NniAnnotateError):
    """A source or an output that can't be used as it stands."""


@dataclass(frozen=True)
class Script:
    """An annotated file, relative to the root, and whether it ends in a main guard."""

    path: str
    has_main_guard: bool


@dataclass(frozen=True)
class CompiledTree:
    """What a source compiles to.

    `compiled` holds the new bytes of every annotated file and `carried` everything else, both
    relative to `root`; `defaults` are the values that the code itself holds, as far as its text
    tells them.
    """

    root: Path
    space: SearchSpace
    defaults: Parameters
    scripts: tuple[Script, ...]
    compiled: dict[str, bytes]
    carried: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]


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


def compile_tree(source: Path, leave_out: Path | None = None) -> CompiledTree:
    """Compiles a folder, or one file on its own, without writing anything.

    `leave_out` is a folder inside the source that is no part of it, such as the output.
    Raises CompileError with every problem of every file, ProjectError for an unusable source.
    """
    root, paths = _source_paths(source, leave_out)
    if (root / MANIFEST).exists() and source.is_dir():
        raise ProjectError(f"{source}: this folder is compiled already; compile its source")
    diagnostics: list[Diagnostic] = []
    compiled: dict[str, bytes] = {}
    carried: list[str] = []
    scripts: list[Script] = []
    found: dict[str, tuple[str, int, str]] = {}  # key -> where, and its domain's JSON
    domains: dict[str, Domain] = {}
    defaults: Parameters = {}
    modules: dict[str, str] = {}
    reports = False
    for path in paths:
        content = _annotated_bytes(root / path)
        reports = reports or (content is not None and _FINAL in content)
        if content is None or _MARK not in content:
            carried.append(path)
            continue
        from nni_annotate.compile import compile_module  # libcst takes 0.2 s to import

        module = _module_name(path)
        shown = os.path.relpath(root / path) if source.is_absolute() else str(_join(source, path))
        if module in modules:
            message = f"its module name {module} is also that of {modules[module]}; rename one"
            diagnostics.append(Diagnostic(shown, 0, 0, message))
        modules[module] = shown
        try:
            result = compile_module(content, module, shown)
        except CompileError as error:
            diagnostics.extend(error.diagnostics)
            continue
        compiled[path] = result.code
        diagnostics.extend(result.warnings)
        scripts.append(Script(path, result.has_main_guard))
        for parameter in result.parameters:
            text = identity(domain_to_json(parameter.domain))
            place = (shown, parameter.line, text)
            known = found.setdefault(parameter.key, place)
            if known[2] != text:
                message = f"{parameter.key} has other arguments than at {known[0]}:{known[1]}"
                diagnostics.append(Diagnostic(shown, parameter.line, 1, message))
            domains.setdefault(parameter.key, parameter.domain)
            if parameter.default is not None:
                defaults[parameter.key] = parameter.default[0]
    if any(diagnostic.is_error for diagnostic in diagnostics):
        raise CompileError(diagnostics)
    diagnostics.extend(_tree_warnings(str(source), bool(compiled), reports))
    tree = CompiledTree(
        root,
        SearchSpace(domains),
        defaults,
        tuple(scripts),
        compiled,
        tuple(carried),
        tuple(sorted(diagnostics)),
    )
    _check_own_search_space(tree)
    return tree


def write_tree(tree: CompiledTree, out: Path) -> None:
    """Writes the compiled tree into a folder: new, empty, or written by this function before.

    Everything that the compiler doesn't change is copied. Raises ProjectError.
    """
    check_output(tree.root, out)
    old = read_manifest(out)
    _write(tree, out, _copy)
    kept = {*tree.compiled, *tree.carried}
    for path in old.files if old is not None else ():
        if path not in kept:
            _remove(out, path)


def link_tree(tree: CompiledTree, out: Path) -> None:
    """Writes the compiled tree into a new folder with links to what the compiler doesn't change.

    Python files are copied, so that the code of an experiment stays as it was; data is linked, a
    folder without Python files as a whole. Raises ProjectError.
    """
    code = {*tree.compiled, *(path for path in tree.carried if is_python(tree.root / path))}
    code_folders = {parent for path in code for parent in PurePosixPath(path).parents}
    carried = {_outermost(path, code_folders) for path in tree.carried}
    _write(replace(tree, carried=tuple(sorted(carried))), out, _copy_code_link_data)


def _outermost(path: str, code_folders: set[PurePosixPath]) -> str:
    """The outermost folder around a file that holds no code, else the file itself."""
    folders = [folder for folder in PurePosixPath(path).parents if folder not in code_folders]
    return str(folders[-1]) if folders else path


def check_output(source: Path, out: Path) -> None:
    """Raises ProjectError where the output folder would harm what is there already."""
    root = source if source.is_dir() else source.parent
    real, real_root = out.resolve(), root.resolve()
    if real == real_root or real in real_root.parents:
        raise ProjectError(f"{out}: the output can't be the source folder or hold it")
    if out.exists() and not out.is_dir():
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
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"{path}: can't be read ({error}); delete it and compile again"
        ) from None


def read_search_space(folder: Path) -> SearchSpace | None:
    """The search space at a folder's root; None where there is none. Raises ProjectError."""
    path = folder / SEARCH_SPACE
    try:
        return SearchSpace.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, SpaceError) as error:
        raise ProjectError(f"{path}: {error}") from None


def _source_paths(source: Path, leave_out: Path | None) -> tuple[Path, list[str]]:
    if source.is_file():
        return source.parent, [source.name]
    if not source.is_dir():
        raise ProjectError(f"{source}: no such file or folder")
    return source, sorted(_walk(source, "", leave_out.resolve() if leave_out else None))


def _walk(folder: Path, prefix: str, leave_out: Path | None) -> Iterator[str]:
    """The files and links below a folder, relative to the first, without what is left out."""
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise ProjectError(f"{folder}: can't be read: {error.strerror}") from None
    for entry in entries:
        path = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name in _LEFT_OUT:
                continue
            if leave_out is not None and Path(entry.path).resolve() == leave_out:
                continue
            if any((Path(entry.path) / mark).exists() for mark in _OUTPUT_MARKS):
                continue
            yield from _walk(Path(entry.path), f"{path}/", leave_out)
        elif entry.is_symlink() or stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield path


def _annotated_bytes(path: Path) -> bytes | None:
    """The content of a Python file; None for everything else, a link among it."""
    if path.is_symlink() or not is_python(path):
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProjectError(f"{path}: can't be read: {error.strerror}") from None


def is_python(path: Path) -> bool:
    """Whether a file is Python source: by its suffix, or by its first line where it has none."""
    if path.suffix:
        return path.suffix in _SUFFIXES
    try:
        with path.open("rb") as file:
            line = file.readline(200)
    except OSError:
        return False
    return line.startswith(b"#!") and b"python" in line


def _module_name(path: str) -> str:
    return ".".join(PurePosixPath(path).with_suffix("").parts)


def _join(source: Path, path: str) -> Path:
    return source / path if source.is_dir() else source


def _tree_warnings(source: str, annotated: bool, reports: bool) -> Iterator[Diagnostic]:
    if not annotated:
        yield Diagnostic(source, 0, 0, "no annotations found", is_error=False)
    elif not reports:
        message = (
            "nothing reports a final result, so no trial will have one; add "
            '"""@nni.report_final_result(VALUE)"""'
        )
        yield Diagnostic(source, 0, 0, message, is_error=False)


def _check_own_search_space(tree: CompiledTree) -> None:
    """A search space file in the source is replaced by nothing but itself."""
    if SEARCH_SPACE not in tree.carried or not tree.compiled:
        return
    path = tree.root / SEARCH_SPACE
    own = read_search_space(tree.root)
    if own is None or identity(own.to_json()) != identity(tree.space.to_json()):
        raise ProjectError(
            f"{path}: the source has a search space file of its own, and annotations that say "
            "otherwise; a program uses one or the other: rename or remove the file, or the "
            "annotations"
        )


_Carry = Callable[[Path, Path], None]


def _write(tree: CompiledTree, out: Path, carry: _Carry) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, content in tree.compiled.items():
            target = _prepared(out, path)
            _replace(target, content)
            shutil.copymode(tree.root / path, target)
        for path in tree.carried:
            carry(tree.root / path, _prepared(out, path))
        if tree.compiled or SEARCH_SPACE not in tree.carried:
            _replace(_prepared(out, SEARCH_SPACE), tree.space.to_text().encode())
        files = tuple(sorted({*tree.compiled, *tree.carried}))
        manifest = Manifest(tree.scripts, tree.defaults, files)
        _replace(_prepared(out, MANIFEST), manifest.to_text().encode())
    except OSError as error:
        raise ProjectError(f"{error.filename or out}: can't be written: {error.strerror}") from None


def _prepared(out: Path, path: str) -> Path:
    """Where in the output a file goes, its folder made; links that stand in the way are removed."""
    folder = out
    for part in PurePosixPath(path).parts[:-1]:
        folder = folder / part
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            folder.unlink()
        folder.mkdir(exist_ok=True)
    target = out / path
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    return target


def _replace(target: Path, content: bytes) -> None:
    """Writes a file as a whole: never half of it, never through a link."""
    temporary = target.with_name(f".{target.name[:200]}.new")
    temporary.unlink(missing_ok=True)
    temporary.write_bytes(content)
    temporary.replace(target)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    if source.is_symlink():
        _copy_link(source, target)
    else:
        shutil.copy2(source, target)


def _copy_code_link_data(source: Path, target: Path) -> None:
    if source.is_symlink() or is_python(source):
        _copy(source, target)
    else:
        target.symlink_to(source.resolve())


def _copy_link(source: Path, target: Path) -> None:
    """A link that holds in the copy too: one that leaves the tree is made absolute."""
    aim = Path(os.readlink(source))  # noqa: PTH115 - Path.readlink would do, but not for odd bytes
    if not aim.is_absolute() and ".." in aim.parts:
        aim = Path(os.path.abspath(source.parent / aim))  # noqa: PTH100 - without following it
    target.symlink_to(aim)


def _remove(out: Path, path: str) -> None:
    """Takes a file that vanished from the source out of the output, with folders left empty."""
    (out / path).unlink(missing_ok=True)
    for folder in list((out / path).parents)[: len(PurePosixPath(path).parts) - 1]:
        if not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()


def _is_inside(path: object) -> bool:
    if not isinstance(path, str):
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and bool(pure.parts)
